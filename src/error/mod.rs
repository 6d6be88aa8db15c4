//! What failed, on what, the kernel's reason, the fix, the exit code.
//!
//! One enum with a variant for each *operation*. A variant contains the object and the errno. There is no `From`
//! conversion, so no error can lose its path. [`Error::fix`] has an arm for every variant: a variant without a remedy
//! does not compile.

mod denied;
mod drop;
mod exit;
pub mod fix;
mod hindrance;
mod kernel;
mod message;
mod mount;
mod place;
mod unfit;

use std::borrow::Cow;

use nix::errno::Errno;

pub use denied::{Decides, Denied, Whose};
pub use drop::Undropped;
pub use exit::Exit;
pub use hindrance::{Hindrance, Link, Linked, Way};
pub use kernel::{Kernel, errno, io_errno};
pub use message::{NO_ROLES, Result};
pub use mount::{Entry, Refused, Surface, Unmounted};
pub use place::{Place, TextFile};
pub use unfit::{Missing, NoSecret, Unfit};

/// The reasons that end a boot.
#[derive(Debug)]
pub enum Error {
    /// The command line is invalid.
    CommandLine {
        /// What is wrong with it.
        what: String,
    },
    /// A variable that configures `/init` is set more than once or has an invalid value.
    OwnVariable {
        /// Its name.
        name: &'static str,
        /// What is wrong with it.
        what: String,
        /// The valid values.
        allowed: &'static str,
    },
    /// `/init` is installed with privilege: set-user-ID, set-group-ID or file capabilities.
    PrivilegedInstall {
        /// The kind of mismatch.
        how: &'static str,
    },
    /// The signal mask could not be set or read.
    Signals {
        /// The call.
        call: &'static str,
        /// The kernel's reason.
        errno: Errno,
    },
    /// Standard streams or inherited descriptors could not be set up.
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
    /// A call reported success, but had no effect.
    NotDone {
        /// The call.
        call: &'static str,
        /// The object that it should have changed.
        object: String,
    },
    /// The configuration is not a regular file or is too large.
    ConfigKind {
        /// The file.
        path: String,
        /// Its kind.
        what: String,
    },
    /// The configuration is text of another encoding than UTF-8.
    ConfigEncoding {
        /// The file.
        path: String,
        /// What it is.
        what: String,
    },
    /// Root would read a file that another user could have written: the configuration, the accounts, or a file of a
    /// root step.
    NotRoots {
        /// What it decides.
        decides: Decides,
        /// The file.
        path: String,
        /// Why, which decides the remedy.
        cause: Denied,
    },
    /// A mistake in the configuration.
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
        /// The place of the value.
        place: Place,
        /// As it was given.
        given: String,
        /// What is wrong with it.
        what: String,
    },
    /// The user namespace does not map the id. Without this check the drop would fail after root steps had run.
    Unmapped {
        /// The place of the value.
        place: Place,
        /// The kind of id and the id.
        id: String,
        /// The file in /proc that lists the mapped ids.
        file: &'static str,
        /// The mapped ids.
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
    /// There is no command: neither an argument nor one of a role.
    NoCommand {
        /// What is missing.
        what: String,
        /// The fix.
        remedy: String,
    },
    /// The role has no health check, or no role is selected.
    NoHealth {
        /// The selected role.
        role: Option<String>,
    },
    /// `--exec` was given to the first process of a container, which has no running app.
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
    /// A secret cannot be used. No message contains its value.
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
    /// A step failed or took too long.
    Step {
        /// Its name.
        name: String,
        /// The event.
        what: String,
        /// The fix.
        remedy: Cow<'static, str>,
    },
    /// A format of `--render` cannot express the configuration.
    Inexpressible {
        /// The format.
        format: &'static str,
        /// What it cannot express.
        what: String,
        /// The fix.
        remedy: &'static str,
    },
    /// A required variable is missing.
    Required {
        /// The variable.
        name: String,
        /// The configuration's hint.
        hint: Option<String>,
    },
    /// A refused variable is set.
    Refused {
        /// The variable.
        name: String,
        /// `set`, `unset`, or the values that are refused, as configured.
        is: String,
        /// The configuration's hint.
        hint: Option<String>,
    },
    /// The command does not exist.
    NotFound {
        /// As given.
        name: String,
        /// What is missing.
        cause: Missing,
    },
    /// The command exists and cannot be executed.
    NotExecutable {
        /// The file.
        path: String,
        /// Why.
        cause: Unfit,
    },
    /// One of the two errors above, about the command of a step or a health check.
    Part {
        /// Whose command it is, as messages call it.
        of: String,
        /// The error.
        error: Box<Error>,
    },
    /// An error whose cause is neither its path's owner nor its mode.
    Hindered {
        /// The cause, which decides the remedy.
        by: Hindrance,
        /// The error.
        error: Box<Error>,
    },
    /// Root lacks capabilities that the plan needs.
    CapabilityMissing {
        /// Name and purpose of each.
        wanted: Vec<(String, &'static str)>,
        /// Whether the start is as non-root.
        as_user: bool,
    },
    /// The configuration has root steps and the container was not started as root.
    RootStepsWithoutRoot {
        /// The uid it was started with.
        uid: u32,
        /// The name of the first one.
        step: String,
    },
    /// A mount point to hand over is missing or is something else.
    MountPoint {
        /// The path.
        path: String,
        /// The configured mount.
        surface: Surface,
        /// What is wrong with the path.
        cause: Unmounted,
    },
    /// A path could not be handed over.
    HandOver {
        /// The path.
        path: String,
        /// The call that failed.
        call: &'static str,
        /// The kernel's reason.
        errno: Errno,
        /// What was refused, which decides the remedy.
        cause: Refused,
    },
    /// A hand-over reported success, but the path has another owner or mode.
    HandOverUnproved {
        /// The path.
        path: String,
        /// The owner and mode that were read.
        found: String,
    },
    /// The user cannot write to a surface.
    NotWritable {
        /// The path.
        path: String,
        /// The uid.
        uid: u32,
        /// The kernel's reason.
        errno: Errno,
        /// Its entry in the configuration.
        entry: Entry,
    },
    /// A step of the drop failed.
    Drop {
        /// The call.
        call: &'static str,
        /// Its object.
        object: String,
        /// The kernel's reason.
        errno: Errno,
        /// The cause, which decides the remedy.
        cause: Undropped,
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
    /// The state that was read back differs from the expected one, or privilege could be regained.
    NotProved {
        /// The difference.
        what: String,
    },
    /// More than one thread: credentials are per thread, so another thread would keep its privilege.
    Threads {
        /// How many.
        count: u32,
    },
    /// The kernel or a seccomp filter does not allow the seal.
    SealUnavailable {
        /// `writes` or `namespaces`.
        what: &'static str,
        /// The call.
        call: &'static str,
        /// The kernel's reason.
        errno: Errno,
    },
    /// A path that must not contain a symbolic link contains one.
    Linked(Linked),
    /// The seal allows what it should refuse, or the reverse.
    SealNotProved {
        /// The observation.
        what: String,
    },
    /// A directory or file could not be created by the user.
    Create {
        /// `directory` or `file`.
        what: &'static str,
        /// Its path.
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
    /// A stop signal arrived before the app was started.
    Stopped {
        /// The signal's number.
        signal: i32,
        /// The phase that it ended.
        during: Cow<'static, str>,
    },
}
