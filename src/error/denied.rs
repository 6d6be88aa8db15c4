//! The reason why root refuses a file: the part of its path that others can change.

use std::fmt;
use std::path::PathBuf;

use nix::errno::Errno;

use super::Kernel;

/// What a file decides, if root acts on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decides {
    /// The whole boot: it is the configuration.
    Boot,
    /// Who the app is: it is `/etc/passwd` or `/etc/group`.
    User,
    /// What the root step of this name does.
    Step(String),
}

/// The reason why root refuses a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denied {
    /// A call failed.
    Call(&'static str, Errno),
    /// Others can change a directory of the path, or the file itself.
    NotRoots {
        /// The path of that part.
        place: PathBuf,
        /// Who else can change it.
        whose: Whose,
    },
    /// Too many files to check, or a path that leads each process elsewhere.
    CannotJudge(String),
}

/// Who else could change a file or directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Its owner.
    Owner(u32),
    /// An owner whom the user namespace does not map.
    Unmapped,
    /// Its group.
    Group(u32),
    /// A user or group of its access list.
    Listed,
    /// Everyone.
    Everyone,
    /// Everyone, for files of their own: it is a sticky directory, such as `/tmp`.
    Sticky,
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Denied::Call(call, errno) => write!(f, "{call}: {}", Kernel(*errno)),
            Denied::NotRoots { place, whose } => write!(f, "{} {whose}", place.display()),
            Denied::CannotJudge(what) => f.write_str(what),
        }
    }
}

impl fmt::Display for Whose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Whose::Owner(uid) => write!(f, "belongs to uid {uid}"),
            Whose::Unmapped => f.write_str("belongs to a user outside of this user namespace"),
            Whose::Group(gid) => write!(f, "is writable to its group {gid}"),
            Whose::Listed => f.write_str("is writable to others by its access list"),
            Whose::Everyone | Whose::Sticky => f.write_str("is writable to everyone"),
        }
    }
}
