//! The engines by the lab's wrappers, and the image of `tests/django`.

use std::fmt;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::call::{self, Outcome, Running};

/// The image of `tests/django`.
pub const IMAGE: &str = "localhost/stepdown-django";

/// No call of an engine takes longer, unless something hangs.
pub const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Podman,
    Docker,
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Engine::Podman => "podman",
            Engine::Docker => "docker",
        })
    }
}

impl Engine {
    fn command(self, words: &[String]) -> Command {
        let mut command = Command::new(script(&self.to_string()));
        command.args(words);
        command
    }

    /// Calls it, to the end.
    pub fn call(self, words: &[String]) -> Result<Outcome, String> {
        call::run(&mut self.command(words), PATIENCE)
    }

    /// Calls it with words that a space parts; it must succeed.
    pub fn must(self, words: &str) -> Result<Outcome, String> {
        self.call(&words.split_whitespace().map(str::to_owned).collect::<Vec<_>>())?.ended(0)
    }

    /// Calls it, and leaves it running.
    pub fn start(self, words: &[String]) -> Result<Running, String> {
        Running::start(&mut self.command(words), PATIENCE)
    }

    /// Ends and removes a container, if it is there.
    pub fn remove(self, container: &str) {
        let at_once = if self == Engine::Podman { "--time 0" } else { "" };
        let _ = self.must(&format!("rm --force {at_once} {container}"));
    }

    fn missing(self) -> Option<String> {
        let programs: &[&str] = match self {
            Engine::Podman => &["podman", "newuidmap"],
            Engine::Docker => &["dockerd", "docker"],
        };
        programs.iter().find(|program| !on_path(program)).map(|program| format!("{program} is not installed"))
    }
}

/// The engines of this machine, with the image in each. What is missing is told, or fails where everything must run.
pub fn engines() -> Vec<Engine> {
    let must_run = std::env::var_os("STEPDOWN_MUST_RUN").is_some_and(|value| value == "1");
    let here = [Engine::Podman, Engine::Docker].into_iter().filter(|engine| match engine.missing() {
        None => true,
        Some(reason) if must_run => panic!("every test must run, but {engine} cannot: {reason}"),
        Some(reason) => {
            say(&format!("SKIP: {engine}: {reason}"));
            false
        }
    });
    let here: Vec<Engine> = here.collect();
    if here.contains(&Engine::Podman) {
        make_image(&here);
        return here;
    }
    say("SKIP: every row: the image is built by podman");
    Vec::new()
}

/// Builds the image with the binary under test: the one that is named, or the one that cargo built beside the tests.
fn make_image(engines: &[Engine]) {
    let mut command = Command::new(script("django"));
    if engines.contains(&Engine::Docker) {
        command.arg("--docker");
    }
    let binary = std::env::var_os("STEPDOWN_INIT").map_or_else(|| env!("CARGO_BIN_EXE_init").into(), PathBuf::from);
    command.env("STEPDOWN_INIT", binary);
    let status = command.stdout(Stdio::null()).status().unwrap();
    assert!(status.success(), "tests/lab/django failed");
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab").join(name)
}

fn on_path(program: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|directory| directory.join(program).is_file()))
}

/// Says something at once, whatever the harness captures.
pub fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
