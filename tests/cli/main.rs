//! The command line without a boot: output and exit codes. Needs no namespaces.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

mod plan;
mod render;

/// The result of one run.
struct Done {
    command: String,
    code: Option<i32>,
    out: String,
    err: String,
}

fn init() -> PathBuf {
    std::env::var_os("STEPDOWN_INIT").map_or_else(|| env!("CARGO_BIN_EXE_init").into(), PathBuf::from)
}

fn command<W: AsRef<OsStr>>(words: &[W], variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(init());
    command.args(words).env_clear().env("PATH", "/usr/bin:/bin").envs(variables.iter().copied());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs it, with a deadline.
fn finish(mut command: Command) -> Done {
    let shown = format!("{command:?}");
    let mut child = command.spawn().expect("starts");
    let (mut out, mut err) = (child.stdout.take(), child.stderr.take());
    let (sends, receives) = mpsc::channel::<(String, String, ExitStatus)>();
    let pid = child.id();
    std::thread::spawn(move || {
        let (mut texts, mut bytes) = ([String::new(), String::new()], Vec::new());
        if let Some(out) = &mut out {
            out.read_to_end(&mut bytes).unwrap();
            texts[0] = String::from_utf8_lossy(&bytes).into_owned();
        }
        if let Some(err) = &mut err {
            bytes.clear();
            err.read_to_end(&mut bytes).unwrap();
            texts[1] = String::from_utf8_lossy(&bytes).into_owned();
        }
        let [out, err] = texts;
        let _ = sends.send((out, err, child.wait().unwrap()));
    });
    let Ok((out, err, status)) = receives.recv_timeout(Duration::from_secs(20)) else {
        let pid = i32::try_from(pid).unwrap();
        let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL);
        panic!("{shown} does not end");
    };
    Done { command: shown, code: status.code(), out, err }
}

fn run<W: AsRef<OsStr>>(words: &[W]) -> Done {
    finish(command(words, &[]))
}

/// A configuration in the tests' own directory.
fn configured(name: &str, text: &str) -> String {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.toml"));
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

impl Done {
    #[track_caller]
    fn check(&self, holds: bool, expected: &str) {
        let Done { command, code, out, err } = self;
        assert!(holds, "expected {expected}\ncommand: {command}\nstatus: {code:?}\nstdout:\n{out}stderr:\n{err}");
    }

    #[track_caller]
    fn refused(&self, code: i32, words: &[&str]) {
        self.check(self.code == Some(code), &format!("exit code {code}"));
        self.check(self.out.is_empty(), "nothing on standard output");
        self.check(self.err.lines().count() == 1 && self.err.ends_with('\n'), "one line on standard error");
        self.check(
            self.err.starts_with("init: fatal: ") && self.err.contains("; fix: "),
            "a fatal record with its fix",
        );
        for word in words {
            self.check(self.err.contains(word), &format!("the words '{word}'"));
        }
    }

    #[track_caller]
    fn printed(&self) -> &str {
        self.check(self.code == Some(0), "exit code 0");
        self.check(self.err.is_empty(), "nothing on standard error");
        &self.out
    }
}

#[test]
fn help_names_every_option_and_exit_code() {
    for words in [&["--help"][..], &["-h"], &["--help", "witness"], &["-c", "/nowhere", "--help"]] {
        let done = run(words);
        let page = done.printed();
        for word in [
            "--config",
            "--user",
            "--tmpfs",
            "--role",
            "--supervise",
            "--plan",
            "--render",
            "--json",
            "--help",
            "--version",
            "-c,",
            "-u,",
            "-r,",
            "-s,",
            "-h,",
            "-V,",
            "INIT_LOG",
            "ROLE",
            "64",
            "71",
            "77",
            "78",
            "126",
            "127",
        ] {
            done.check(page.contains(word), word);
        }
        done.check(page.lines().all(|line| line.len() <= 120), "lines of a reasonable length");
    }
}

#[test]
fn the_version_is_the_packages() {
    for word in ["--version", "-V"] {
        assert_eq!(run(&[word]).printed(), concat!("stepdown ", env!("CARGO_PKG_VERSION"), "\n"));
    }
}

#[test]
fn a_wrong_command_line_is_refused() {
    for words in [
        &["--nonsense"][..],
        &["-x"],
        &["--config"],
        &["--user"],
        &["--role"],
        &["--tmpfs"],
        &["--plan=yes"],
        &["--help", "--version"],
        &["--plan", "--help"],
        &["--json"],
        &["--json", "witness"],
        &["-u", "a", "-u", "b", "witness"],
        &["--config", "/a", "-c", "/b"],
        &["--role=a", "--role=b"],
        &["--tmpfs", "relative", "witness"],
        &["--tmpfs", "/", "witness"],
        &["--tmpfs", "/a/../b", "witness"],
        &["--tmpfs", "/a:0999", "witness"],
        &["--tmpfs", "/a:4755", "witness"],
        &["--tmpfs", "/a:", "witness"],
        &["--tmpfs", "/a:uid=1001", "witness"],
        &["", "x"],
        &["--", ""],
    ] {
        run(words).refused(64, &["command line: ", "see /init --help"]);
    }
}

#[test]
fn refusal_describes_the_problem() {
    run(&["--nonsense"]).refused(64, &["--nonsense"]);
    run(&["-x"]).refused(64, &["-x"]);
    run(&["--user"]).refused(64, &["--user"]);
    run(&["--tmpfs", "/a:0999"]).refused(64, &["--tmpfs /a:0999", "'0999' is not a mode"]);
    run(&["--tmpfs", "/a:0500"]).refused(64, &["'0500' does not let the app write there"]);
    run(&["-u", "a", "--user", "b"]).refused(64, &["--user is given twice"]);
    run(&[OsStr::new("--user"), OsStr::from_bytes(b"\xff"), OsStr::new("x")]).refused(64, &["--user is not UTF-8"]);
}

#[test]
fn missing_configuration_file_is_refused() {
    run(&["--config", "/nowhere/init.toml", "--plan", "sh"])
        .refused(78, &["cannot read the configuration /nowhere/init.toml", "ENOENT"]);
}

#[test]
fn a_record_is_always_one_line() {
    for path in ["/a\ninit: info: all is well", "/\x1b[31mred", "/\u{202e}txet", "/\r\x07"] {
        let done = run(&["--config", path, "--plan", "sh"]);
        done.refused(78, &["cannot read the configuration"]);
        done.check(!done.err.trim_end().chars().any(char::is_control), "no control character");
    }
}

#[test]
fn an_invalid_boot_check_value_is_refused() {
    for value in ["yes", "true", "2", "on"] {
        // The command does not exist, so nothing can start whatever the check does.
        finish(command(&["/nowhere/app"], &[("BOOT_CHECK_ONLY", value)]))
            .refused(64, &[&format!("BOOT_CHECK_ONLY is '{value}'")]);
    }
    finish(command(&["--plan", "sh"], &[("INIT_LOG", "nonsense")])).refused(64, &["INIT_LOG is 'nonsense'"]);
}

#[test]
fn options_end_where_the_command_begins() {
    let done = run(&["--plan", "sh", "--version", "-c", "--", "--json"]);
    done.check(
        done.printed().contains("[\"sh\", \"--version\", \"-c\", \"--\", \"--json\"]"),
        "every word of the command",
    );
    let done = run(&["--plan", "--", "sh", "--help"]);
    done.check(done.printed().contains("[\"sh\", \"--help\"]"), "the arguments after the dashes");
}

#[test]
fn output_that_cannot_be_written_is_a_failure() {
    for word in ["--help", "--version", "--plan"] {
        let mut full = command(&[word, "sh"], &[]);
        full.stdout(OpenOptions::new().write(true).open("/dev/full").unwrap());
        finish(full).refused(71, &["cannot write to standard output", "ENOSPC"]);
        let mut broken = command(&[word, "sh"], &[]);
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        broken.stdout(writer);
        finish(broken).refused(71, &["cannot write to standard output", "EPIPE"]);
    }
}

#[test]
fn a_closed_standard_output_is_a_failure_too() {
    for word in ["--help", "--version", "--plan"] {
        let mut shell = Command::new("sh");
        shell.args(["-c", "exec \"$0\" \"$@\" >&-"]).arg(init()).args([word, "sh"]);
        shell.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        finish(shell).refused(71, &["cannot write to standard output"]);
    }
}

#[test]
fn a_closed_or_full_standard_error_does_not_change_the_exit_code() {
    let mut full = command(&["--nonsense"], &[]);
    full.stderr(OpenOptions::new().write(true).open("/dev/full").unwrap());
    assert_eq!(finish(full).code, Some(64));
    let mut broken = command(&["--nonsense"], &[]);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    broken.stderr(writer);
    assert_eq!(finish(broken).code, Some(64));
    let mut shell = Command::new("sh");
    shell.args(["-c", "exec \"$0\" --nonsense 2>&- <&- >&-"]).arg(init());
    assert_eq!(finish(shell).code, Some(64));
}
