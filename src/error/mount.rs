//! Mount points and hand-overs: why one failed, and what to do about it.

use std::fmt;

use nix::errno::Errno;

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
}

/// Why a path is not the configured mount point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unmounted {
    /// It does not exist.
    Absent,
    /// It is a file.
    File,
    /// It is a directory on a tmpfs, but not its mount point.
    BelowTmpfs,
    /// It is a directory of the image.
    Directory,
    /// It is a directory with files in it.
    Full,
    /// Another file system than a tmpfs is mounted there.
    OtherMount,
}

/// An addition for a tmpfs over files of the image.
pub(super) const HIDDEN: &str = "; it hides the files that are there now: if the app needs them, give an empty path";

impl Unmounted {
    pub(super) fn write(&self, f: &mut fmt::Formatter<'_>, surface: &Surface) -> fmt::Result {
        match (self, surface) {
            (Unmounted::Absent, _) => f.write_str("does not exist"),
            (Unmounted::File, _) => f.write_str("is not a directory"),
            (_, Surface::Volume(_)) => f.write_str("is not a mount point: what is written there would be lost"),
            (Unmounted::BelowTmpfs, _) => f.write_str("is a directory on a tmpfs, but not the mount point itself"),
            _ => f.write_str("is not a tmpfs mount point"),
        }
    }

    pub(super) fn fix(&self, path: &str, surface: &Surface) -> String {
        match (self, surface) {
            (Unmounted::File, _) => "remove the file there from the image, or give another path".into(),
            (Unmounted::OtherMount, Surface::Tmpfs(mount)) => {
                format!("replace that mount by --tmpfs {mount}, or configure it as a [[volume]]")
            }
            (_, Surface::Tmpfs(mount)) => {
                let hidden = if *self == Unmounted::Full { HIDDEN } else { "" };
                format!("add --tmpfs {mount} (never uid= or gid=), or a memory-backed emptyDir{hidden}")
            }
            // Over a directory, a tmpfs could hide what the image has there.
            (Unmounted::Absent, Surface::Volume(mount)) => {
                format!("mount it: --volume {mount}, or a throw-away --tmpfs {path}")
            }
            (_, Surface::Volume(mount)) => format!("mount it: --volume {mount}"),
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

impl Refused {
    pub(super) fn fix(&self, errno: Errno) -> String {
        let fixed = match (self, errno) {
            (Refused::Proc, _) => "mount /proc in the container",
            (Refused::Open, _) => "let root enter every directory above it (chmod a+x)",
            (Refused::Mode(mode), _) => return format!("mount it with mode={mode:04o}"),
            // Despite CAP_CHOWN: the user namespace does not map the owner.
            (_, Errno::EPERM) => {
                "let the engine map its owner, which may be outside this user namespace: mount it with :U (podman \
                 unshare chown -R UID:GID with the app's ids does the same once), and give --cap-add=CHOWN"
            }
            (Refused::Owner(mount), Errno::EROFS) => return format!("mount {mount} read-write"),
            (_, Errno::EINVAL) => "choose a user whose ids the user namespace maps (/proc/self/uid_map)",
            (_, Errno::EACCES) => "let its owner read and enter the directories below it (chmod u+rx)",
            (_, Errno::ELOOP) => "flatten it, or change its owner once from outside (podman unshare chown -R)",
            _ => "change the mount, or let the seccomp profile allow the call",
        };
        fixed.to_owned()
    }
}
