//! The environment of the measurements: a mount namespace with two tmpfs mount points and a volume, and only the four
//! capabilities of a container.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use caps::{CapSet, Capability};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

use crate::race::Runner;

/// The position of a file in the page cache changes a start by up to 7 %, so several copies of the program are
/// measured in turn.
const COPIES: usize = 8;

/// Shared by all measurements.
pub struct Stage {
    /// Copies of `/init`, written sequentially like an image's layer and unlike a linker's output.
    pub inits: Vec<PathBuf>,
    pub floors: Vec<PathBuf>,
    pub noop: PathBuf,
    /// A directory on disk; `home` and `staticfiles` in it are tmpfs mount points, `volume` and `empty` bind mounts.
    pub directory: PathBuf,
    pub rounds: usize,
    pub files: usize,
}

impl Stage {
    pub fn new(directory: PathBuf) -> Stage {
        assert!(nix::unistd::geteuid().is_root(), "the measurements hand mount points over: run them as root");
        let number = |name: &str, default| std::env::var(name).ok().map_or(default, |text| text.parse().expect(name));
        let init = PathBuf::from(std::env::var_os("STEPDOWN_INIT").expect("STEPDOWN_INIT is the path of the binary"));
        let examples = init.with_file_name("examples");
        fs::create_dir_all(&directory).unwrap();
        let copy = |program: &Path, name: &str| {
            let copy = directory.join(name);
            fs::copy(program, &copy).unwrap_or_else(|error| panic!("{}: {error}", program.display()));
            copy
        };
        let copies =
            |program: &Path, name: &str| (0..COPIES).map(|number| copy(program, &format!("{name}{number}"))).collect();
        let stage = Stage {
            inits: copies(&init, "init"),
            floors: copies(&examples.join("floor"), "floor"),
            noop: copy(&examples.join("noop"), "noop"),
            directory: directory.clone(),
            rounds: number("ROUNDS", 400),
            files: number("FILES", 1_000_000),
        };
        unshare(CloneFlags::CLONE_NEWNS).expect("unshare");
        mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)
            .expect("a private root");
        for name in ["home", "staticfiles", "volume", "empty"] {
            fs::create_dir_all(stage.path(name)).unwrap();
        }
        for name in ["home", "staticfiles"] {
            mount(Some("tmpfs"), &stage.path(name), Some("tmpfs"), MsFlags::empty(), Some("size=16m"))
                .expect("a tmpfs");
        }
        for volume in ["volume", "empty"].map(|name| stage.path(name)) {
            mount(Some(&volume), &volume, None::<&str>, MsFlags::MS_BIND, None::<&str>).expect("a bind mount");
        }
        leave_four();
        stage
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Writes a configuration file.
    pub fn configuration(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// The two tmpfs mount points as entries of a configuration.
    pub fn mounts(&self) -> String {
        let entry = |name| format!("[[tmpfs]]\npath = \"{}\"\n", self.path(name).display());
        format!("user = \"1001:1001\"\nhome = \"/home/app\"\n{}{}", entry("home"), entry("staticfiles"))
    }

    /// Root owns them again, as after the engine's mount, so that there is something to hand over.
    pub fn reset(&self) {
        for name in ["home", "staticfiles"] {
            let path = self.path(name);
            chown(&path, Some(0), Some(0)).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o1777)).unwrap();
        }
    }

    /// A command with an environment like that of a container, and without output.
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command
            .env_clear()
            .current_dir(&self.directory)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .env("ROLE", "web")
            .env("APP", &self.noop);
        command.envs([
            ("HOME", "/root"),
            ("TERM", "xterm"),
            ("container", "podman"),
            ("HOSTNAME", "4c01db0b339c"),
            ("LANG", "C.UTF-8"),
        ]);
        command
    }

    /// `/init` with a configuration and these arguments.
    pub fn init(&self, name: impl Into<String>, configuration: &Path, words: &[&str]) -> Runner {
        let command = |init: &PathBuf| {
            let mut command = self.command(init);
            command.arg("-c").arg(configuration).args(words);
            command
        };
        Runner::of_copies(name, self.inits.iter().map(command).collect())
    }
}

fn leave_four() {
    let four = [Capability::CAP_CHOWN, Capability::CAP_SETUID, Capability::CAP_SETGID, Capability::CAP_SETPCAP];
    for one in caps::all().into_iter().filter(|one| !four.contains(one)) {
        // A capability that is missing already.
        drop(caps::drop(None, CapSet::Bounding, one));
    }
    caps::clear(None, CapSet::Inheritable).expect("the inheritable set");
}
