//! The engines, through the lab's wrappers: each wrapper executes the engine's client, so streams and status are
//! those of the client.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::call::{self, Outcome, Running};
use super::table::say;

/// The time limit of each call.
const PATIENCE: Duration = Duration::from_secs(90);

/// The time limit of a set-up, which may create a root file system.
const SETUP: Duration = Duration::from_secs(900);

/// The name prefix of all containers, volumes and images of this test program.
pub fn prefix() -> String {
    format!("stepdown-row-{}", std::process::id())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// Rootless with crun; it builds every image.
    Podman,
    PodmanRunc,
    PodmanRoot,
    PodmanRootRunc,
    /// Rootless, from the next Debian release.
    Podman5,
    /// As root, of the newer Debian release that `STEPDOWN_NEWER` selects; otherwise it is left out.
    Podman5Root,
    Docker,
}

pub const ALL: &[Engine] = &[
    Engine::Podman,
    Engine::PodmanRunc,
    Engine::PodmanRoot,
    Engine::PodmanRootRunc,
    Engine::Podman5,
    Engine::Podman5Root,
    Engine::Docker,
];
pub const BOTH: &[Engine] = &[Engine::Podman, Engine::Docker];
pub const PODMAN: &[Engine] = &[Engine::Podman];
pub const DOCKER: &[Engine] = &[Engine::Docker];

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Engine::Podman => "podman",
            Engine::PodmanRunc => "podman, runc",
            Engine::PodmanRoot => "podman as root",
            Engine::PodmanRootRunc => "podman as root, runc",
            Engine::Podman5 => "podman 5",
            Engine::Podman5Root => "podman 5 as root",
            Engine::Docker => "docker",
        })
    }
}

impl Engine {
    /// The name of the lab's wrapper.
    fn wrapper(self) -> &'static str {
        match self {
            Engine::Podman | Engine::PodmanRunc => "podman",
            Engine::PodmanRoot | Engine::PodmanRootRunc => "podman-root",
            Engine::Podman5 => "podman5",
            Engine::Podman5Root => "podman5-root",
            Engine::Docker => "docker",
        }
    }

    pub fn is_podman(self) -> bool {
        self != Engine::Docker
    }

    /// The lab's account that runs it, if root uses another account for it.
    pub fn account(self) -> Option<u32> {
        if !is_root() || !matches!(self, Engine::Podman | Engine::PodmanRunc | Engine::Podman5) {
            return None;
        }
        let accounts = std::fs::read_to_string("/etc/passwd").unwrap();
        let line = accounts.lines().find_map(|line| line.strip_prefix("stepdown-lab:"))?;
        line.split(':').nth(1)?.parse().ok()
    }

    /// Whether its containers have control groups: the lab's rootless ones do not.
    pub fn has_limits(self) -> bool {
        matches!(self, Engine::PodmanRoot | Engine::PodmanRootRunc | Engine::Docker)
    }

    fn command(self, words: &[String]) -> Command {
        let mut command = Command::new(lab(self.wrapper()));
        command.args(words);
        if matches!(self, Engine::PodmanRunc | Engine::PodmanRootRunc) {
            command.env("STEPDOWN_RUNTIME", "runc");
        }
        command
    }

    /// Calls it, and waits until it ends.
    pub fn call(self, words: &[String]) -> Result<Outcome, String> {
        call::run(&mut self.command(words), PATIENCE)
    }

    /// Calls it with arguments separated by spaces; it must succeed.
    pub fn must(self, words: &str) -> Result<Outcome, String> {
        self.call(&words.split_whitespace().map(str::to_owned).collect::<Vec<_>>())?.ended(0)
    }

    /// Starts a call and leaves it running.
    pub fn start(self, words: &[String]) -> Result<Running, String> {
        self.start_with(words, &[])
    }

    /// The same, with environment variables for the engine.
    pub fn start_with(self, words: &[String], variables: &[(&str, &str)]) -> Result<Running, String> {
        Running::start(self.command(words).envs(variables.iter().copied()), PATIENCE)
    }

    /// Stops and removes a container, if it exists.
    pub fn remove(self, container: &str) {
        let at_once = if self.is_podman() { "--time 0" } else { "" };
        let _ = self.must(&format!("rm --force {at_once} {container}"));
    }

    /// The options of every container: its name, its log driver, and no network unless the row asks for one.
    pub fn own_options(self, name: &str, log: &Path, options: &str) -> Vec<String> {
        let mut words = vec!["--name".to_owned(), name.to_owned()];
        // The lab's Docker has no networks, and its client loses no output.
        if self.is_podman() {
            if !options.contains("--network=") {
                words.push("--network=none".into());
            }
            words.extend(["--log-driver=k8s-file".into(), format!("--log-opt=path={}", log.display())]);
        }
        words
    }

    /// An option in this engine's form.
    pub fn translated(self, option: &str) -> Vec<String> {
        match (self, option.strip_prefix("--cap-add=")) {
            // All versions of Docker accept one capability a flag.
            (Engine::Docker, Some(list)) => list.split(',').map(|name| format!("--cap-add={name}")).collect(),
            _ => vec![option.to_owned()],
        }
    }

    /// Its version.
    pub fn version(self) -> String {
        let side = if self.is_podman() { "Client" } else { "Server" };
        let told = self.must(&format!("version --format {{{{.{side}.Version}}}}"));
        told.map(|outcome| outcome.stdout.trim().to_owned()).unwrap_or_else(|failure| panic!("{self}: {failure}"))
    }

    /// Its name, version and runtime, for the table.
    pub fn described(self) -> String {
        let how = match self {
            Engine::Podman => "rootless, crun",
            Engine::PodmanRunc => "rootless, runc",
            Engine::PodmanRoot | Engine::Podman5Root => "as root, crun",
            Engine::PodmanRootRunc => "as root, runc",
            Engine::Podman5 => "rootless, crun",
            Engine::Docker => "as root, runc",
        };
        format!("{} {}, {how}", if self.is_podman() { "Podman" } else { "Docker" }, self.version())
    }

    /// The reason why it cannot be used here; `make test` installs what is missing, a test does not.
    fn missing(self) -> Option<String> {
        let programs: &[&str] = match (self, is_root()) {
            (Engine::Podman, _) => &["podman", "newuidmap"],
            (Engine::Docker, true) => &["dockerd", "docker"],
            (Engine::Docker, false) => &["docker"],
            (_, false) => return Some("only root can create its environment".to_owned()),
            (Engine::PodmanRoot, true) => &["podman", "crun"],
            (Engine::PodmanRunc | Engine::PodmanRootRunc, true) => &["podman", "runc"],
            (Engine::Podman5 | Engine::Podman5Root, true) => &["mmdebstrap", "newuidmap"],
        };
        if let Some(program) = programs.iter().find(|program| !on_path(program)) {
            return Some(format!("{program} is not installed"));
        }
        // The first call sets up its environment or starts its daemon.
        let version = call::run(self.command(&[]).arg("version"), SETUP).and_then(|outcome| outcome.ended(0));
        version.err().map(|failure| format!("it cannot be set up: {failure}"))
    }
}

/// The usable engines. The others are reported, or fail the test if everything must run.
pub fn here(engines: &[Engine]) -> Vec<Engine> {
    let must_run = std::env::var_os("STEPDOWN_MUST_RUN").is_some_and(|value| value == "1");
    let newer = std::env::var_os("STEPDOWN_NEWER").is_some();
    let engines = engines.iter().copied().filter(|engine| newer || *engine != Engine::Podman5Root);
    let here = engines.filter(|engine| match engine.missing() {
        None => true,
        Some(reason) if must_run => panic!("every test must run, but {engine} is unusable: {reason}"),
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

/// An image tagged with a name that another run of the lab cannot move; the tag is removed with it.
pub struct Image(String, Vec<Engine>);

/// The name of this test program's image.
pub fn image() -> String {
    format!("localhost/{}", prefix())
}

/// The name of this test program's second image.
pub fn django_image() -> String {
    format!("{}-django", image())
}

/// The name of an image that a row derives from it, in Podman; removed with the other.
pub fn derived_image() -> String {
    format!("{}-derived", image())
}

/// Builds the image with the binary under test by the lab's script, gives it to the engines, and verifies that they
/// have it.
pub fn make_image(script: &str, name: String, engines: &[Engine]) -> Image {
    // `STEPDOWN_INIT`, or the binary that cargo built beside the tests. The script prints its slow steps.
    let binary = std::env::var_os("STEPDOWN_INIT").map_or_else(|| env!("CARGO_BIN_EXE_init").into(), PathBuf::from);
    give(Command::new(lab(script)).env("STEPDOWN_INIT", &binary), engines);
    let wanted = call::run(Command::new("sha256sum").arg(&binary), PATIENCE).unwrap().stdout;
    for engine in engines {
        engine
            .must(&format!("tag localhost/stepdown-{} {}", if script == "image" { "demo" } else { script }, name))
            .unwrap();
        let found =
            engine.must(&format!("run --rm --network=none --entrypoint sha256sum {name} /init")).unwrap().stdout;
        assert_eq!(
            found.split(' ').next(),
            wanted.split(' ').next(),
            "{engine}: the image has another /init than {}",
            binary.display()
        );
    }
    Image(name, engines.to_vec())
}

/// Gives the engines the base image, which contains a `redis-server`.
pub fn give_broker(engines: &[Engine]) {
    give(&mut Command::new(lab("broker")), engines);
}

/// The base image's name.
pub const BROKER: &str = "localhost/stepdown-base";

/// Calls a script of the lab with the wrappers that get its image; the first one builds it.
fn give(script: &mut Command, engines: &[Engine]) {
    let mut wrappers: Vec<&str> =
        engines.iter().map(|engine| engine.wrapper()).filter(|wrapper| *wrapper != "podman").collect();
    wrappers.dedup();
    let status = script.args(wrappers).stdin(Stdio::null()).stdout(Stdio::null()).status().unwrap();
    assert!(status.success(), "{} failed: {status}", script.get_program().display());
}

impl Drop for Image {
    fn drop(&mut self) {
        let _ = Engine::Podman.must(&format!("rmi {}", derived_image()));
        for engine in &self.1 {
            let _ = engine.must(&format!("rmi {}", self.0));
        }
    }
}

/// The path of a script of the lab.
pub fn lab(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab").join(name)
}

/// Whether the test runs as root: then the lab uses its own account for rootless Podman.
pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

fn on_path(program: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|directory| directory.join(program).is_file()))
}
