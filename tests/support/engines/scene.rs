//! One row in one engine: its containers, files and volumes, which are removed with it.

use std::cell::{Cell, RefCell};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::call::{Outcome, Running};
use super::engine::{Engine, image, prefix};
use super::log;

/// Shared by all scenes of a test program.
pub struct Stage {
    /// The Python app that prints its state.
    pub probe: &'static str,
    /// Options that every Docker container gets.
    pub docker: &'static str,
}

pub struct Scene {
    pub engine: Engine,
    /// The name prefix of its containers and volumes.
    pub name: String,
    stage: &'static Stage,
    directory: PathBuf,
    containers: Cell<u32>,
    volumes: RefCell<Vec<String>>,
    /// Whether a container may still exist.
    left: Cell<bool>,
}

impl Scene {
    pub fn new(engine: Engine, stage: &'static Stage) -> Scene {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("{}-{}", prefix(), COUNT.fetch_add(1, Ordering::Relaxed));
        // Not $TMPDIR: the lab's account must be able to read it, and to write logs.
        let directory = Path::new("/tmp").join(&name);
        for (path, mode) in [(directory.clone(), 0o755), (directory.join("logs"), 0o777)] {
            fs::create_dir(&path).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }
        Scene {
            engine,
            name,
            stage,
            directory,
            containers: Cell::new(0),
            volumes: RefCell::default(),
            left: Cell::new(false),
        }
    }

    /// Writes a file for this row, and returns its path on the host.
    pub fn file(&self, name: &str, text: &str, mode: u32) -> String {
        let path = self.directory.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        // Root of a rootless container is the account that runs the engine, and root only reads files that it owns.
        if let Some(owner) = self.engine.account() {
            std::os::unix::fs::chown(&path, Some(owner), Some(owner)).unwrap();
        }
        path.display().to_string()
    }

    /// Creates a directory for this row, and returns its path on the host.
    pub fn directory(&self, name: &str) -> String {
        let path = self.directory.join(name);
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path.display().to_string()
    }

    /// The option that replaces the image's configuration.
    pub fn configuration(&self, text: &str) -> String {
        format!("--volume {}:/etc/init.toml:ro", self.file("init.toml", text, 0o644))
    }

    /// Creates a named volume.
    pub fn volume(&self) -> Result<String, String> {
        let name = format!("{}-{}", self.name, self.volumes.borrow().len());
        self.engine.must(&format!("volume create {name}"))?;
        self.volumes.borrow_mut().push(name.clone());
        Ok(name)
    }

    /// Runs a container until it ends.
    pub fn run(&self, options: &str, words: &[&str]) -> Result<Outcome, String> {
        self.run_image(options, &image(), words)
    }

    /// The same with another image.
    pub fn run_image(&self, options: &str, image: &str, words: &[&str]) -> Result<Outcome, String> {
        let outcome = self.engine.call(&self.words("run --rm", options, image, words));
        self.left.set(self.left.get() || outcome.is_err());
        Ok(self.complete(outcome?))
    }

    /// Runs the probe as the app.
    pub fn probe(&self, options: &str, asked: &[&str]) -> Result<Outcome, String> {
        let mut words = vec!["python3", "-c", self.stage.probe];
        words.extend(asked);
        self.run(options, &words)
    }

    /// Starts a container, and leaves it running.
    pub fn start(&self, options: &str, words: &[&str]) -> Result<Running, String> {
        self.left.set(true);
        self.engine.start(&self.words("run --rm", options, &image(), words))
    }

    /// The same, with environment variables for the engine.
    pub fn start_with(&self, options: &str, variables: &[(&str, &str)]) -> Result<Running, String> {
        self.left.set(true);
        self.engine.start_with(&self.words("run --rm", options, &image(), &[]), variables)
    }

    /// Starts a detached container of any image, and returns its name.
    pub fn detach(&self, options: &str, image: &str, words: &[&str]) -> Result<String, String> {
        self.left.set(true);
        self.engine.call(&self.words("run --detach", options, image, words))?.ended(0)?;
        Ok(self.container())
    }

    /// Creates a container, to be started by its name.
    pub fn create(&self, options: &str, words: &[&str]) -> Result<(), String> {
        self.left.set(true);
        self.engine.call(&self.words("create", options, &image(), words))?.ended(0).map(drop)
    }

    /// Starts the newest container again, and waits until it ends.
    pub fn start_again(&self) -> Result<Outcome, String> {
        let words = ["start", "--attach", &self.container()].map(str::to_owned);
        Ok(self.complete(self.engine.call(&words)?))
    }

    /// Runs a program in the newest container.
    pub fn exec(&self, options: &str, words: &[&str]) -> Result<Outcome, String> {
        let mut all = vec!["exec".to_owned()];
        all.extend(options.split_whitespace().map(str::to_owned));
        all.push(self.container());
        all.extend(words.iter().map(|word| (*word).to_owned()));
        self.engine.call(&all)
    }

    /// Runs an engine command on the newest container, whose name is the last argument.
    pub fn ask(&self, words: &str) -> Result<Outcome, String> {
        let words = words.split_whitespace().map(str::to_owned).chain([self.container()]);
        self.engine.call(&words.collect::<Vec<_>>())
    }

    /// The name of the newest container. Names are not reused, since the engine may not have released one yet.
    pub fn container(&self) -> String {
        format!("{}-{}", self.name, self.containers.get())
    }

    /// A run; output that the client lost is completed from the container's log.
    fn complete(&self, mut outcome: Outcome) -> Outcome {
        // Podman 4 complains about a missing systemd for every container with a health check.
        let unasked = |line: &&str| !(line.starts_with("time=\"") && line.contains("unable to get systemd connection"));
        outcome.stderr = outcome.stderr.split_inclusive('\n').filter(unasked).collect();
        let Ok(log) = fs::read(self.log()) else { return outcome };
        // The log of the next start only contains that start's output.
        let _ = fs::remove_file(self.log());
        log::complete(outcome, &String::from_utf8_lossy(&log))
    }

    /// The path of Podman's log of the newest container.
    fn log(&self) -> PathBuf {
        self.directory.join("logs").join(self.container())
    }

    /// All arguments of a call that creates a container.
    fn words(&self, verb: &str, options: &str, image: &str, words: &[&str]) -> Vec<String> {
        self.containers.set(self.containers.get() + 1);
        let mut all: Vec<String> = verb.split_whitespace().map(str::to_owned).collect();
        all.extend(self.engine.own_options(&self.container(), &self.log(), options));
        if self.engine == Engine::Docker {
            all.extend(self.stage.docker.split_whitespace().map(str::to_owned));
        }
        all.extend(options.split_whitespace().flat_map(|option| self.engine.translated(option)));
        all.push(image.to_owned());
        all.extend(words.iter().map(|word| (*word).to_owned()));
        all
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        // Most have been removed with `--rm`, and asking takes as long as starting one. The newest first: it may use
        // the network of an earlier one.
        if self.left.get() {
            for number in (1..=self.containers.get()).rev() {
                self.engine.remove(&format!("{}-{number}", self.name));
            }
        }
        for volume in self.volumes.borrow().iter() {
            let _ = self.engine.must(&format!("volume rm --force {volume}"));
        }
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// Replaces one part of a text, which must contain it.
pub fn replaced(text: &str, part: &str, by: &str) -> String {
    assert!(text.contains(part), "there is no '{part}' in: {text}");
    text.replace(part, by)
}
