//! The request of a test to the launcher and its answer: one JSON document each.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// One boot in a container made for it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spec {
    /// The binary under test, put at `/init`.
    pub init: PathBuf,
    /// The app of the tests, put at `/bin/witness`.
    pub witness: PathBuf,
    /// What is made in the root, in this order, on top of the basics.
    pub tree: Vec<Node>,
    /// What of the basics is left out, with all below it.
    pub without: Vec<String>,
    /// Whether a proc file system is mounted.
    pub proc_mounted: bool,
    /// Its mount options; `ro` as well.
    pub proc_options: String,
    /// Whether the root is mounted read-only.
    pub read_only: bool,
    /// Whether the user namespace denies `setgroups(2)`.
    pub deny_setgroups: bool,
    /// Whether `/init` is PID 1; otherwise it is the child of one that only waits for it.
    pub pid_one: bool,
    /// The state it is started in.
    pub start: Start,
    /// Whether it has a network of its own, in which connections to these ports of 127.0.0.1 are accepted.
    pub network: Option<Vec<u16>>,
    /// Control groups that it is put into, as directories of the machine.
    pub groups: Vec<PathBuf>,
    /// Standard input, output and error.
    pub streams: [Stream; 3],
    /// Its arguments, its own name first.
    pub argv: Vec<Vec<u8>>,
    /// Its environment.
    pub env: Vec<Vec<u8>>,
    /// System calls that are answered by a filter instead of the kernel.
    pub filters: Vec<Filter>,
    /// System calls that are answered one by one by whoever started it.
    pub faults: Option<Faults>,
    /// A signal that comes while it is at work.
    pub stop: Option<Stop>,
    /// Pairs of names that another process exchanges for one another, over and over, until the boot is over.
    pub races: Vec<(String, String)>,
    /// Whether its system calls are recorded with strace.
    pub trace: bool,
    /// How long all of it may take.
    pub seconds: u64,
}

/// Ids, sets, signals and descriptors at the exec of `/init`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Start {
    pub uid: u32,
    pub gid: u32,
    pub groups: Vec<u32>,
    /// The bounding set; for uid 0 it becomes the permitted and effective ones as well.
    pub bounding: u64,
    /// The ambient set; it becomes the inheritable and, but for uid 0, the permitted and effective ones as well.
    pub ambient: u64,
    pub no_new_privs: bool,
    pub umask: u32,
    /// A relative one is outside of the container.
    pub cwd: String,
    /// Bit `n - 1` is signal `n`.
    pub blocked: u64,
    pub ignored: u64,
    /// Number and path of further open descriptors; a relative path is opened outside of the container.
    pub descriptors: Vec<(i32, String)>,
    /// Whether standard output is its controlling terminal.
    pub controlling_terminal: bool,
    /// Limits of resources: the resource, and both its limits.
    pub limits: Vec<(i32, u64)>,
}

/// What one of the standard streams is.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub enum Stream {
    Null,
    Closed,
    /// A pipe that the container's root owns, as an engine's is.
    Pipe,
    /// A pipe whose reader has closed it.
    BrokenPipe,
    /// A full pipe whose reader stays open and never reads.
    FullPipe {
        blocking: bool,
    },
    Socket,
    Terminal,
    /// A file of root's with mode 0600.
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
    /// The access list, `acl(5)`, as the kernel takes it; empty for none.
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
    /// A device node as far as a user namespace may make one: the whiteout of overlay file systems.
    Device,
    /// A directory of this many files.
    Many(usize),
    /// A directory with this many below one another in it.
    Deep(usize),
    /// A directory of this many files, each with two names in it.
    Linked(usize),
    /// A directory of files whose names are bytes that no one expects.
    Odd,
    /// A tmpfs mounted there.
    Tmpfs,
    /// A tmpfs from which nothing can be executed.
    NoexecTmpfs,
    /// A tmpfs with these options.
    OptionTmpfs(String),
    /// Another file or directory of the tree mounted there.
    Bind(String),
    /// A directory of the machine mounted there, whose owner the user namespace does not map.
    HostBind(PathBuf),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Content {
    Bytes(Vec<u8>),
    Repeat(u8, usize),
    Init,
    Witness,
}

/// A system call, for any arguments or for these first ones, that is not carried out but answered: by an errno, or
/// by success for 0.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Filter {
    pub call: i64,
    pub arguments: Vec<u32>,
    pub errno: u16,
}

/// System calls of `/init`, and of what it forks until that executes something, that are looked at one by one.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Faults {
    /// Whether all of them are recorded.
    pub record: bool,
    /// The first that a call meets answers it; the kernel carries out what meets none.
    pub rules: Vec<Fault>,
    /// What another process does while `/init` is held before one of its calls. All calls must be recorded for it.
    pub frozen: Option<Frozen>,
}

/// A moment of `/init`, and what a process of the app's uid does in it, as far as it may.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Frozen {
    /// Before which of the recorded calls, from 0.
    pub before: usize,
    pub moves: Vec<Move>,
}

/// One call of a process of uid 1001.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Move {
    Rename(String, String),
    Unlink(String),
    RemoveDirectory(String),
    Chmod(String, u32),
    /// To group 44, of which the app is a member.
    ChangeGroup(String),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Fault {
    /// Whether it is a call of what `/init` forked, or of itself.
    pub child: bool,
    pub call: i64,
    /// Any arguments, or these first ones.
    pub arguments: Vec<u32>,
    /// Which of the calls that meet the rule, from 0; every one without it.
    pub nth: Option<usize>,
    pub answer: Answer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Answer {
    /// It failed.
    Errno(i32),
    /// False success: it returns 0, but nothing was done.
    Done,
    /// False success with this value: nothing was done.
    Value(i64),
    /// The read-back shows the expected value, whatever the real one is.
    Lie,
    /// The status without `NoNewPrivs`, as gVisor prints it; older ones print no `CapAmb` either.
    Unprinted { ambient: bool },
}

/// A recorded call, with the low half of its first argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Call {
    pub child: bool,
    pub number: i64,
    pub argument: u32,
}

/// Waits until `/init` reads the FIFO, puts a link in place of a directory and sends the signals, then writes the text.
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
    /// Why this machine cannot make such a container.
    pub unavailable: Option<String>,
    /// What failed while the container was set up.
    pub broken: Option<String>,
    pub timed_out: bool,
    pub code: Option<i32>,
    pub signal: Option<i32>,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    pub trace: String,
    /// How long the boot took.
    pub took_ms: u64,
    /// How many exchanges of names there were meanwhile.
    pub rounds: u64,
    /// The calls that were recorded, and how many were answered by a rule.
    pub calls: Vec<Call>,
    pub answered: usize,
    /// How many calls of a process of the app's were allowed while `/init` was held.
    pub moved: usize,
    /// Every file of the tree just before and just after the boot.
    pub before: BTreeMap<String, Facts>,
    pub after: BTreeMap<String, Facts>,
}

/// What `lstat(2)` says of a file.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Facts {
    pub uid: u32,
    pub gid: u32,
    pub mode: u32,
    pub links: u64,
    pub size: i64,
    pub changed: (i64, i64),
}
