//! The app's initial state, and the message if it cannot start.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::stage::{Stage, file, only_own, signal_app};
use super::table::{Try, failed, scenario};

/// The parts of the app's state that an init must not change.
fn state(stage: Stage) -> Try<Vec<String>> {
    let mut run = stage.app("state").start()?;
    run.ready()?;
    run.signal_app_to_end()?;
    Ok(run.said().iter().filter(|line| line.starts_with("state ")).cloned().collect())
}

impl super::running::Running {
    /// Sends SIGTERM to the app directly, where an init may not forward it.
    fn signal_app_to_end(&mut self) -> Try {
        self.signal(15)
    }
}

/// The state must be the same as without any init.
fn as_without(name: &str, options: &[&str]) {
    scenario(&format!("start: mask and dispositions as without an init, {name}"), |init| {
        let with = |stage: Stage| options.iter().fold(stage, |stage, option| stage.option(*option));
        let bare = state(with(Stage::of(init).without_init()))?;
        let found = state(with(Stage::of(init)))?;
        if bare.len() < 5 || found != bare {
            return failed(format!("mask and dispositions {bare:?}, found {found:?}"));
        }
        Ok(())
    });
}

#[test]
fn plain_state() {
    as_without("nothing special", &[]);
}

#[test]
fn ignored_state() {
    as_without("HUP, INT, PIPE, TSTP, TTIN, TTOU, 32 and 40 ignored", &["ignore=1,2,13,20,21,22,32,40"]);
}

#[test]
fn ignored_children() {
    as_without("CHLD ignored", &["ignore=17"]);
}

#[test]
fn blocked_state() {
    as_without("HUP, CHLD, 33, 34 and 64 blocked", &["block=1,17,33,34,64"]);
}

#[test]
fn everything_ignored() {
    let all: Vec<String> =
        (1..=64).filter(|signal| ![9, 15, 19].contains(signal)).map(|signal: i32| signal.to_string()).collect();
    as_without(
        "all but TERM blocked and ignored",
        &[&format!("block={}", all.join(",")), &format!("ignore={}", all.join(","))],
    );
}

#[test]
fn ignored_children_still_give_a_status() {
    scenario("start: the app's status, though CHLD was ignored", |init| {
        let (mut run, _) = Stage::of(init).option("ignore=17").app("exit 9").ended()?;
        run.ends("code 9")
    });
}

#[test]
fn a_group_of_its_own() {
    scenario("start: the app leads a process group of its own", |init| {
        let mut run = Stage::of(init).app("state").start()?;
        let line = run.line("pid ")?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let leads = words[1] == words[3];
        run.check(leads, format!("the app as its group's leader: {line}"))
    });
}

/// The command cannot be run: expects this exit code, no other program and a message.
fn cannot(name: &str, code: i32, path: &str, make: impl Fn(&str)) {
    let path = if path.starts_with('/') { path.to_owned() } else { file(path).to_str().unwrap().to_owned() };
    make(&path);
    scenario(&format!("exec: {name} is {code}"), |init| {
        let mut run = Stage::of(init).command([path.clone()]).start()?;
        run.ends(&format!("code {code}"))?;
        let shell = run.has_said("a shell ran it");
        run.check(!shell, "no attempt to run a shell")?;
        if init.is_own() {
            let fatal = run.logged("init: fatal: ") && run.logged("; fix: ");
            run.check(fatal, "a fatal record with a fix")?;
        }
        Ok(())
    });
}

fn script(path: &str, text: &str, mode: u32) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn missing() {
    cannot("a missing command", 127, "/nowhere/to/be/found", |_| {});
}

#[test]
fn missing_on_path() {
    scenario("exec: a command that is in no directory of PATH is 127", |init| {
        let (mut run, _) = Stage::of(init).command(["no-such-command-anywhere".to_owned()]).ended()?;
        run.ends("code 127")
    });
}

#[test]
fn not_executable() {
    cannot("a file that is not executable", 126, "plain", |path| script(path, "echo a shell ran it\n", 0o644));
}

#[test]
fn a_directory() {
    cannot("a directory", 126, "/usr/bin", |_| {});
}

#[test]
fn not_a_directory() {
    cannot("a path through a file", 127, "/etc/passwd/x", |_| {});
}

#[test]
fn malformed() {
    cannot("a script without #!", 126, "malformed", |path| script(path, "echo a shell ran it\n", 0o755));
}

#[test]
fn malformed_binary() {
    cannot("a broken binary", 126, "broken", |path| script(path, "\u{7f}ELF\u{2}\u{1}\u{1} and no more\n", 0o755));
}

#[test]
fn missing_interpreter() {
    cannot("a missing interpreter", 127, "orphaned", |path| {
        script(path, "#!/no/such/shell\necho a shell ran it\n", 0o755)
    });
}

#[test]
fn not_executable_by_the_user() {
    let path = file("for-root");
    script(path.to_str().unwrap(), "#!/bin/sh\necho a shell ran it\n", 0o700);
    scenario("exec: executable for root, but not for the user, is 126", |init| {
        only_own(init)?;
        let (mut run, _) = Stage::of(init).command([path.to_str().unwrap().to_owned()]).ended()?;
        run.ends("code 126")
    });
}

// tini and dumb-init leave LISTEN_PID unchanged.
#[test]
fn activation() {
    scenario("start: LISTEN_FDS and its sockets reach the app, LISTEN_PID is the app's pid", |init| {
        let mut run = Stage::of(init).option("listen=2").app("state").start()?;
        let pid = run.number("pid ")?;
        let (descriptors, listener) = (run.number("LISTEN_FDS ")?, run.number("LISTEN_PID ")?);
        run.ready()?;
        let sockets: Vec<&str> = run.said().iter().filter_map(|line| line.strip_prefix("socket ")).collect();
        let right = sockets == ["3", "4"] && descriptors == 2 && listener == pid;
        run.check(right, format!("two sockets for {pid}"))
    });
}

#[test]
fn activation_is_not_held() {
    scenario("start: the init holds no socket of the app's", |init| {
        let mut run = Stage::of(init).option("listen=2").app("state").start()?;
        run.ready()?;
        run.until("no socket in the init", |run| {
            let list = fs::read_dir(format!("/proc/{}/fd", run.pid)).into_iter().flatten().flatten();
            list.filter_map(|entry| fs::read_link(entry.path()).ok())
                .all(|what| !what.to_string_lossy().starts_with("socket:"))
        })
    });
}

#[test]
fn arguments_are_not_joined() {
    scenario("start: the app's options are passed to the app", |init| {
        let mut run =
            Stage::of(init).command([signal_app(), "listen".into(), "-g".into(), "--".into(), "-h".into()]).start()?;
        let app = i32::try_from(run.ready()?).unwrap();
        let words = run.proc(app, "cmdline");
        run.check(words.ends_with("\0listen\0-g\0--\0-h\0"), format!("the same arguments: {words:?}"))
    });
}
