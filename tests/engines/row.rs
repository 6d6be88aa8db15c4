//! A row of the table: options of the engine, words after the image's name, what is to come of them.

use std::cell::{Cell, RefCell};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::call::{Outcome, Running};
use crate::engine::{Engine, image, prefix};
use crate::expect::{App, Refusal};
use crate::log;

/// What the interface asks of an engine, and the one writable directory of the image's configuration.
pub const USUAL: &str = "--cap-drop=ALL --cap-add=CHOWN,SETUID,SETGID,SETPCAP --read-only --tmpfs /home/app:rw,size=16m,mode=0755";

/// The same without the writable directory.
pub const FOUR: &str = "--cap-drop=ALL --cap-add=CHOWN,SETUID,SETGID,SETPCAP --read-only";

pub const BOTH: &[Engine] = &[Engine::Podman, Engine::Docker];
pub const PODMAN: &[Engine] = &[Engine::Podman];
pub const DOCKER: &[Engine] = &[Engine::Docker];

/// The app of the table.
pub const PROBE: &str = include_str!("probe.py");

type Story = Box<dyn Fn(&Scene) -> Result<String, String> + Send + Sync>;

/// A row. Its story says in a word what came of it, or what went wrong.
pub struct Row {
    pub name: String,
    engines: &'static [Engine],
    story: Story,
}

impl Row {
    pub fn new(name: impl Into<String>, engines: &'static [Engine], story: impl Fn(&Scene) -> Result<String, String> + Send + Sync + 'static) -> Row {
        Row { name: name.into(), engines, story: Box::new(story) }
    }

    /// The same row in fewer engines.
    pub fn only(self, engines: &'static [Engine]) -> Row {
        Row { engines, ..self }
    }

    pub fn runs_in(&self, engine: Engine) -> bool {
        self.engines.contains(&engine)
    }

    pub fn run(&self, scene: &Scene) -> Result<String, String> {
        (self.story)(scene)
    }
}

/// A row in which the app starts and finds what it should; `asked` are the words for the probe.
pub fn starts(name: &str, engines: &'static [Engine], options: impl Into<String>, asked: &'static str, app: App) -> Row {
    let options = options.into();
    Row::new(name, engines, move |scene| app.judge(&scene.probe(&options, asked)?))
}

/// A row that is refused; `words` are what follows the image's name, and the probe comes after them.
pub fn refused(
    name: impl Into<String>,
    engines: &'static [Engine],
    options: impl Into<String>,
    words: &'static [&'static str],
    refusal: Refusal,
) -> Row {
    let options = options.into();
    Row::new(name, engines, move |scene| {
        let mut all = words.to_vec();
        all.extend(["python3", "-c", PROBE]);
        refusal.judge(&scene.run(&options, &all)?)
    })
}

/// A row that is refused with a configuration of its own.
pub fn refused_with(name: &str, options: &'static str, configuration: &'static str, refusal: Refusal) -> Row {
    Row::new(name, BOTH, move |scene| {
        let options = format!("{options} {}", scene.configuration(configuration));
        refusal.judge(&scene.probe(&options, "")?)
    })
}

/// One row in one engine: its containers, its files, all of which go with it.
pub struct Scene {
    pub engine: Engine,
    /// The name of its containers and volumes.
    pub name: String,
    directory: PathBuf,
    containers: Cell<u32>,
    volumes: RefCell<Vec<String>>,
    /// Whether a container may have outlived its call.
    left: Cell<bool>,
}

impl Scene {
    pub fn new(engine: Engine) -> Scene {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("{}-{}", prefix(), COUNT.fetch_add(1, Ordering::Relaxed));
        // Not $TMPDIR: the lab's account must be able to read it.
        let directory = Path::new("/tmp").join(&name);
        fs::create_dir(&directory).unwrap();
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
        // The lab's account writes there.
        fs::create_dir(directory.join("logs")).unwrap();
        fs::set_permissions(directory.join("logs"), fs::Permissions::from_mode(0o777)).unwrap();
        Scene { engine, name, directory, containers: Cell::new(0), volumes: RefCell::default(), left: Cell::new(false) }
    }

    /// Writes a file of the row's own and gives its path on the host.
    pub fn file(&self, name: &str, text: &str, mode: u32) -> String {
        let path = self.directory.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path.display().to_string()
    }

    /// Makes a directory of the row's own and gives its path on the host.
    pub fn directory(&self, name: &str) -> String {
        let path = self.directory.join(name);
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path.display().to_string()
    }

    /// The option that puts a configuration in the place of the image's.
    pub fn configuration(&self, text: &str) -> String {
        format!("--volume {}:/etc/init.toml:ro", self.file("init.toml", text, 0o644))
    }

    /// Makes a named volume.
    pub fn volume(&self) -> Result<String, String> {
        let name = format!("{}-{}", self.name, self.volumes.borrow().len());
        self.engine.must(&format!("volume create {name}"))?;
        self.volumes.borrow_mut().push(name.clone());
        Ok(name)
    }

    /// Runs a container to its end.
    pub fn run(&self, options: &str, words: &[&str]) -> Result<Outcome, String> {
        self.run_image(options, &image(), words)
    }

    /// The same with another image.
    pub fn run_image(&self, options: &str, image: &str, words: &[&str]) -> Result<Outcome, String> {
        let outcome = self.engine.call(&self.words("run --rm", options, image, words));
        self.left.set(self.left.get() || outcome.is_err());
        Ok(self.complete(outcome?))
    }

    /// Starts the newest container again, to its end.
    pub fn start_again(&self) -> Result<Outcome, String> {
        let words = ["start", "--attach", &self.container()].map(str::to_owned);
        Ok(self.complete(self.engine.call(&words)?))
    }

    /// A run whose client got less than the container printed, completed from the container's log.
    fn complete(&self, outcome: Outcome) -> Outcome {
        let Ok(log) = fs::read(self.log()) else { return outcome };
        // Of the next start only what that one prints.
        let _ = fs::remove_file(self.log());
        log::complete(outcome, &String::from_utf8_lossy(&log))
    }

    /// Where Podman keeps the log of the newest container.
    fn log(&self) -> PathBuf {
        self.directory.join("logs").join(self.container())
    }

    /// Runs the probe as the app.
    pub fn probe(&self, options: &str, asked: &str) -> Result<Outcome, String> {
        let mut words = vec!["python3", "-c", PROBE];
        words.extend(asked.split_whitespace());
        self.run(options, &words)
    }

    /// Starts a container and leaves it running.
    pub fn start(&self, options: &str, words: &[&str]) -> Result<Running, String> {
        self.left.set(true);
        self.engine.start(&self.words("run --rm", options, &image(), words))
    }

    /// The same, with variables for the engine itself.
    pub fn start_with(&self, options: &str, variables: &[(&str, &str)]) -> Result<Running, String> {
        self.left.set(true);
        self.engine.start_with(&self.words("run --rm", options, &image(), &[]), variables)
    }

    /// Makes a container that is to be started by its name.
    pub fn create(&self, options: &str, words: &[&str]) -> Result<(), String> {
        self.left.set(true);
        self.engine.call(&self.words("create", options, &image(), words))?.ended(0).map(drop)
    }

    /// The name of its newest container. Each has its own: one that was just used may not be free yet.
    pub fn container(&self) -> String {
        format!("{}-{}", self.name, self.containers.get())
    }

    /// All words of a call that makes a container.
    fn words(&self, verb: &str, options: &str, image: &str, words: &[&str]) -> Vec<String> {
        self.containers.set(self.containers.get() + 1);
        let mut all: Vec<String> = verb.split_whitespace().map(str::to_owned).collect();
        all.extend(self.engine.own_options(&self.container(), &self.log()));
        all.extend(options.split_whitespace().flat_map(|option| self.engine.translated(option)));
        all.push(image.to_owned());
        all.extend(words.iter().map(|word| (*word).to_owned()));
        all
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        // Most are gone by themselves, and asking costs as much as starting one.
        if self.left.get() {
            for number in 1..=self.containers.get() {
                self.engine.remove(&format!("{}-{number}", self.name));
            }
        }
        for volume in self.volumes.borrow().iter() {
            let _ = self.engine.must(&format!("volume rm --force {volume}"));
        }
        let _ = fs::remove_dir_all(&self.directory);
    }
}
