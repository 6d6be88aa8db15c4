//! The engines, by the lab's wrappers: each wrapper becomes the engine's own client, so streams and status are its own.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::call::{self, Outcome, Running};
use crate::table::say;

/// The image of `Containerfile.example`, as the lab names it.
const DEMO: &str = "localhost/stepdown-demo";

/// No call of an engine takes longer, unless something hangs.
const PATIENCE: Duration = Duration::from_secs(90);

/// What the names of all containers and volumes of this test program begin with.
pub fn prefix() -> String {
    format!("stepdown-row-{}", std::process::id())
}

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
        let mut command = Command::new(lab(&self.to_string()));
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

    /// The same, with variables for the engine itself.
    pub fn start_with(self, words: &[String], variables: &[(&str, &str)]) -> Result<Running, String> {
        Running::start(self.command(words).envs(variables.iter().copied()), PATIENCE)
    }

    /// Ends and removes a container, if it is there.
    pub fn remove(self, container: &str) {
        let at_once = match self {
            Engine::Podman => "--time 0",
            Engine::Docker => "",
        };
        let _ = self.must(&format!("rm --force {at_once} {container}"));
    }

    /// The options of every container: its name, its log, and nothing from a network.
    pub fn own_options(self, name: &str, log: &Path) -> Vec<String> {
        let mut words = vec!["--name".to_owned(), name.to_owned()];
        // The lab's Docker has no network to leave out, and its client loses nothing.
        if self == Engine::Podman {
            words.extend(["--network=none".into(), "--log-driver=k8s-file".into(), format!("--log-opt=path={}", log.display())]);
        }
        words
    }

    /// An option as this engine wants it.
    pub fn translated(self, option: &str) -> Vec<String> {
        match (self, option.strip_prefix("--cap-add=")) {
            // One capability a flag is what every version of Docker takes.
            (Engine::Docker, Some(list)) => list.split(',').map(|name| format!("--cap-add={name}")).collect(),
            _ => vec![option.to_owned()],
        }
    }

    /// What it calls itself.
    pub fn version(self) -> String {
        let words = match self {
            Engine::Podman => "version --format {{.Client.Version}}",
            Engine::Docker => "version --format {{.Server.Version}}",
        };
        self.must(words).map(|outcome| outcome.stdout.trim().to_owned()).unwrap_or_else(|failure| panic!("{self}: {failure}"))
    }

    /// Why it cannot be used here; `make test` installs what is missing, a test does not.
    fn missing(self) -> Option<String> {
        let programs: &[&str] = match (self, is_root()) {
            (Engine::Podman, _) => &["podman", "newuidmap"],
            (Engine::Docker, true) => &["dockerd", "docker"],
            (Engine::Docker, false) => &["docker"],
        };
        if let Some(program) = programs.iter().find(|program| !on_path(program)) {
            return Some(format!("{program} is not installed"));
        }
        let unreachable = || self.must("version").err().map(|_| "its daemon is not in reach".to_owned());
        if self == Engine::Docker && !is_root() { unreachable() } else { None }
    }
}

/// The engines of this machine. What is missing is told, or fails where everything must run.
pub fn all_that_are_here() -> Vec<Engine> {
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
    if !here.contains(&Engine::Podman) {
        say("SKIP: every row: the image is built by podman");
        std::process::exit(0);
    }
    here
}

/// The image under a name that no other run of the lab can move to another; the name goes with it.
pub struct Image(Vec<Engine>);

/// The name of the image of this test program.
pub fn image() -> String {
    format!("localhost/{}", prefix())
}

/// The name of an image that a row makes from it, in Podman; it goes with the other.
pub fn derived_image() -> String {
    format!("{}-derived", image())
}

/// Builds the image with the binary under test, gives it to the engines, and makes sure that this is what they have.
pub fn make_image(engines: &[Engine]) -> Image {
    let mut command = Command::new(lab("image"));
    if engines.contains(&Engine::Docker) {
        command.arg("--docker");
    }
    // The binary that is named, or else the one that cargo built beside the tests. The script tells what takes long.
    let binary = std::env::var_os("STEPDOWN_INIT").map_or_else(|| env!("CARGO_BIN_EXE_init").into(), PathBuf::from);
    let status = command.env("STEPDOWN_INIT", &binary).stdin(Stdio::null()).stdout(Stdio::null()).status().unwrap();
    assert!(status.success(), "the image was not built with {}: {status}", binary.display());
    let wanted = call::run(Command::new("sha256sum").arg(&binary), PATIENCE).unwrap().stdout;
    for engine in engines {
        engine.must(&format!("tag {DEMO} {}", image())).unwrap();
        let found = engine.must(&format!("run --rm --entrypoint sha256sum {} /init", image())).unwrap().stdout;
        assert_eq!(found.split(' ').next(), wanted.split(' ').next(), "{engine}: the image has another /init than {}", binary.display());
    }
    Image(engines.to_vec())
}

impl Drop for Image {
    fn drop(&mut self) {
        let _ = Engine::Podman.must(&format!("rmi {}", derived_image()));
        for engine in &self.0 {
            let _ = engine.must(&format!("rmi {}", image()));
        }
    }
}

/// A script of the lab.
fn lab(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab").join(name)
}

/// Whether the test is root: then the lab has an account of its own for rootless Podman.
pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

fn on_path(program: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|directory| directory.join(program).is_file()))
}
