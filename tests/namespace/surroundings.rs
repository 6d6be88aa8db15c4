//! The state that the app inherits from the engine: descriptors, signals, environment, arguments, working directory,
//! umask.

use crate::support::protocol::Stream;
use crate::support::sandbox::{Sandbox, sandbox};
use crate::support::signal;

const FILE: &str = "/etc/group";

fn descriptors(sandbox: &Sandbox) -> Vec<String> {
    sandbox.run().app().all("fd").into_iter().map(|fd| fd.split(' ').next().unwrap().to_owned()).collect()
}

fn leaking(numbers: &[i32]) -> Sandbox {
    sandbox().with(|spec| spec.start.descriptors = numbers.iter().map(|number| (*number, FILE.to_owned())).collect())
}

// CVE-2024-21626: a descriptor that the engine forgot, here one of the machine's root directory.
#[test]
fn the_app_has_the_three_standard_descriptors_only() {
    let outside = sandbox().with(|spec| {
        spec.start.descriptors = vec![(3, FILE.into()), (7, ".".into()), (50, FILE.into()), (99, "etc".into())]
    });
    assert_eq!(descriptors(&outside), ["0", "1", "2"]);
    assert_eq!(descriptors(&outside.user(1001, 1001, 0)), ["0", "1", "2"]);
}

// CVE-2024-21626: a working directory outside of the container.
#[test]
fn a_working_directory_outside_of_the_container_is_refused() {
    for cwd in [".", "etc", "usr/bin"] {
        let run = sandbox().with(|spec| spec.start.cwd = cwd.into()).words(["/bin/witness"]).run();
        run.refused_late(71, &["working directory"]);
    }
}

#[test]
fn a_configured_working_directory_replaces_one_outside_of_the_container() {
    sandbox().with(|spec| spec.start.cwd = ".".into()).config("workdir = '/srv'").run().app().is("cwd", "/srv");
}

#[test]
fn declared_descriptors_are_passed_on() {
    let three = leaking(&[3, 4, 5]).env("LISTEN_FDS=2").env("LISTEN_PID=1").env("LISTEN_FDNAMES=a:b");
    assert_eq!(descriptors(&three), ["0", "1", "2", "3", "4"]);
    let app = three.run().app();
    assert_eq!(
        (app.variable("LISTEN_FDS"), app.variable("LISTEN_PID"), app.variable("LISTEN_FDNAMES")),
        ("2", "1", "a:b")
    );
}

#[test]
fn descriptors_declared_for_another_process_are_not() {
    for entries in [
        &["LISTEN_FDS=2", "LISTEN_PID=2"][..],
        &["LISTEN_FDS=2"],
        &["LISTEN_PID=1"],
        &["LISTEN_FDS=-2", "LISTEN_PID=1"],
        &["LISTEN_FDS=x", "LISTEN_PID=1"],
    ] {
        let declared = entries.iter().fold(leaking(&[3, 4]), |sandbox, entry| sandbox.env(entry));
        assert_eq!(descriptors(&declared), ["0", "1", "2"], "{entries:?}");
    }
    let below = leaking(&[3]).env("LISTEN_FDS=1").env("LISTEN_PID=2").with(|spec| spec.pid_one = false);
    assert_eq!(descriptors(&below), ["0", "1", "2", "3"]);
}

#[test]
fn declared_descriptors_that_are_not_open_or_are_directories_are_refused() {
    let beyond = leaking(&[3, 4, 7]).env("LISTEN_FDS=5").env("LISTEN_PID=1");
    beyond.run().refused(64, &["LISTEN_FDS is 5, but descriptor 5 is not open", "fix: "]);
    let none = sandbox().env("LISTEN_FDS=4000000000").env("LISTEN_PID=1");
    none.run().refused(64, &["descriptor 3 is not open"]);
    let directory = sandbox().with(|spec| spec.start.descriptors = vec![(3, "/".to_owned())]);
    let directory = directory.env("LISTEN_FDS=1").env("LISTEN_PID=1");
    directory.run().refused(64, &["LISTEN_FDS is 1, but descriptor 3 is a directory"]);
}

#[test]
fn closed_standard_streams_are_opened_on_dev_null() {
    let closed = |streams: [Stream; 3]| sandbox().with(|spec| spec.streams = streams);
    let app = closed([Stream::Closed, Stream::Pipe, Stream::Pipe]).run().app();
    assert_eq!(app.all("fd")[0], "0 /dev/null");
    let app = closed([Stream::Closed, Stream::Closed, Stream::Pipe]).words(["witness", "aside"]).run().app();
    assert_eq!(app.all("fd")[..2], ["0 /dev/null", "1 /dev/null"]);
    assert_eq!(app.all("fd").len(), 3);
    let app = closed([Stream::Null, Stream::Pipe, Stream::Closed]).run().app();
    assert_eq!(app.all("fd")[2], "2 /dev/null");
    let run = closed([Stream::Closed, Stream::Closed, Stream::Closed]).words(["witness", "exit=7"]).run();
    run.check(run.outcome.code == Some(7), "a running app without any stream");
}

#[test]
fn the_signal_mask_is_the_one_before_init() {
    let odd = signal(1) | signal(15) | signal(32) | signal(33) | signal(34) | signal(40) | signal(64);
    for blocked in [0, odd, !(signal(9) | signal(19))] {
        let app = sandbox().with(|spec| spec.start.blocked = blocked).run().app();
        app.is("SigBlk", &format!("{blocked:016x}"));
        app.is("SigIgn", "0000000000000000");
        app.is("SigCgt", "0000000000000000");
    }
}

#[test]
fn ignored_signals_stay_ignored_and_no_others() {
    let odd = signal(13) | signal(17) | signal(1) | signal(32) | signal(34) | signal(64);
    for ignored in [0, signal(13), odd] {
        let app = sandbox().with(|spec| spec.start.ignored = ignored).run().app();
        app.is("SigIgn", &format!("{ignored:016x}"));
        app.is("SigBlk", "0000000000000000");
    }
}

#[test]
fn a_broken_pipe_of_inits_own_log_does_not_kill_the_app() {
    for pid_one in [true, false] {
        let run = sandbox().with(|spec| (spec.streams[2], spec.pid_one) = (Stream::BrokenPipe, pid_one)).run();
        let app = run.app();
        app.is("ShdPnd", "0000000000000000");
        app.is("SigPnd", "0000000000000000");
    }
}

#[test]
fn the_environment_passes_as_bytes_in_its_order() {
    let odd: [&[u8]; 8] =
        [b"A=1", b"BYTES=\xff\xfe\x80", b"DUP=1", b"NOVALUE", b"=strange", b"DUP=2", b"EMPTY=", b"NEW=a\nb\x1b[31m"];
    let handed = odd.iter().fold(sandbox(), |sandbox, entry| sandbox.env(entry));
    let app = handed.run().app();
    let mut expected = vec!["PATH=/bin:/usr/bin".to_owned(), "HOME=/home/app".into(), "TERM=xterm".into()];
    expected.extend(odd.iter().map(|entry| entry.escape_ascii().to_string()));
    expected.extend(["USER=app".into(), "LOGNAME=app".into()]);
    assert_eq!(app.all("env"), expected);
}

#[test]
fn home_user_and_logname_follow_the_user() {
    let three = |sandbox: Sandbox| {
        let app = sandbox.run().app();
        ["HOME", "USER", "LOGNAME"].map(|name| app.variable(name).to_owned())
    };
    assert_eq!(three(sandbox()), ["/home/app", "app", "app"]);
    assert_eq!(three(sandbox().words(["-u", "web", "witness"])), ["/srv/web", "web", "web"]);
    assert_eq!(three(sandbox().words(["-u", "4711", "witness"])), ["/", "4711", "4711"]);
    let chosen =
        |entry: &str| sandbox().with(|spec| spec.env = vec!["PATH=/bin".into(), entry.into(), "USER=bob".into()]);
    assert_eq!(three(chosen("HOME=/data")), ["/data", "bob", "app"]);
    assert_eq!(three(chosen("HOME=/root")), ["/home/app", "app", "app"]);
    assert_eq!(three(sandbox().config("home = '/srv'").env("X=1")), ["/srv", "app", "app"]);
}

#[test]
fn configured_variables_override_the_engines() {
    let text = "[env]\nA = 'forced'\nB = '${A:-2}'\nC = '$$'\n\
        [role]\ndefault = 'web'\n[roles.web]\nenv = { D = '${A}-web' }\n";
    let app = sandbox().config(text).env("A=engine").run().app();
    assert_eq!(["A", "B", "C", "D"].map(|name| app.variable(name)), ["forced", "engine", "$", "forced-web"]);
}

#[test]
fn arguments_pass_as_bytes() {
    let words: [&[u8]; 6] = [b"witness", b"\xff\xfe", b"--plan", b"", b"--", b"two words"];
    let app = sandbox().words(words).run().app();
    assert_eq!(app.all("argv"), ["witness", "\\xff\\xfe", "--plan", "", "--", "two words"]);
    let app = sandbox().words(["--", "witness", "--help"]).run().app();
    assert_eq!(app.all("argv"), ["witness", "--help"]);
    app.is("exe", "/bin/witness");
}

// CVE-2021-4034: a program that starts counting its arguments at one reads the first variable as an argument if there
// is none. Kernels since 5.18 insert an empty argument.
#[test]
fn without_arguments_no_variable_is_read_as_one() {
    let base = sandbox()
        .with(|spec| spec.argv.clear())
        .config("[role]\ndefault = 'web'\n[roles.web]\ncommand = ['witness']\n");
    let app = base.clone().with(|spec| spec.env.insert(0, b"--user=web".to_vec())).run().app();
    app.is_dropped_to(1001, 1001, "1001");
    base.with(|spec| spec.env.clear()).run().app().is_dropped_to(1001, 1001, "1001");
}

#[test]
fn the_working_directory_and_the_umask_are_inherited_or_configured() {
    let app = sandbox().with(|spec| (spec.start.cwd, spec.start.umask) = ("/srv".into(), 0o027)).run().app();
    app.is("cwd", "/srv");
    app.is("Umask", "0027");
    let app = sandbox().config("workdir = '/home/app'\numask = '0077'").run().app();
    app.is("cwd", "/home/app");
    app.is("Umask", "0077");
}

#[test]
fn the_apps_own_exit_status_is_the_containers() {
    for code in [0, 1, 64, 71, 77, 78, 126, 255] {
        let run = sandbox().words(["witness".to_owned(), format!("exit={code}")]).run();
        run.check(run.started() && run.outcome.code == Some(code), "the app's own code");
    }
}

#[test]
fn a_stop_during_the_boot_ends_it() {
    for (signal, pid_one) in [(15, true), (2, true), (3, false), (1, true), (15, false)] {
        let run = sandbox().stopped_by(&[signal]).with(|spec| spec.pid_one = pid_one).run();
        run.refused_late(128 + signal, &[&format!("signal {signal}"), "before the app was started"]);
    }
}

#[test]
fn ignored_or_blocked_stop_does_not_abort_boot() {
    let app = sandbox().stopped_by(&[15]).with(|spec| spec.start.ignored = signal(15)).run().app();
    app.is_dropped_to(1001, 1001, "1001");
    let app = sandbox().stopped_by(&[15]).with(|spec| spec.start.blocked = signal(15)).run().app();
    app.is("ShdPnd", &format!("{:016x}", signal(15)));
}

#[test]
fn other_signals_do_not_abort_the_boot() {
    sandbox().stopped_by(&[17, 28, 23]).run().app().is_dropped_to(1001, 1001, "1001");
}

/// A role whose health check and step are the witness, with the variables that systemd passes to the app.
fn activated(entries: &str) -> Sandbox {
    leaking(&[3, 4])
        .config(format!("[role]\ndefault = 'app'\n[roles.app]\ncommand = ['witness']\n{entries}"))
        .env("LISTEN_FDS=2")
        .env("LISTEN_PID=1")
        .env("NOTIFY_SOCKET=/run/notify")
        .env("WATCHDOG_USEC=1")
}

#[track_caller]
fn has_nothing_of_the_apps(lines: &str) {
    assert!(lines.contains("fd: 2 ") && lines.contains("env: PATH="), "the witness reports: {lines}");
    for part in ["fd: 3 ", "fd: 4 ", "env: LISTEN_", "env: NOTIFY_SOCKET", "env: WATCHDOG_"] {
        assert!(!lines.contains(part), "{part} in {lines}");
    }
}

#[test]
fn steps_do_not_inherit_activation_sockets_or_the_notify_socket() {
    let run = activated("[[step]]\nname = 'look'\ncommand = ['witness']\n").words([""; 0]).run();
    let app = run.app();
    assert!(app.all("fd").iter().any(|line| line.starts_with("4 ")), "the app has them");
    assert_eq!(app.variable("NOTIFY_SOCKET"), "/run/notify");
    has_nothing_of_the_apps(&run.stderr());
}

#[test]
fn health_checks_do_not_inherit_activation_sockets_or_the_notify_socket() {
    let run = activated("health = { exec = ['witness', 'aside'] }\n").words(["--health"]).run();
    has_nothing_of_the_apps(&run.stderr());
}

// The kernel reaps the children of a process that ignores SIGCHLD, and discards their exit codes.
#[test]
fn ignored_sigchld_does_not_hang_a_wait_a_root_step_or_the_boot_check() {
    let role = "[role]\ndefault = 'app'\n[roles.app]\ncommand = ['witness']\n";
    let root_step = "[[root_step]]\nname = 'look'\ncommand = ['/bin/witness']\n";
    let wait = "[[step]]\nname = 'look'\nwait = { exec = ['witness', 'aside'] }\n";
    let check = "[boot_check]\nsettle = '100ms'\nrequire_read_only_root = false\n";
    // The witness ends at once, which fails the check.
    for (entry, word, code, programs) in
        [(root_step, "--role=app", 0, 2), (wait, "--role=app", 0, 2), (check, "--check", 1, 1)]
    {
        let start = sandbox().config(format!("{role}{entry}")).words([word]);
        let run = start.with(|spec| spec.start.ignored = signal(17)).run();
        run.check(run.outcome.code == Some(code), &format!("exit code {code} with {word}"));
        let text = run.stdout() + &run.stderr();
        let ignoring = text.matches(&format!("SigIgn: {:016x}\n", signal(17))).count();
        run.check(ignoring == programs, &format!("{programs} programs that ignore SIGCHLD"));
    }
}

#[test]
fn ignored_sigchld_does_not_lose_the_exit_code_of_a_step_or_a_health_check() {
    let ignoring = |words: &[&str], step: &str| {
        let text = format!(
            "[role]\ndefault = 'app'\n[roles.app]\ncommand = ['witness']\nhealth = {{ exec = ['witness', 'aside'] }}\n\
             [[step]]\nname = 'look'\ncommand = ['witness', '{step}']\n"
        );
        sandbox().config(text).words(words).with(|spec| spec.start.ignored = signal(17)).run()
    };
    let run = ignoring(&[], "exit=0");
    let app = run.app();
    app.is("SigIgn", &format!("{:016x}", signal(17)));
    let run = ignoring(&[], "exit=3");
    run.check(run.outcome.code == Some(70) && run.stderr().contains("'look' exited with 3"), "the step's exit code");
    let run = ignoring(&["--health"], "exit=0");
    run.check(run.outcome.code == Some(0), "a healthy answer");
    let run = ignoring(&["--supervise", "witness", "exit=7"], "exit=0");
    run.check(run.outcome.code == Some(7), "the exit code of a supervised app");
    run.check(run.stdout().contains(&format!("SigIgn: {:016x}\n", signal(17))), "SIGCHLD ignored in the app");
}
