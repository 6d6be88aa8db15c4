//! Steps that wait, optional steps, steps with path conditions; roles by argument.

use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

use crate::support::protocol::Kind;
use crate::support::run::Run;
use crate::support::sandbox::{Sandbox, sandbox};

/// A container with a shell and a few tools of this machine, and the libraries that they need.
pub(crate) fn with_shell() -> Sandbox {
    static MADE: LazyLock<PathBuf> = LazyLock::new(|| {
        let made = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("shell");
        std::fs::create_dir_all(made.join("bin")).unwrap();
        std::fs::create_dir_all(made.join("lib")).unwrap();
        for tool in ["sh", "cat", "ls", "true", "false", "sleep", "head", "tr"] {
            let path = PathBuf::from("/usr/bin").join(tool);
            std::fs::copy(&path, made.join("bin").join(tool)).unwrap();
            let listed = Command::new("ldd").arg(&path).output().unwrap().stdout;
            let listed = String::from_utf8(listed).unwrap();
            for library in listed.split_whitespace().filter(|word| word.starts_with('/')) {
                let name = PathBuf::from(library).file_name().unwrap().to_owned();
                std::fs::copy(library, made.join("lib").join(name)).unwrap();
            }
        }
        made
    });
    sandbox()
        .node("/usr", Kind::HostBind(MADE.clone()))
        .node("/lib", Kind::Symlink("usr/lib".into()))
        .node("/lib64", Kind::Symlink("usr/lib".into()))
        .env("LD_LIBRARY_PATH=/usr/lib")
}

fn shell(config: &str) -> Run {
    with_shell().config(config).tmpfs("/data").run()
}

fn step(rest: &str) -> String {
    format!("[[tmpfs]]\npath = '/data'\n[[step]]\nname = 'x'\n{rest}\n")
}

fn prints(text: &str) -> String {
    step(&format!("command = ['sh', '-c', '{text}']\noutput = 'LINE'"))
}

#[test]
fn output_sets_a_variable_for_later_steps_and_the_app() {
    let config = prints("echo noise >&2; printf \"a  b\\n\"")
        + "[[step]]\nname = 'y'\ncommand = ['sh', '-c', 'echo \"[$$LINE]\" $$0', '${LINE}']\n\
         [[step]]\nname = 'z'\ncommand = ['sh', '-c', 'echo RAN z']\nwhen = { LINE = 'a  b' }\n\
         [[step]]\nname = 'not'\ncommand = ['sh', '-c', 'echo RAN not']\nunless = { LINE = true }\n\
         [[step]]\nname = 'second'\ncommand = ['sh', '-c', 'echo \"$$0\"', '<${LINE}>']\noutput = 'SECOND'\n\
         [role]\ndefault = 'app'\n[roles.app]\ncommand = ['witness', 'word=${LINE}', '${LINE:+yes}', '${SECOND}']\n";
    let run = with_shell().config(config.clone()).tmpfs("/data").words::<&str>([]).run();
    let app = run.app();
    assert_eq!((app.variable("LINE"), app.variable("SECOND")), ("a  b", "<a  b>"), "{}", run.shown());
    assert_eq!(app.all("argv"), ["witness", "word=a  b", "yes", "<a  b>"], "{}", run.shown());
    for line in ["step: x: noise", "step: y: [a  b] a b", "step: z: RAN z"] {
        assert!(run.stderr().lines().any(|said| said.ends_with(line)), "{line}: {}", run.shown());
    }
    assert!(!run.stderr().contains("RAN not"), "{}", run.shown());
    let plan = with_shell().config(config).tmpfs("/data").words(["--plan"]).run();
    plan.check(plan.stdout().contains("word=<output of x>") && plan.stdout().contains(", output to LINE"), "the plan");
}

#[test]
fn skipped_step_leaves_its_variable_unchanged() {
    let config = |more: &str| {
        prints("echo new; exit 3")
            + more
            + "[role]\ndefault = 'app'\n[roles.app]\ncommand = ['witness', '${LINE:-none}']\n"
    };
    for (more, env, expected) in [
        ("optional = true\n", "A=1", "none"),
        ("optional = true\n", "LINE=old", "old"),
        ("when_exists = '/nowhere'\n", "LINE=old", "old"),
        ("unless = { LINE = true }\n", "LINE=old", "old"),
    ] {
        let run = with_shell().config(config(more)).tmpfs("/data").words::<&str>([]).env(env).run();
        assert_eq!(run.app().all("argv"), ["witness", expected], "{}", run.shown());
    }
    let run =
        with_shell().config(config("optional = true\n").replace(":-none", "")).tmpfs("/data").words::<&str>([]).run();
    run.refused_late(78, &["LINE"]);
}

#[test]
fn output_can_be_unset_for_the_app() {
    let run = shell(&("unset = ['LINE']\n".to_owned() + &prints("echo secret")));
    assert!(run.app().all("env").iter().all(|entry| !entry.starts_with("LINE=")), "{}", run.shown());
}

#[test]
fn an_output_is_one_line_of_at_most_4_kib_without_a_nul() {
    for (text, said) in [
        ("echo a; echo b", "more than one line"),
        ("printf \"a\\0b\"", "a NUL"),
        ("head -c 4097 /dev/zero | tr \"\\0\" x", "more than 4 KiB"),
        ("head -c 1000000 /dev/zero", "more than 4 KiB"),
    ] {
        shell(&prints(text)).refused_late(70, &[said, "its output becomes LINE", "as one line"]);
    }
    for (text, length) in [("true", 0), ("echo", 0), ("head -c 4096 /dev/zero | tr \"\\0\" x", 4096)] {
        let run = shell(&prints(text));
        assert_eq!(run.app().variable("LINE").len(), length, "{text}: {}", run.shown());
    }
    assert_eq!(shell(&prints("printf \"\\377\"")).app().variable("LINE"), "\\xff");
}

#[test]
fn an_empty_output_that_is_needed_is_the_fault_of_its_step() {
    let config = |text: &str| {
        prints(text) + "[role]\ndefault = 'app'\n[roles.app]\ncommand = ['witness', '${LINE:?the count}']\n"
    };
    let boot = |text: &str| with_shell().config(config(text)).tmpfs("/data").words::<&str>([]).env("LINE=old").run();
    let said = "step 'x' printed nothing, and its output becomes LINE";
    boot("true").refused_late(70, &[said, "fix: let it print the value as one line"]);
    assert_eq!(boot("echo 3").app().all("argv"), ["witness", "3"]);
}

#[test]
fn endless_output_ends_at_the_timeout() {
    let run = shell(&prints("cat /dev/zero").replace("output", "timeout = '300ms'\noutput"));
    run.refused_late(70, &["did not end within 300ms"]);
}

#[test]
fn path_condition_is_tested_just_before_the_step() {
    let made = "[[step]]\nname = 'make'\ncommand = ['sh', '-c', 'echo > /data/there']\n";
    let config = format!(
        "[[tmpfs]]\npath = '/data'\n{made}[[step]]\nname = 'first'\ncommand = ['sh', '-c', 'echo RAN first']\n\
         unless_exists = '${{DIR}}/there'\n\
          [[step]]\nname = 'second'\ncommand = ['sh', '-c', 'echo RAN second']\n\
          when_exists = '/data/there'\n[env]\nDIR = '/data'\n"
    );
    let run = shell(&config);
    run.app();
    assert!(!run.stderr().contains("RAN first") && run.stderr().contains("RAN second"), "{}", run.shown());
}

#[test]
fn an_optional_step_only_warns() {
    let run = shell(&step("command = ['sh', '-c', 'echo why; exit 3']\noptional = true"));
    run.app();
    assert!(run.stderr().contains("warn: step 'x' exited with 3, saying 'why'"), "{}", run.shown());
}

#[test]
fn wait_ends_when_it_passes_or_times_out() {
    let waits = |wait: &str| shell(&step(&format!("wait = {wait}\ntimeout = '1s'")));
    for wait in ["{ file = '/etc/init.toml' }", "{ exec = ['true'] }"] {
        waits(wait).app();
    }
    for (wait, said) in [
        ("{ file = '/nowhere' }", "/nowhere"),
        ("{ tcp = '127.0.0.1:1' }", "waited 1s for 127.0.0.1:1; last: connect to 127.0.0.1:1"),
        ("{ http = 'http://127.0.0.1:1/x' }", "GET http://127.0.0.1:1/x"),
        ("{ http = 'http://x/', unix = '/run/none.sock' }", "through /run/none.sock"),
        ("{ exec = ['false'] }", "exited with 1"),
    ] {
        let run = waits(wait);
        run.check(run.outcome.code == Some(70) && run.stderr().contains(said), said);
        run.check(run.outcome.took_ms < 10_000, "an end in time");
    }
}

#[test]
fn wait_checks_immediately() {
    let boot = || shell(&step("wait = { exec = ['true'] }")).outcome.took_ms;
    let took: Vec<u64> = (0..3).map(|_| boot()).collect();
    assert!(took.iter().any(|took| *took < 400), "one of three boots without a pause: {took:?} ms");
}

#[test]
fn first_word_selects_the_role_if_configured() {
    let roles = "[roles.web]\ncommand = ['witness', 'web']\n[roles.worker]\ncommand = ['witness', 'worker']\n";
    let words = |role: &str, words: &[&str]| {
        let run = sandbox().config(format!("[role]\ndefault = 'web'\n{role}\n{roles}")).words(words).run();
        let app = run.app();
        let role = app.all("env").iter().find_map(|entry| entry.strip_prefix("ROLE=")).unwrap_or("").to_owned();
        (app.all("argv").join(" "), role)
    };
    let pair = |words: &str, role: &str| (words.to_owned(), role.to_owned());
    assert_eq!(words("argument = true", &["worker", "-Q", "mail"]), pair("witness worker -Q mail", "worker"));
    assert_eq!(words("argument = true", &["witness", "worker"]), pair("witness worker", ""));
    assert_eq!(words("argument = true", &[]), pair("witness web", ""));
    assert_eq!(words("flags = 'worker'", &["--", "-c", "x=1"]), pair("witness worker -c x=1", "worker"));
    assert_eq!(words("argument = true\nflags = 'web'", &["--", "--x"]), pair("witness web --x", "web"));
    sandbox().config(format!("[role]\nflags = 'wbe'\n{roles}")).run().refused(78, &["no role 'wbe'"]);
    sandbox().config(roles).words(["worker"]).run().refused(127, &["'worker' is a role"]);
}

#[test]
fn stop_interrupts_any_wait() {
    for optional in ["", "optional = true"] {
        let config = step(&format!("wait = {{ file = '/nowhere' }}\ntimeout = '60s'\n{optional}"));
        let run = with_shell().config(config).tmpfs("/data").stopped_by(&[15]).run();
        run.check(run.outcome.code == Some(143), "no app");
        run.check(run.stderr().contains("waiting for /nowhere"), "the object of the wait");
        run.check(run.stderr().contains("stopped by signal 15 during the step"), "the stop");
        run.check(run.outcome.took_ms < 10_000, "at once");
    }
}
