//! Describes the container of one boot, and boots it.
//!
//! The default is the start of rootless Podman with `--cap-drop=ALL` and the four `--cap-add`: root of its user
//! namespace, groups 0, 1 and 4, four capabilities permitted, effective and bounding. A test sets the differences.

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use super::capability::FOUR;
use super::protocol::{Content, Filter, Kind, Node, Outcome, Spec, Start, Stop, Stream};
use super::run::Run;
use super::{init, skip, witness};

/// The time limit of a boot that takes milliseconds, on a busy machine.
const SECONDS: u64 = 30;

/// The description of a container.
#[derive(Clone, Debug)]
pub struct Sandbox {
    pub spec: Spec,
}

/// The default container, with the witness as its command.
pub fn sandbox() -> Sandbox {
    if !cfg!(target_env = "musl") {
        panic!("the container has no C library: run with --target x86_64-unknown-linux-musl");
    }
    let start = Start {
        uid: 0,
        gid: 0,
        groups: vec![0, 1, 4],
        bounding: FOUR,
        ambient: 0,
        no_new_privs: false,
        securebits: 0,
        umask: 0o022,
        cwd: "/".into(),
        blocked: 0,
        ignored: 0,
        descriptors: Vec::new(),
        controlling_terminal: false,
        odd_state: false,
        limits: Vec::new(),
    };
    let env = ["PATH=/bin:/usr/bin", "HOME=/root", "TERM=xterm"];
    Sandbox {
        spec: Spec {
            init: init(),
            witness: witness(),
            tree: Vec::new(),
            without: Vec::new(),
            proc_mounted: true,
            proc_options: String::new(),
            read_only: true,
            deny_setgroups: false,
            pid_one: true,
            start,
            network: None,
            ephemeral_port: None,
            groups: Vec::new(),
            streams: [Stream::Null, Stream::Pipe, Stream::Pipe],
            argv: ["/init", "witness"].map(Into::into).to_vec(),
            env: env.map(Into::into).to_vec(),
            filters: Vec::new(),
            faults: None,
            stop: None,
            races: Vec::new(),
            trace: false,
            seconds: SECONDS,
        },
    }
}

/// A file of the tree owned by root.
pub fn node(path: &str, kind: Kind) -> Node {
    Node { path: path.into(), kind, owner: (0, 0), mode: None, capabilities: None, access_list: Vec::new() }
}

impl Sandbox {
    /// Changes the spec in any way.
    pub fn with(mut self, change: impl FnOnce(&mut Spec)) -> Sandbox {
        change(&mut self.spec);
        self
    }

    /// Writes `/etc/init.toml`.
    pub fn config(self, text: impl Into<String>) -> Sandbox {
        self.file("/etc/init.toml", text.into())
    }

    /// The arguments of `/init`.
    pub fn words<W: AsRef<[u8]>>(self, words: impl IntoIterator<Item = W>) -> Sandbox {
        self.with(|spec| {
            spec.argv.truncate(1);
            spec.argv.extend(words.into_iter().map(|word| word.as_ref().to_vec()));
        })
    }

    /// Adds a variable to the environment.
    pub fn env(self, entry: impl AsRef<[u8]>) -> Sandbox {
        self.with(|spec| spec.env.push(entry.as_ref().to_vec()))
    }

    /// A file of root, readable to all.
    pub fn file(self, path: &str, text: impl Into<Vec<u8>>) -> Sandbox {
        self.node(path, Kind::File(Content::Bytes(text.into())))
    }

    /// A file of root with another mode.
    pub fn file_mode(self, path: &str, content: Content, mode: u32) -> Sandbox {
        self.owned(path, Kind::File(content), (0, 0), mode)
    }

    /// A file of any type, owned by root.
    pub fn node(self, path: &str, kind: Kind) -> Sandbox {
        self.with(|spec| spec.tree.push(node(path, kind)))
    }

    /// A file of any type, owner and mode.
    pub fn owned(self, path: &str, kind: Kind, owner: (u32, u32), mode: u32) -> Sandbox {
        self.with(|spec| spec.tree.push(Node { owner, mode: Some(mode), ..node(path, kind) }))
    }

    /// A tmpfs as an engine mounts it: owned by root, mode 0755.
    pub fn tmpfs(self, path: &str) -> Sandbox {
        self.node(path, Kind::Tmpfs)
    }

    /// A start as another user with equal sets, as from `--user` with `--cap-add`.
    pub fn user(self, uid: u32, gid: u32, capabilities: u64) -> Sandbox {
        self.with(|spec| {
            spec.start = Start {
                uid,
                gid,
                groups: vec![gid],
                bounding: capabilities,
                ambient: capabilities,
                ..spec.start.clone()
            };
        })
    }

    /// The capabilities that root starts with.
    pub fn capabilities(self, bounding: u64) -> Sandbox {
        self.with(|spec| spec.start.bounding = bounding)
    }

    /// Answers a system call instead of the kernel: with an errno, or 0 for false success.
    pub fn answer(self, call: i64, arguments: &[u32], errno: i32) -> Sandbox {
        self.with(|spec| {
            spec.filters.push(Filter { call, arguments: arguments.to_vec(), errno: u16::try_from(errno).unwrap() })
        })
    }

    /// A resource limit, soft and hard: `getrlimit(2)`.
    pub fn limit(self, resource: impl TryInto<i32, Error: std::fmt::Debug>, limit: u64) -> Sandbox {
        let resource = resource.try_into().unwrap();
        self.with(|spec| spec.start.limits.push((resource, limit)))
    }

    /// Two names that are exchanged repeatedly.
    pub fn race(self, one: &str, other: &str) -> Sandbox {
        self.with(|spec| spec.races.push((one.into(), other.into())))
    }

    /// Signals that arrive while `/init` reads the accounts.
    pub fn stopped_by(self, signals: &[i32]) -> Sandbox {
        self.interrupted(signals, None)
    }

    /// A directory that is replaced with a link while `/init` reads the accounts.
    pub fn swapped(self, place: &str, target: &str) -> Sandbox {
        self.interrupted(&[], Some((place.into(), target.into())))
    }

    fn interrupted(self, signals: &[i32], swap: Option<(String, String)>) -> Sandbox {
        let stop = Stop {
            fifo: "/etc/passwd".into(),
            signals: signals.to_vec(),
            swap,
            text: "app:x:1001:1001::/home/app:\n".into(),
        };
        self.owned("/etc/passwd", Kind::Fifo, (0, 0), 0o644).with(|spec| spec.stop = Some(stop))
    }

    /// Boots. Ends the test program if the machine cannot create containers.
    pub fn run(&self) -> Run {
        let mut launcher = Command::new(&self.spec.witness)
            .arg("sandbox")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the launcher starts");
        let text = serde_json::to_vec(&self.spec).unwrap();
        launcher.stdin.take().unwrap().write_all(&text).expect("the launcher reads");
        let mut answer = launcher.stdout.take().unwrap();
        let (sends, receives) = mpsc::channel();
        std::thread::spawn(move || {
            let mut text = String::new();
            let _ = answer.read_to_string(&mut text);
            // Nobody listens after the deadline.
            let _ = sends.send(text);
        });
        // The launcher has its own deadline; this one is for a hanging launcher.
        let answer = receives.recv_timeout(Duration::from_secs(2 * self.spec.seconds));
        let _ = launcher.kill();
        let _ = launcher.wait();
        let outcome: Outcome = match answer {
            Ok(text) => {
                serde_json::from_str(&text).unwrap_or_else(|error| panic!("the launcher says {text:?}: {error}"))
            }
            Err(_) => panic!("the launcher does not end: {}", self.shown()),
        };
        if let Some(reason) = &outcome.unavailable {
            skip(reason);
        }
        assert!(outcome.broken.is_none(), "the container could not be made: {:?}\n{}", outcome.broken, self.shown());
        Run { sandbox: self.clone(), outcome }
    }

    /// The command, for messages.
    pub fn shown(&self) -> String {
        let words =
            |all: &[Vec<u8>]| all.iter().map(|bytes| bytes.escape_ascii().to_string()).collect::<Vec<_>>().join(" ");
        let Spec { argv, env, start, .. } = &self.spec;
        let tree: Vec<String> = self.spec.tree.iter().map(shown).collect();
        format!(
            "command: {}\nenvironment: {}\nstart: {start:?}\ntree: {}",
            words(argv),
            words(env),
            tree.join("\n      ")
        )
    }
}

fn shown(node: &Node) -> String {
    let kind = match &node.kind {
        Kind::File(Content::Bytes(bytes)) => format!("file '{}'", bytes.escape_ascii()),
        other => format!("{other:?}"),
    };
    format!("{} {:?} {:o} {kind}", node.path, node.owner, node.mode.unwrap_or(0))
}
