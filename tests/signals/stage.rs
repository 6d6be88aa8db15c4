//! Describes one run of an init: its options, its initial state and its app.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;

use super::peer::{ALL, How, Init};
use super::pty::Pty;
use super::running::{Heard, Running};
use super::table::{Not, Try};

/// The directory of programs that another user must be able to execute, and of configurations that it must not
/// change.
struct Place {
    directory: PathBuf,
    init: PathBuf,
    signal_app: PathBuf,
}

static PLACE: OnceLock<Place> = OnceLock::new();

fn place() -> &'static Place {
    PLACE.get_or_init(|| {
        let directory = std::env::temp_dir().join(format!("stepdown-signals-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
        let own = std::env::var_os("STEPDOWN_INIT").map_or_else(|| env!("CARGO_BIN_EXE_init").into(), PathBuf::from);
        let tests = std::env::current_exe().unwrap();
        let signal_app = tests.parent().and_then(Path::parent).unwrap().join("examples/signal_app");
        assert!(
            signal_app.exists(),
            "{} is missing: run cargo build --examples first (a plain cargo test also builds it)",
            signal_app.display()
        );
        let copy = |from: &Path, name: &str| {
            let to = directory.join(name);
            fs::copy(from, &to).unwrap_or_else(|error| panic!("{} to {}: {error}", from.display(), to.display()));
            fs::set_permissions(&to, fs::Permissions::from_mode(0o755)).unwrap();
            to
        };
        Place { init: copy(&own, "init"), signal_app: copy(&signal_app, "signal_app"), directory }
    })
}

/// A path in the directory of this test program.
pub fn file(name: &str) -> PathBuf {
    place().directory.join(name)
}

/// The path of the app's program.
pub fn signal_app() -> String {
    place().signal_app.to_str().unwrap().to_owned()
}

/// Removes the directory.
pub fn tidy() {
    if let Some(place) = PLACE.get() {
        let _ = fs::remove_dir_all(&place.directory);
    }
}

/// Ends the test program successfully if the machine cannot run it, or fails if everything must run.
pub fn require() {
    let must = std::env::var_os("STEPDOWN_MUST_RUN").is_some_and(|value| value == "1");
    let lacks = (!nix::unistd::geteuid().is_root()).then(|| "PID namespaces need root here".to_owned());
    let absent = || ALL.iter().find(|init| must && !init.is_here()).map(|init| format!("{init} is not installed"));
    if let Some(reason) = lacks.or_else(absent) {
        skip(&reason);
    }
}

pub fn skip(reason: &str) -> ! {
    assert!(std::env::var_os("STEPDOWN_MUST_RUN").is_none_or(|value| value != "1"), "every test must run: {reason}");
    let _ = writeln!(std::io::stderr(), "SKIP: {reason}");
    std::process::exit(0);
}

/// The description of one run.
pub struct Stage {
    pub init: Init,
    how: How,
    config: String,
    options: Vec<String>,
    before: Vec<String>,
    app: Vec<String>,
    pty: Option<Pty>,
    bare: bool,
    writer: bool,
}

impl Stage {
    /// This init as PID 1, started as root.
    pub fn of(init: Init) -> Stage {
        let (how, config) = (How::default(), String::new());
        Stage {
            init,
            how,
            config,
            options: Vec::new(),
            before: Vec::new(),
            app: Vec::new(),
            pty: None,
            bare: false,
            writer: false,
        }
    }

    /// The app is signal_app with these arguments.
    pub fn app(self, words: &str) -> Stage {
        let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
        self.command(std::iter::once(signal_app()).chain(words))
    }

    /// The app is any command.
    pub fn command(mut self, words: impl IntoIterator<Item = String>) -> Stage {
        self.app = words.into_iter().collect();
        self
    }

    /// The configuration, for `/init` only.
    pub fn config(mut self, text: &str) -> Stage {
        self.config = text.to_owned();
        self
    }

    /// Options of one init.
    pub fn flags(mut self, init: Init, flags: &[&str]) -> Stage {
        self.how.flags.extend(flags.iter().map(|flag| (init, (*flag).to_owned())));
        self
    }

    /// Signals go to the whole process group.
    pub fn group(mut self) -> Stage {
        self.how.group = true;
        self.config("[supervise]\ngroup = true\n")
    }

    /// The init is not PID 1.
    pub fn below(mut self) -> Stage {
        self.how.below = true;
        self.option("below")
    }

    /// The role's configuration enables supervision instead of `--supervise`.
    pub fn by_role(mut self) -> Stage {
        self.how.by_role = true;
        self
    }

    /// No init, for comparison.
    pub fn without_init(mut self) -> Stage {
        self.bare = true;
        self
    }

    /// Another build of the init.
    pub fn program(mut self, path: &str) -> Stage {
        self.how.program = Some(path.into());
        self
    }

    /// An option of the launcher.
    pub fn option(mut self, option: impl Into<String>) -> Stage {
        self.options.push(option.into());
        self
    }

    /// The other inits become the user through setpriv, since they do not change ids themselves.
    pub fn user_by_setpriv(mut self) -> Stage {
        if !self.init.is_own() {
            self.before =
                "/usr/bin/setpriv --reuid 1001 --regid 1001 --clear-groups --".split(' ').map(str::to_owned).collect();
        }
        self
    }

    /// A controlling terminal as standard output and error, and also as input if `input` is true; otherwise input is
    /// `/dev/null`.
    pub fn terminal(mut self, pty: Pty, input: bool) -> Stage {
        self.options.push(format!("tty={}", pty.path()));
        self.options.extend(input.then(|| "tty-input".to_owned()));
        self.pty = Some(pty);
        self
    }

    /// Standard input is a pipe that the test writes to.
    pub fn writer(mut self) -> Stage {
        self.writer = true;
        self
    }

    /// The command line of the init and its app.
    pub fn words(&self) -> Vec<String> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let place = place();
        let config = file(&format!("{}.toml", NUMBER.fetch_add(1, Ordering::Relaxed)));
        fs::write(&config, &self.config).unwrap();
        let init = if self.bare { Vec::new() } else { self.init.command(&place.init, &config, &self.how) };
        init.into_iter().chain(self.before.clone()).chain(self.app.clone()).collect()
    }

    /// Starts it, and waits for its pid.
    pub fn start(self) -> Try<Running> {
        let words = self.words();
        self.run(&words)
    }

    /// Starts this command line in place of the init and its app.
    pub fn run(mut self, words: &[String]) -> Try<Running> {
        let mut command = Command::new(&place().signal_app);
        command.arg("stage").args(&self.options).arg("--").args(words);
        command.env_clear().envs([
            ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
            ("HOME", "/root"),
            ("TERM", "dumb"),
            ("PS1", "$ "),
        ]);
        command
            .stdin(if self.writer { Stdio::piped() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut launcher = command.spawn().map_err(|error| format!("{command:?}: {error}"))?;
        let (sends, heard) = mpsc::channel();
        listen(launcher.stdout.take().unwrap(), sends.clone(), Heard::Out);
        listen(launcher.stderr.take().unwrap(), sends.clone(), Heard::Error);
        if let Some(pty) = &self.pty {
            listen(pty.reader(), sends, Heard::Out);
        }
        let input = launcher.stdin.take();
        let shown =
            format!("stage {} -- {}\nconfiguration: {:?}", self.options.join(" "), words.join(" "), self.config);
        let mut running = Running::new(self.init, launcher, heard, input, self.pty.take(), shown);
        if !self.options.iter().any(|option| option.starts_with("each=")) {
            running.know_pids()?;
        }
        Ok(running)
    }

    /// Runs it until it ends, without a signal.
    pub fn ended(self) -> Try<(Running, String)> {
        let mut running = self.start()?;
        let end = running.end()?;
        Ok((running, end))
    }
}

fn listen(from: impl std::io::Read + Send + 'static, to: mpsc::Sender<Heard>, as_what: fn(String) -> Heard) {
    std::thread::spawn(move || {
        let mut from = BufReader::new(from);
        let mut line = Vec::new();
        // A terminal without a remaining user gives an error.
        while from.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            if to.send(as_what(text)).is_err() {
                return;
            }
            line.clear();
        }
    });
}

/// Skips the other inits in a scenario that only `/init` has options for.
pub fn only_own(init: Init) -> Try {
    if init.is_own() { Ok(()) } else { Err(Not::Applicable) }
}
