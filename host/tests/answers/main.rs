//! Every request gets an answer, whatever is wrong on the host: the real program, without systemd and Podman.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::{
    fs,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// The account that the program runs as where the tests run as root, which the program refuses.
const ACCOUNT: u32 = 65534;
const GOOD: &str =
    "image = \"registry.example/app\"\nunits = [\"web\"]\nverify = \"none\"\n[spool]\ndir = \"%h/spool\"\n";

/// A home directory with the program, a configuration and a spool.
struct Home(PathBuf);

impl Home {
    fn new(name: &str, configuration: &str) -> Self {
        let home = Self(std::env::temp_dir().join(format!("stepdown-answers-{name}-{}", std::process::id())));
        let _ = fs::remove_dir_all(&home.0);
        for folder in ["spool/new", ".config/stepdown", ".local/state/stepdown/app"] {
            fs::create_dir_all(home.path(folder)).unwrap();
        }
        // The target directory may be closed to the account.
        let program = std::env::var("STEPDOWN_HOST").unwrap_or(env!("CARGO_BIN_EXE_stepdown").to_owned());
        fs::copy(program, home.path("stepdown")).unwrap();
        fs::set_permissions(&home.0, fs::Permissions::from_mode(0o755)).unwrap();
        home.write(".config/stepdown/app.toml", configuration);
        home
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// The service's command, with nothing of the host's in its PATH.
    fn start(&self) -> Child {
        if rustix::process::geteuid().is_root() {
            own(&self.0);
        }
        let mut command = Command::new(self.path("stepdown"));
        command.args(["--app", "app", "deploy", "--trigger"]).env_clear();
        command.env("HOME", &self.0).env("PATH", self.path("none"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if rustix::process::geteuid().is_root() {
            command.uid(ACCOUNT).gid(ACCOUNT);
        }
        command.spawn().unwrap()
    }

    /// Runs the service's command to its end: its exit code, and what it wrote to standard error.
    fn run(&self) -> (Option<i32>, String) {
        let output = self.start().wait_with_output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    fn read(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.path(name)).ok().map(|text| text.trim_end().to_owned())
    }

    fn claimed(&self) -> usize {
        fs::read_dir(self.path(".local/state/stepdown/app/claimed")).map_or(0, Iterator::count)
    }

    /// Waits at most 30 s until `done` is true.
    fn until(&self, what: &str, done: impl Fn() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !done() {
            assert!(Instant::now() < deadline, "{what}");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn own(path: &Path) {
    std::os::unix::fs::lchown(path, Some(ACCOUNT), Some(ACCOUNT)).unwrap();
    if path.is_dir() && !path.is_symlink() {
        fs::read_dir(path).unwrap().for_each(|entry| own(&entry.unwrap().path()));
    }
}

#[test]
fn wrong_configuration_is_the_answer_to_every_request() {
    let wrong = [
        ("key", format!("{GOOD}[gate]\nmod = {{}}\n"), "app.toml:7:1: unknown field `mod`"),
        ("syntax", format!("{GOOD}[gate\n"), "app.toml:6:6: "),
        ("early", GOOD.replacen("units = [\"web\"]", "units = [\"web\"", 1), "app.toml:"),
        ("value", GOOD.replace("registry.example/app", "app"), "is not REGISTRY/REPOSITORY"),
    ];
    for (name, configuration, reason) in wrong {
        let home = Home::new(name, &configuration);
        home.write("spool/deploy-trigger", "v1\n");
        home.write("spool/new/one", "v2\n");
        home.write("spool/new/two", "no tag");
        let (code, err) = home.run();
        assert_eq!(code, Some(78), "{name}: {err}");
        for (file, tag) in [("spool/deploy-status", "v1"), ("spool/done/one", "v2")] {
            let answer = home.read(file).unwrap_or_else(|| panic!("{name}: no answer in {file}: {err}"));
            assert!(answer.starts_with(&format!("fail {tag} ")) && answer.contains(reason), "{name}: {answer}");
            assert!(answer.contains("; nothing has changed; fix: "), "{name}: {answer}");
        }
        assert!(home.read("spool/done/two").unwrap().starts_with("fail - the tag is not valid"));
        assert!(err.contains(reason) && home.claimed() == 0, "{name}: {err}");
    }
}

/// Where nothing of the configuration can be read, the spool of the last run is used.
#[test]
fn missing_configuration_is_answered_in_the_spool_of_the_last_run() {
    let home = Home::new("missing", GOOD);
    home.write("spool/deploy-trigger", "v1");
    let (code, err) = home.run();
    // The command line tools are missing, and the spool is known from now on.
    assert!(code == Some(1) && home.read("spool/deploy-status").is_some(), "{code:?} {err}");
    fs::remove_file(home.path(".config/stepdown/app.toml")).unwrap();
    home.write("spool/deploy-trigger", "v2");
    let (code, err) = home.run();
    let answer = home.read("spool/deploy-status").unwrap_or_default();
    assert!(code == Some(78) && answer.starts_with("fail v2 read "), "{code:?} {answer}: {err}");
    assert!(answer.contains("No such file") && answer.contains("; fix: stepdown install prints"), "{answer}");
}

#[test]
fn missing_tool_and_unreadable_state_are_answered() {
    let home = Home::new("tool", GOOD);
    home.write("spool/new/one", "v1");
    let (code, err) = home.run();
    let answer = home.read("spool/done/one").unwrap_or_else(|| panic!("no answer: {err}"));
    assert!(code == Some(1) && answer.starts_with("fail v1 start podman: "), "{code:?} {answer}");
    assert!(
        answer.ends_with("; nothing has changed; fix: install podman, in a directory of this user's PATH"),
        "{answer}"
    );
    home.write(".local/state/stepdown/app/state.json", "{");
    home.write("spool/new/two", "v2");
    let (code, err) = home.run();
    let answer = home.read("spool/done/two").unwrap_or_else(|| panic!("no answer: {err}"));
    assert!(code == Some(1) && answer.contains("state.json: "), "{code:?} {answer}");
    assert!(answer.contains("; fix: mv "), "{answer}");
}

#[test]
fn answer_that_cannot_be_written_is_written_later() {
    let home = Home::new("later", &format!("{GOOD}wrong = 1\n"));
    home.write("spool/done", "a file where the folder belongs");
    home.write("spool/new/one", "v1");
    home.write("spool/new/two", "v2");
    let mut service = home.start();
    home.until("the requests were not claimed", || home.claimed() == 2);
    fs::remove_file(home.path("spool/done")).unwrap();
    let answer = |id: &str| home.read(&format!("spool/done/{id}")).unwrap_or_default();
    home.until("no answer", || !answer("one").is_empty() && !answer("two").is_empty());
    assert!(answer("one").starts_with("fail v1 ") && answer("two").starts_with("fail v2 "));
    assert_eq!((service.wait().unwrap().code(), home.claimed()), (Some(78), 0));
}

#[test]
fn answer_of_a_service_that_ended_before_it_was_written_is_written_by_the_next_one() {
    let home = Home::new("next", &format!("{GOOD}wrong = 1\n"));
    home.write("spool/done", "a file where the folder belongs");
    home.write("spool/new/one", "v1");
    let mut service = home.start();
    home.until("the request was not claimed", || home.claimed() == 1);
    service.kill().unwrap();
    service.wait().unwrap();
    // The spool's directory is made anew.
    fs::remove_dir_all(home.path("spool")).unwrap();
    fs::create_dir(home.path("spool")).unwrap();
    let (code, err) = home.run();
    let answer = home.read("spool/done/one").unwrap_or_else(|| panic!("no answer: {err}"));
    assert!(code == Some(78) && answer.starts_with("fail v1 "), "{code:?} {answer}");
}

#[test]
fn folder_that_lies_where_an_answer_belongs_is_set_aside() {
    let home = Home::new("folder", &format!("{GOOD}wrong = 1\n"));
    fs::create_dir_all(home.path("spool/deploy-status/deep")).unwrap();
    home.write("spool/deploy-trigger", "v1");
    let (code, err) = home.run();
    assert!(code == Some(78) && home.read("spool/deploy-status").unwrap().starts_with("fail v1 "), "{err}");
}
