//! One row in one engine: its containers, its files, its volumes, all of which go with it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::call::{Outcome, Running};
use crate::lab::{Engine, IMAGE};
use crate::log;

/// The configuration of the image.
pub const CONFIGURATION: &str = include_str!("../django/init.toml");

/// The mark that every app of these rows leaves.
pub const MARK: &str = "app: started";

pub const PROBE: &str = include_str!("probe.py");
pub const APP: &str = include_str!("app.py");

/// The flags of the service's deployment: gate and serving share them, word for word.
pub const FLAGS: &str = "--read-only --cap-drop=ALL --cap-add=NET_ADMIN,CHOWN,SETUID,SETGID,SETPCAP --pids-limit=1024 \
    --tmpfs /tmp:rw,size=64m,mode=1777 --tmpfs /app/staticfiles:rw,size=32m,mode=0755 --tmpfs /home/app:rw,size=16m,mode=0755 \
    --env OPENAI_API_KEY=key-of-a-test --env DJANGO_SECRET_KEY=set-by-hand";

/// What the gate has in the place of the persistent volume, and what makes it a gate.
pub const THROW_AWAY: &str = "--tmpfs /app/runtime:rw,size=16m,mode=0755";
pub const GATE: &str = "--env BOOT_CHECK_ONLY=1";

pub struct Scene {
    pub engine: Engine,
    name: String,
    directory: PathBuf,
    containers: Cell<u32>,
    volumes: RefCell<Vec<String>>,
    /// Whether a container may have outlived its call.
    left: Cell<bool>,
}

impl Scene {
    pub fn new(engine: Engine) -> Scene {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("stepdown-gate-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        // Not $TMPDIR: the lab's account must be able to read it.
        let directory = Path::new("/tmp").join(&name);
        for (path, mode) in [(directory.clone(), 0o755), (directory.join("logs"), 0o777)] {
            fs::create_dir(&path).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }
        Scene { engine, name, directory, containers: Cell::new(0), volumes: RefCell::default(), left: Cell::new(false) }
    }

    /// Writes a file of the row's own and gives its path on the host.
    pub fn file(&self, name: &str, text: &str, mode: u32) -> String {
        let path = self.directory.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path.display().to_string()
    }

    /// The option that puts a configuration in the place of the image's.
    pub fn configuration(&self, text: &str) -> String {
        format!("--volume {}:/etc/init.toml:ro", self.file("init.toml", text, 0o644))
    }

    /// The option that puts the app of `app.py` at `/srv/app.py`.
    pub fn app(&self) -> String {
        format!("--volume {}:/srv/app.py:ro", self.file("app.py", APP, 0o644))
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
        let outcome = self.engine.call(&self.words(options, words));
        self.left.set(self.left.get() || outcome.is_err());
        let outcome = outcome?;
        Ok(match fs::read(self.log()) {
            Ok(log) => log::complete(outcome, &String::from_utf8_lossy(&log)),
            Err(_) => outcome,
        })
    }

    /// Runs the probe as the app.
    pub fn probe(&self, options: &str, asked: &[&str]) -> Result<Outcome, String> {
        let mut words = vec!["python3", "-c", PROBE];
        words.extend(asked);
        self.run(options, &words)
    }

    /// Starts a container and leaves it running.
    pub fn start(&self, options: &str, words: &[&str]) -> Result<Running, String> {
        self.left.set(true);
        self.engine.start(&self.words(options, words))
    }

    /// Runs a program in the newest container.
    pub fn exec(&self, options: &str, words: &[&str]) -> Result<Outcome, String> {
        let mut all = vec!["exec".to_owned()];
        all.extend(options.split_whitespace().map(str::to_owned));
        all.push(self.container());
        all.extend(words.iter().map(|word| (*word).to_owned()));
        self.engine.call(&all)
    }

    /// Asks the engine about the newest container, whose name comes last.
    pub fn ask(&self, words: &str) -> Result<Outcome, String> {
        let words = words.split_whitespace().map(str::to_owned).chain([self.container()]);
        self.engine.call(&words.collect::<Vec<_>>())
    }

    /// The name of its newest container.
    pub fn container(&self) -> String {
        format!("{}-{}", self.name, self.containers.get())
    }

    fn log(&self) -> PathBuf {
        self.directory.join("logs").join(self.container())
    }

    fn words(&self, options: &str, words: &[&str]) -> Vec<String> {
        self.containers.set(self.containers.get() + 1);
        let mut all = vec!["run".to_owned(), "--rm".to_owned(), "--name".to_owned(), self.container()];
        match self.engine {
            Engine::Podman => {
                all.extend(["--log-driver=k8s-file".to_owned(), format!("--log-opt=path={}", self.log().display())]);
                // A network takes time and proves nothing where none is used.
                if !options.contains("--network=") {
                    all.push("--network=none".to_owned());
                }
                all.extend(options.split_whitespace().map(str::to_owned));
            }
            // One capability a flag is what every version takes. And it has no tmpfs at /run, which Podman's --read-only brings.
            Engine::Docker => {
                all.extend(["--tmpfs".to_owned(), "/run:rw,size=1m,mode=0755".to_owned()]);
                for option in options.split_whitespace() {
                    match option.strip_prefix("--cap-add=") {
                        Some(list) => all.extend(list.split(',').map(|name| format!("--cap-add={name}"))),
                        None => all.push(option.to_owned()),
                    }
                }
            }
        }
        all.push(IMAGE.to_owned());
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

/// A configuration with one part replaced; the part must be there.
pub fn replaced(configuration: &str, part: &str, by: &str) -> String {
    assert!(configuration.contains(part), "the configuration has no '{part}'");
    configuration.replace(part, by)
}

/// A configuration without the entry, of any kind, that holds this text.
pub fn without(configuration: &str, text: &str) -> String {
    let kept = configuration.split("\n\n").filter(|entry| !entry.contains(text));
    let kept = kept.collect::<Vec<_>>().join("\n\n");
    assert!(kept.len() < configuration.len(), "the configuration has no entry with '{text}'");
    kept
}

/// The probe's lines, of either stream: in a check the app has only one.
pub fn facts(outcome: &Outcome) -> BTreeMap<String, String> {
    let lines = outcome.stdout.lines().chain(outcome.stderr.lines());
    lines.filter_map(|line| line.trim_end().split_once(": ")).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// That the facts have these values.
pub fn expect(outcome: &Outcome, expected: &[(&str, &str)]) -> Result<(), String> {
    let found = facts(outcome);
    for (name, value) in expected {
        let is = found.get(*name).map_or("nothing", String::as_str);
        outcome.check(is == *value, format!("'{name}: {value}', found '{is}'"))?;
    }
    Ok(())
}

/// What the app is after the drop.
pub const DROPPED: &[(&str, &str)] = &[
    ("Uid", "1001 1001 1001 1001"),
    ("Gid", "1001 1001 1001 1001"),
    ("Groups", "1001"),
    ("CapInh", "0000000000000000"),
    ("CapPrm", "0000000000000000"),
    ("CapEff", "0000000000000000"),
    ("CapBnd", "0000000000000000"),
    ("CapAmb", "0000000000000000"),
    ("NoNewPrivs", "1"),
];
