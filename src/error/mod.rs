//! What failed, on what, the kernel's reason, the fix, the exit code.
//!
//! One enum by *operation*. Each variant names its object and, where the kernel said no, its reason; nothing converts
//! into an [`Error`] by itself, so no call can lose the path it was about. [`Error::fix`] has an arm for every variant:
//! one without a remedy does not compile.

mod exit;
mod fix;
mod kernel;
mod message;
mod place;
mod unfit;

use std::borrow::Cow;

use nix::errno::Errno;

pub use exit::Exit;
pub use kernel::{Kernel, errno, io_errno};
pub use place::{Place, TextFile};
pub use unfit::{Missing, NoSecret, Unfit};

/// The result of everything that can end a boot.
pub type Result<T> = std::result::Result<T, Error>;

/// What stands for the list of roles where the configuration has none.
pub const NO_ROLES: &str = "none";

/// Everything that stops a boot.
#[derive(Debug)]
pub enum Error {
    /// The command line is not one of ours.
    CommandLine {
        /// What is wrong with it.
        what: String,
    },
    /// A variable that `/init` itself obeys is in the environment more than once, or makes no sense.
    OwnVariable {
        /// Its name.
        name: &'static str,
        /// What is wrong with it.
        what: String,
        /// The values that would be right.
        allowed: &'static str,
    },
    /// `/init` itself is installed so that it gives its caller privilege.
    PrivilegedInstall {
        /// In what way.
        how: &'static str,
    },
    /// The signal mask could not be set or read.
    Signals {
        /// The call.
        call: &'static str,
        /// The kernel's reason.
        errno: Errno,
    },
    /// Standard streams or inherited descriptors could not be put in order.
    Descriptors {
        /// The call.
        call: &'static str,
        /// The descriptor or file.
        object: String,
        /// The kernel's reason.
        errno: Errno,
    },
    /// The configuration file could not be read.
    ConfigRead {
        /// The file.
        path: String,
        /// The call.
        call: &'static str,
        /// The kernel's reason.
        errno: Errno,
    },
    /// A call that reports success has not done what it was asked for.
    NotDone {
        /// The call.
        call: &'static str,
        /// What it was asked for.
        object: String,
    },
    /// The configuration is no regular file of a sane size.
    ConfigKind {
        /// The file.
        path: String,
        /// What it is instead.
        what: String,
    },
    /// The configuration is text of another encoding than UTF-8.
    ConfigEncoding {
        /// The file.
        path: String,
        /// What it is.
        what: String,
    },
    /// Somebody else than root could have written the configuration or the accounts that root would obey.
    NotRoots {
        /// The file.
        path: String,
        /// Which part of its path is whose.
        how: String,
        /// What makes it root's alone.
        fix: String,
    },
    /// The configuration says something that is not allowed.
    Config {
        /// Where.
        place: Place,
        /// What is wrong.
        what: String,
        /// What is allowed instead.
        allowed: String,
    },
    /// The user, group or supplementary group cannot be used.
    Identity {
        /// Where it was given.
        place: Place,
        /// As it was given.
        given: String,
        /// What is wrong with it.
        what: String,
    },
    /// The user namespace has no such id: the kernel would refuse the drop, after root steps had run.
    Unmapped {
        /// Where it was given.
        place: Place,
        /// What kind of id it is, and which.
        id: String,
        /// The file of the kernel that lists what is mapped.
        file: &'static str,
        /// What is mapped.
        mapped: String,
    },
    /// The credentials that the process was started with could not be read.
    Credentials {
        /// The call.
        call: &'static str,
        /// The file.
        object: String,
        /// The kernel's reason.
        errno: Errno,
    },
    /// The accounts of the image could not be read.
    Accounts {
        /// `/etc/passwd` or `/etc/group`.
        path: &'static str,
        /// The kernel's reason.
        errno: Errno,
    },
    /// No role is selected, or an unknown one, or two.
    Role {
        /// What is wrong.
        what: String,
        /// The variable that selects.
        variable: String,
        /// The roles there are.
        known: String,
    },
    /// Neither a command nor a role that has one.
    NoCommand {
        /// What was looked at.
        what: String,
        /// How to give one, if it is not by a role.
        known: String,
    },
    /// A health check was asked for where none is configured.
    NoHealth {
        /// The selected role.
        role: Option<String>,
    },
    /// `--exec` where there is no app that it could go beside.
    NothingBeside,
    /// A `${VARIABLE}` that has no value.
    Unset {
        /// The variable.
        name: String,
        /// The configuration that refers to it.
        place: Place,
        /// The text of `${NAME:?text}`.
        message: Option<String>,
    },
    /// A secret cannot be used. Its value is in no message.
    Secret {
        /// Its variable.
        name: String,
        /// Its file.
        path: String,
        /// Why.
        what: String,
        /// The cause, which decides the remedy.
        cause: NoSecret,
    },
    /// A step failed, took too long, or was ended by a stop.
    Step {
        /// Its name.
        name: String,
        /// What became of it.
        what: String,
        /// What to do about it.
        remedy: Cow<'static, str>,
        /// Whether a stop ended it, which is no failure of its own.
        stopped: bool,
    },
    /// The configuration needs what a format of `--render` cannot say.
    Inexpressible {
        /// The format.
        format: &'static str,
        /// What it cannot say.
        what: String,
        /// What to do about it.
        remedy: &'static str,
    },
    /// A root step would obey what somebody else than root could have written.
    StepNotRoots {
        /// The root step.
        name: String,
        /// Its program, its interpreter, or one of its words or variables.
        path: String,
        /// Which part of it is whose.
        how: String,
        /// What makes it root's alone.
        fix: String,
    },
    /// A required variable is missing.
    Required {
        /// The variable.
        name: String,
        /// The configuration's hint.
        hint: Option<String>,
    },
    /// A variable is set with which nothing starts.
    Refused {
        /// The variable.
        name: String,
        /// `set`, `unset`, or the values that are refused, as configured.
        is: String,
        /// The configuration's hint.
        hint: Option<String>,
    },
    /// The command was found nowhere.
    NotFound {
        /// As given.
        name: String,
        /// What is missing.
        cause: Missing,
    },
    /// The command is there and cannot be run.
    NotExecutable {
        /// The file.
        path: String,
        /// Why.
        cause: Unfit,
    },
    /// Root lacks capabilities that the plan needs.
    CapabilityMissing {
        /// Name and purpose of each, joined.
        missing: String,
        /// The flags that add them.
        flags: String,
    },
    /// The configuration has root steps and the container was not started as root.
    RootStepsWithoutRoot {
        /// The uid it was started with.
        uid: u32,
        /// The name of the first one.
        step: String,
    },
    /// A path to hand over is not what the configuration says.
    MountPoint {
        /// The path.
        path: String,
        /// What is wrong with it.
        what: String,
        /// The flag or the edit that mends it.
        remedy: String,
    },
    /// A path could not be handed over.
    HandOver {
        /// The path.
        path: String,
        /// The call that failed.
        call: &'static str,
        /// The kernel's reason.
        errno: Errno,
        /// What to do about it.
        remedy: String,
    },
    /// A hand-over that claims success cannot be read back.
    HandOverUnproved {
        /// The path.
        path: String,
        /// What was read instead.
        found: String,
    },
    /// A path that must be writable to the user is not.
    NotWritable {
        /// The path.
        path: String,
        /// The uid.
        uid: u32,
        /// The kernel's reason.
        errno: Errno,
        /// Whether it is a directory that the user would have made.
        directory: bool,
    },
    /// A step of the drop failed.
    Drop {
        /// The call.
        call: &'static str,
        /// Its object.
        object: String,
        /// The kernel's reason.
        errno: Errno,
        /// The kernel's reason translated, where the errno misleads.
        remedy: String,
    },
    /// The kernel's state could not be read back after the drop.
    ProofUnreadable {
        /// The call.
        call: &'static str,
        /// Its object.
        object: String,
        /// The kernel's reason.
        errno: Errno,
    },
    /// What was read back differs from what was set, or privilege could be regained.
    NotProved {
        /// The difference.
        what: String,
    },
    /// More than one thread: credentials belong to threads, so one of them would keep what the others drop.
    Threads {
        /// How many.
        count: u32,
    },
    /// The kernel, or a filter of system calls, does not have what the seal needs.
    SealUnavailable {
        /// `writes` or `namespaces`.
        what: &'static str,
        /// The call.
        call: &'static str,
        /// The kernel's reason.
        errno: Errno,
    },
    /// A place that the seal is to leave writable is reached through a link.
    SealPath {
        /// As configured.
        path: String,
        /// What it resolves to.
        real: String,
    },
    /// What the seal refuses was not refused, or what it allows was.
    SealNotProved {
        /// What was found.
        what: String,
    },
    /// A directory of the user's could not be made.
    Directory {
        /// The directory.
        path: String,
        /// The call.
        call: &'static str,
        /// The kernel's reason.
        errno: Errno,
        /// The uid that tried.
        uid: u32,
    },
    /// A child could not be started or waited for.
    Child {
        /// The call.
        call: &'static str,
        /// The kernel's reason.
        errno: Errno,
    },
    /// The working directory cannot be entered.
    WorkingDirectory {
        /// The directory.
        path: String,
        /// The kernel's reason.
        errno: Errno,
    },
    /// The output of `--plan`, `--help` or `--version` could not be written.
    Output {
        /// The kernel's reason.
        errno: Errno,
    },
    /// A stop signal came before the app existed.
    Stopped {
        /// The signal's number.
        signal: i32,
        /// What it ended.
        during: &'static str,
    },
}

impl std::error::Error for Error {}
