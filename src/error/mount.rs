//! Mount points and hand-overs: why one failed.

use std::fmt;

/// What the configuration expects at a path, with the mount as engines write it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Surface {
    /// A `[[tmpfs]]`.
    Tmpfs(String),
    /// A `[[volume]]`.
    Volume(String),
}

/// The kind of the entry that wants to write to a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A `[[tmpfs]]`.
    Tmpfs,
    /// A `[[tmpfs]]` at a directory with files in it.
    FullTmpfs,
    /// A `[[volume]]`.
    Volume,
    /// A `[[directory]]`.
    Directory,
    /// A `[[tmpfs]]` or `[[volume]]` that the user owns.
    Own,
    /// One below a directory that the user cannot enter.
    Hidden,
}

/// Why a path is not the configured mount point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unmounted {
    /// It does not exist.
    Absent,
    /// It is a file of the image, or below one.
    File,
    /// A file is mounted there.
    MountedFile,
    /// It is a directory on a tmpfs, but not its mount point.
    BelowTmpfs,
    /// It is a directory of the image.
    Directory,
    /// It is a directory with files in it.
    Full,
    /// Another file system than a tmpfs is mounted there.
    OtherMount,
}

impl Unmounted {
    pub(super) fn write(&self, f: &mut fmt::Formatter<'_>, surface: &Surface) -> fmt::Result {
        match (self, surface) {
            (Unmounted::Absent, _) => f.write_str("does not exist"),
            (Unmounted::File, _) => f.write_str("is not a directory"),
            (Unmounted::MountedFile, _) => f.write_str("is a mounted file, not a directory"),
            (_, Surface::Volume(_)) => f.write_str("is not a mount point: what is written there would be lost"),
            (Unmounted::BelowTmpfs, _) => f.write_str("is a directory on a tmpfs, but not the mount point itself"),
            _ => f.write_str("is not a tmpfs mount point"),
        }
    }
}

/// The part of a hand-over that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Its owner, or that of something below this mount point.
    Owner(String),
    /// Its mode.
    Mode(u32),
    /// Opening it.
    Open,
    /// Reading the mount table.
    Proc,
}
