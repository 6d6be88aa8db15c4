//! The text of every error: what failed, on what, and the kernel's reason.

use std::fmt;

use nix::errno::Errno;

use super::{Decides, Error, Kernel};

/// Why a variable of `[env]` has no value yet.
pub(super) const IN_ENV: &str = "[env] sets it later";

/// The same for the output of a step.
pub(super) const BY_STEP: &str = "it is the output of a step";

/// The list of roles of a configuration without roles.
pub const NO_ROLES: &str = "none";

/// The result of operations that can end a boot.
pub type Result<T> = std::result::Result<T, Error>;

impl std::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::CommandLine { what } => write!(f, "command line: {what}"),
            Error::OwnVariable { name, what, .. } => write!(f, "{name} {what}"),
            Error::PrivilegedInstall { how } => write!(f, "refusing to run /init: {how}"),
            Error::NotDone { call, object } => {
                write!(f, "cannot set {object}: {call} reports success but has no effect")
            }
            Error::ConfigKind { path, what } => write!(f, "the configuration {path} is {what}"),
            Error::ConfigEncoding { path, what } => write!(f, "the configuration {path} is text, but {what}"),
            Error::NotRoots { decides, path, cause } => {
                f.write_str("refusing ")?;
                if let Decides::Step(name) = decides {
                    write!(f, "the root step '{name}': ")?;
                }
                write!(f, "{path}: {cause}")
            }
            Error::Config { place, what, .. } => write!(f, "{place}: {what}"),
            Error::Identity { place, given, what } => write!(f, "{place}: '{given}' {what}"),
            Error::Unmapped { place, id, .. } => write!(f, "{place}: {id} does not exist in this user namespace"),
            Error::Role { what, .. } => f.write_str(what),
            Error::NoCommand { what, .. } => write!(f, "no command to run: {what}"),
            Error::NoHealth { role: Some(role) } => write!(f, "the role '{role}' has no health check"),
            Error::NoHealth { role: None } => f.write_str("no role is selected, so there is no health check"),
            Error::NothingBeside => {
                f.write_str("--exec runs a command beside a running app, and this is the container's first process")
            }
            Error::Unset { name, place, message: Some(message) } => write!(f, "{place}: {name} is unset: {message}"),
            Error::Unset { name, place, message: None } => write!(f, "{place}: ${{{name}}} is unset"),
            Error::Secret { name, path, what, .. } => write!(f, "secret {name} from {path}: {what}"),
            Error::Inexpressible { format, what, .. } => write!(f, "cannot render for {format}: {what}"),
            Error::Step { name, what, .. } => write!(f, "step '{name}' {what}"),
            Error::Required { name, .. } => write!(f, "required variable {name} is unset or empty"),
            Error::Refused { name, is, .. } => {
                write!(f, "the configuration refuses a start with {name} {is}")
            }
            Error::NotFound { name, cause } => write!(f, "command '{name}' not found: {cause}"),
            Error::NotExecutable { path, cause } => write!(f, "cannot run {path}: {cause}"),
            Error::Part { of, error } => write!(f, "{of}: {error}"),
            Error::Hindered { error, .. } => error.fmt(f),
            Error::CapabilityMissing { wanted, .. } => {
                f.write_str("missing capability")?;
                wanted.iter().enumerate().try_for_each(|(number, (name, purpose))| {
                    write!(f, "{} {name} ({purpose})", if number == 0 { "" } else { "," })
                })
            }
            Error::RootStepsWithoutRoot { uid, step } => {
                write!(f, "started as uid {uid}, but the root step '{step}' must run as root")
            }
            Error::MountPoint { path, surface, cause } => {
                write!(f, "{path} ")?;
                cause.write(f, surface)
            }
            Error::HandOverUnproved { path, found } => write!(f, "hand-over of {path} not proved: {found}"),
            Error::NotProved { what } => write!(f, "drop not proved: {what}"),
            Error::Threads { count } => write!(f, "refusing to drop privilege with {count} threads"),
            Error::Linked(linked) => linked.fmt(f),
            Error::SealNotProved { what } => write!(f, "seal not proved: {what}"),
            Error::Stopped { signal, during } => write!(f, "stopped by signal {signal} {during}"),
            Error::Signals { .. }
            | Error::Descriptors { .. }
            | Error::ConfigRead { .. }
            | Error::Credentials { .. }
            | Error::Accounts { .. }
            | Error::HandOver { .. }
            | Error::NotWritable { .. }
            | Error::Drop { .. }
            | Error::ProofUnreadable { .. }
            | Error::SealUnavailable { .. }
            | Error::Create { .. }
            | Error::Child { .. }
            | Error::WorkingDirectory { .. }
            | Error::Output { .. } => self.refused_call(f),
        }
    }
}

impl Error {
    /// Adds the owner of a command that cannot be executed: a step or a health check. Other errors have a place.
    pub fn about(self, of: impl FnOnce() -> String) -> Error {
        match self {
            Error::NotFound { .. } | Error::NotExecutable { .. } => Error::Part { of: of(), error: Box::new(self) },
            other => other,
        }
    }

    /// Adds why a variable has no value: a secret that is left out (`left`, as the plan prints them), the order of
    /// `[env]`, or a step that has not run.
    pub fn explain(
        &mut self,
        left: &mut Vec<String>,
        is_in_env: impl Fn(&str) -> bool,
        is_output: impl Fn(&str) -> bool,
    ) {
        if let Error::Unset { name, message: why @ None, .. } = self {
            let found = left.iter().position(|left| is_about(left, name));
            *why = match found {
                Some(number) => Some(left.swap_remove(number)),
                None if is_output(name) => Some(BY_STEP.to_owned()),
                None => is_in_env(name).then(|| IN_ENV.to_owned()),
            };
        }
    }

    /// A failed system call: its purpose, the call, the kernel's reason.
    fn refused_call(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Signals { call, errno } => write!(f, "cannot set up signals: {}", Reason(call, *errno)),
            Error::Descriptors { call, object, errno } => {
                write!(f, "cannot set up {object}: {}", Reason(call, *errno))
            }
            Error::ConfigRead { path, call, errno } => {
                write!(f, "cannot read the configuration {path}: {}", Reason(call, *errno))
            }
            Error::Credentials { call, object, errno } => {
                write!(f, "cannot read the credentials of this process from {object}: {}", Reason(call, *errno))
            }
            Error::Accounts { path, errno } => write!(f, "cannot read {path}: {}", Reason("read", *errno)),
            Error::HandOver { path, call, errno, .. } => write!(f, "cannot hand over {path}: {}", Reason(call, *errno)),
            Error::NotWritable { path, uid, errno, .. } => {
                write!(f, "{path} is not writable to uid {uid}: {}", Reason("access", *errno))
            }
            Error::Drop { call, object, errno, .. } => {
                write!(f, "cannot drop privilege: {call} of {object}: {}", Kernel(*errno))
            }
            Error::ProofUnreadable { call, object, errno } => {
                write!(f, "drop not proved: cannot read back {object}: {}", Reason(call, *errno))
            }
            Error::SealUnavailable { what, call, errno } => write!(f, "cannot seal {what}: {}", Reason(call, *errno)),
            Error::Create { what, path, call, errno, .. } => {
                write!(f, "cannot create the {what} {path}: {}", Reason(call, *errno))
            }
            Error::Child { call, errno } => {
                write!(f, "cannot start or wait for a child process: {}", Reason(call, *errno))
            }
            Error::WorkingDirectory { path, errno } => {
                write!(f, "cannot enter the working directory {path}: {}", Reason("chdir", *errno))
            }
            Error::Output { errno } => write!(f, "cannot write to standard output: {}", Reason("write", *errno)),
            _ => Ok(()),
        }
    }
}

/// Whether this is why the secret of that name is left out.
pub(super) fn is_about(left: &str, name: &str) -> bool {
    left.strip_prefix("secret ").and_then(|left| left.strip_prefix(name)).is_some_and(|left| left.starts_with(": "))
}

/// A call and the kernel's reason for refusing it.
struct Reason(&'static str, Errno);

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0, Kernel(self.1))
    }
}
