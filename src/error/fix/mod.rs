//! Every text that `/init` prints after `fix:`, whoever prints it: a fatal error, a warning or the boot check.
//!
//! Each file is about one subject and names the texts by their cause; other modules refer to those names. Where a cause
//! is a variant of an error, [`Error::fix`] decides. Its match has no wildcard, so an error without a remedy does not
//! compile. The forms of values ("a number with ms, s or m") belong to their parsers in [`crate::config::values`], and
//! the names of keys to the key table, since the schema is made from both.

pub(crate) mod check;
pub(crate) mod command;
pub(crate) mod mistake;
mod privilege;
pub(crate) mod render;
pub mod running;
pub(crate) mod surface;
pub(crate) mod system;
pub(crate) mod variable;

use nix::errno::Errno;

use super::message::{BY_STEP, IN_ENV, is_about};
use super::{Error, Linked, NO_ROLES, Unfit};

impl Error {
    /// What to do about it.
    pub fn fix(&self) -> String {
        // A limit of the process is the cause, whatever the object.
        if let Some(fix) = self.errno().and_then(system::limit) {
            return fix.into();
        }
        let fixed = match self {
            Error::CommandLine { .. } => command::LINE,
            Error::PrivilegedInstall { .. } => privilege::INSTALL,
            Error::Signals { .. } => system::SIGNALS,
            Error::Descriptors { .. } => system::STREAMS,
            Error::ConfigRead { errno: Errno::ENOENT, .. } => mistake::FILE_ABSENT,
            Error::ConfigRead { errno: Errno::EACCES, .. } => mistake::FILE_DENIED,
            Error::ConfigRead { .. } => mistake::FILE_UNREADABLE,
            Error::ConfigEncoding { .. } => mistake::FILE_ENCODING,
            Error::ConfigKind { .. } => mistake::FILE_KIND,
            Error::Config { allowed, .. } => allowed,
            Error::Identity { given, .. } => {
                return format!("{}{}", privilege::IDENTITY, variable::around(&format!("'{given}'")));
            }
            Error::NoCommand { remedy, .. } => remedy,
            Error::NoHealth { role: None } => command::NO_ROLE_TO_ASK,
            Error::NoHealth { .. } => command::NO_HEALTH,
            Error::NothingBeside => command::NOTHING_BESIDE,
            Error::Inexpressible { remedy, .. } => remedy,
            Error::Step { remedy, .. } => remedy,
            Error::Required { hint: Some(hint), .. } => hint,
            Error::Refused { hint: Some(hint), .. } => hint,
            Error::RootStepsWithoutRoot { .. } => privilege::ROOT_STEPS,
            Error::Drop { errno, cause, .. } => return cause.fix(*errno),
            Error::HandOverUnproved { .. } => surface::NOT_HANDED_OVER,
            Error::ProofUnreadable { .. } => privilege::PROOF_UNREADABLE,
            Error::NotProved { .. } => privilege::NOT_PROVED,
            Error::Threads { .. } => privilege::THREADS,
            Error::SealNotProved { .. } => privilege::SEAL_NOT_PROVED,
            Error::Child { errno: Errno::EAGAIN, .. }
            | Error::NotExecutable { cause: Unfit::Other(Errno::EAGAIN), .. } => system::PROCESSES,
            Error::Child { .. } => system::CHILD,
            Error::WorkingDirectory { errno: Errno::EACCES, .. } => command::WORKDIR_DENIED,
            Error::WorkingDirectory { errno: Errno::EXDEV, .. } => command::WORKDIR_OUTSIDE,
            Error::WorkingDirectory { errno: Errno::ENOTDIR, .. } => command::WORKDIR_FILE,
            Error::WorkingDirectory { .. } => command::WORKDIR_ABSENT,
            Error::Output { .. } => system::OUTPUT,
            Error::Stopped { .. } => running::STOPPED_BEFORE_START,
            Error::OwnVariable { name, what, allowed } => {
                return format!("give {name} once, as {allowed}, or unset it{}", variable::around(what));
            }
            Error::NotDone { call, .. } => return not_done(call),
            Error::MountPoint { path, surface, cause } => return cause.fix(path, surface),
            Error::HandOver { errno, cause, .. } => return cause.fix(*errno),
            Error::NotRoots { decides, cause, .. } => return privilege::not_roots(decides, cause),
            Error::Part { error, .. } => return error.fix(),
            Error::Hindered { by, .. } => return by.fix(),
            Error::NotFound { cause, .. } => return cause.fix(),
            Error::NotExecutable { cause, .. } => return cause.fix(),
            Error::Credentials { .. } => surface::MASKED,
            Error::Unmapped { file, mapped, .. } => return privilege::unmapped(file, mapped),
            Error::Accounts { path, errno } => return privilege::accounts(path, *errno),
            Error::Role { known, .. } if known == NO_ROLES => variable::ROLE_WITHOUT_ROLES,
            Error::Role { what, variable, known } => {
                return format!("set {variable} to one of: {known}{}", variable::around(what));
            }
            Error::Unset { message: Some(why), .. } if why == IN_ENV => variable::SET_LATER,
            Error::Unset { message: Some(why), .. } if why == BY_STEP => variable::SET_BY_STEP,
            Error::Unset { name, message: Some(why), .. } if is_about(why, name) => variable::SECRET_LEFT_OUT,
            Error::Unset { name, message, .. } => return variable::set(name, message.is_none()),
            Error::Required { name, hint: None } => return variable::set(name, false),
            Error::Refused { name, is, hint: None } if is == "unset" => return variable::set(name, false),
            Error::Refused { name, is, hint: None } if is == "set" => return format!("unset {name}"),
            Error::Refused { name, hint: None, .. } => return format!("unset {name}, or change its value"),
            Error::Secret { name, cause, .. } => return variable::secret(name, *cause),
            Error::CapabilityMissing { wanted, as_user } => return privilege::add(wanted, *as_user),
            Error::SealUnavailable { what, errno, .. } => return privilege::seal(what, *errno),
            Error::Linked(Linked { link: Some(link), .. }) => return link.fix(),
            Error::Linked(_) => surface::NOT_HANDED_OVER,
            Error::NotWritable { path, uid, errno, entry } => return surface::not_writable(path, *uid, *errno, *entry),
            Error::Create { what, path, call, uid, errno } => return surface::made(what, path, call, *uid, *errno),
        };
        fixed.to_owned()
    }
}

fn not_done(call: &str) -> String {
    format!("keep seccomp filters and the file system from faking {call}")
}
