//! The request of a test to the launcher, and its answer: one JSON document each.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// One boot in its own container.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spec {
    /// The binary under test, installed as `/init`.
    pub init: PathBuf,
    /// The app of the tests, installed as `/bin/witness`.
    pub witness: PathBuf,
    /// Files to create in the root, in this order, after the basic ones.
    pub tree: Vec<Node>,
    /// Basic files to leave out, recursively.
    pub without: Vec<String>,
    /// Whether a proc file system is mounted.
    pub proc_mounted: bool,
    /// Its mount options, and `ro`.
    pub proc_options: String,
    /// Whether the root is mounted read-only.
    pub read_only: bool,
    /// Whether the user namespace denies `setgroups(2)`.
    pub deny_setgroups: bool,
    /// Whether `/init` is PID 1; otherwise it is the child of one that only waits for it.
    pub pid_one: bool,
    /// The state in which it is started.
    pub start: Start,
    /// Ports of 127.0.0.1 in a new network namespace that accept connections; None keeps the machine's network.
    pub network: Option<Vec<u16>>,
    /// The only ephemeral port of that namespace.
    pub ephemeral_port: Option<u16>,
    /// Control groups for it, as directories of the machine.
    pub groups: Vec<PathBuf>,
    /// Standard input, output and error.
    pub streams: [Stream; 3],
    /// Its arguments, including its own name.
    pub argv: Vec<Vec<u8>>,
    /// Its environment.
    pub env: Vec<Vec<u8>>,
    /// System calls that a filter answers instead of the kernel.
    pub filters: Vec<Filter>,
    /// System calls that the launcher answers one by one.
    pub faults: Option<Faults>,
    /// A signal that arrives while it works.
    pub stop: Option<Stop>,
    /// Pairs of names that another process exchanges repeatedly until the boot ends.
    pub races: Vec<(String, String)>,
    /// Whether its system calls are recorded with strace.
    pub trace: bool,
    /// The time limit of the boot.
    pub seconds: u64,
}

/// Ids, sets, signals and descriptors at the exec of `/init`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Start {
    pub uid: u32,
    pub gid: u32,
    pub groups: Vec<u32>,
    /// The bounding set; for uid 0 also the permitted and effective ones.
    pub bounding: u64,
    /// The ambient set; also the inheritable one and, except for uid 0, the permitted and effective ones.
    pub ambient: u64,
    pub no_new_privs: bool,
    pub securebits: u32,
    pub umask: u32,
    /// A relative path is outside the container.
    pub cwd: String,
    /// Bit `n - 1` is signal `n`.
    pub blocked: u64,
    pub ignored: u64,
    /// The number and path of further open descriptors; a relative path is opened outside the container.
    pub descriptors: Vec<(i32, String)>,
    /// Whether standard output is its controlling terminal.
    pub controlling_terminal: bool,
    /// Whether it has unusual values of the state that `inherited` sets.
    pub odd_state: bool,
    /// Resource limits: the resource, and its soft and hard limit.
    pub limits: Vec<(i32, u64)>,
}

/// The kind of a standard stream.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub enum Stream {
    Null,
    Closed,
    /// A pipe that the container's root owns, as with an engine.
    Pipe,
    /// A pipe whose reader has closed it.
    BrokenPipe,
    /// A full pipe whose reader stays open and never reads.
    FullPipe {
        blocking: bool,
    },
    Socket,
    Terminal,
    /// A file of root with mode 0600.
    File(String),
}

/// One file of the tree.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Node {
    pub path: String,
    pub kind: Kind,
    pub owner: (u32, u32),
    pub mode: Option<u32>,
    /// File capabilities, permitted and (if true) effective.
    pub capabilities: Option<(u64, bool)>,
    /// The access list, `acl(5)`, in the kernel's format; empty for none.
    pub access_list: Vec<u8>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Kind {
    Directory,
    File(Content),
    Symlink(String),
    HardLink(String),
    Fifo,
    Socket,
    /// A device node that a user namespace may create: the whiteout of overlay file systems.
    Device,
    /// A directory with this many files.
    Many(usize),
    /// A directory with this many nested directories.
    Deep(usize),
    /// A directory with this many files, each with two names in it.
    Linked(usize),
    /// A directory of files with unusual bytes in their names.
    Odd,
    /// A tmpfs mount.
    Tmpfs,
    /// A tmpfs mounted noexec.
    NoexecTmpfs,
    /// A tmpfs with these options.
    OptionTmpfs(String),
    /// Another file or directory of the tree, bind-mounted.
    Bind(String),
    /// A directory of the machine, bind-mounted, whose owner the user namespace does not map.
    HostBind(PathBuf),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Content {
    Bytes(Vec<u8>),
    Repeat(u8, usize),
    Init,
    Witness,
}

/// A system call, with any arguments or these first ones, that a filter answers instead of the kernel: with an errno,
/// or with success for 0.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Filter {
    pub call: i64,
    pub arguments: Vec<u32>,
    pub errno: u16,
}

/// System calls of `/init`, and of its children until they execute another program, that the launcher examines one by
/// one.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Faults {
    /// Whether all calls are recorded.
    pub record: bool,
    /// The first matching rule answers a call; the kernel executes the others.
    pub rules: Vec<Fault>,
    /// Moves of another process while `/init` is held before one of its calls. Requires recording.
    pub frozen: Option<Frozen>,
}

/// A moment of `/init`, and the moves of a process with the app's uid, with its permissions.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Frozen {
    /// The index of the recorded call to hold.
    pub before: usize,
    pub moves: Vec<Move>,
}

/// One call of a process with uid 1001.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Move {
    Rename(String, String),
    Unlink(String),
    RemoveDirectory(String),
    Chmod(String, u32),
    /// Opens a directory, which needs the permissions to read it and to search it.
    Enter(String),
    /// To group 44, of which the app is a member.
    ChangeGroup(String),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Fault {
    /// Whether the call is by a child of `/init`, or by `/init` itself.
    pub child: bool,
    pub call: i64,
    /// Any arguments, or these first ones.
    pub arguments: Vec<u32>,
    /// The index among the matching calls; None for all.
    pub nth: Option<usize>,
    pub answer: Answer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Answer {
    /// The call fails.
    Errno(i32),
    /// False success: the call returns 0 without doing anything.
    Done,
    /// False success with this value.
    Value(i64),
    /// The read-back shows the expected value, whatever the real one.
    Lie,
    /// The status without `NoNewPrivs`, as in gVisor; older ones also print no `CapAmb`.
    Unprinted { ambient: bool },
}

/// A recorded call, with the low 32 bits of its first argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Call {
    pub child: bool,
    pub number: i64,
    pub argument: u32,
}

/// Waits until `/init` reads the FIFO, replaces a directory with a link, sends the signals, and then writes the text.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Stop {
    pub fifo: String,
    pub signals: Vec<i32>,
    pub swap: Option<(String, String)>,
    pub text: String,
}

/// The result.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Outcome {
    /// The reason why this machine cannot create such a container.
    pub unavailable: Option<String>,
    /// The failure during the set-up of the container.
    pub broken: Option<String>,
    pub timed_out: bool,
    pub code: Option<i32>,
    pub signal: Option<i32>,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    pub trace: String,
    /// The duration of the boot.
    pub took_ms: u64,
    /// The number of exchanges of names during the boot.
    pub rounds: u64,
    /// The recorded calls, and the number of calls that a rule answered.
    pub calls: Vec<Call>,
    pub answered: usize,
    /// The number of allowed moves while `/init` was held.
    pub moved: usize,
    /// Every file of the tree, just before and just after the boot.
    pub before: BTreeMap<String, Facts>,
    pub after: BTreeMap<String, Facts>,
}

/// The result of `lstat(2)` on a file.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Facts {
    pub uid: u32,
    pub gid: u32,
    pub mode: u32,
    pub links: u64,
    pub size: i64,
    pub changed: (i64, i64),
}
