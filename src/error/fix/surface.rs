//! For paths that the app writes to: mounts, hand-overs, directories, files.

use nix::errno::Errno;

use super::{not_done, system};
use crate::error::{Entry, Hindrance, Link, Refused, Surface, Unmounted, Way};

/// A call that reports success without an effect.
pub(super) const NOT_HANDED_OVER: &str =
    "keep other processes from changing it during the boot, and any seccomp filter from faking the call";

/// A part of the path is a file, or a link that leads nowhere.
const NO_DIRECTORY: &str = "make each part of its path a directory: no file, and no broken symbolic link";

/// A directory above is closed to the user.
const ENTERED: &str = "let the user enter each directory above it (chmod a+x)";

/// The mount table cannot be read.
pub(super) const NO_PROC: &str = "mount /proc in the container";

/// Files of `/proc/self` are masked.
pub(super) const MASKED: &str = "mount /proc in the container without masking files of /proc/self";

/// An addition for a tmpfs over files of the image.
const HIDDEN: &str = "; it hides the files that are there now: if the app needs them, give an empty path";

impl Unmounted {
    pub(super) fn fix(&self, path: &str, surface: &Surface) -> String {
        match (self, surface) {
            (Unmounted::File, _) => "remove the file there from the image, or give another path".into(),
            (Unmounted::MountedFile, Surface::Tmpfs(mount) | Surface::Volume(mount)) => {
                let kind = if matches!(surface, Surface::Tmpfs(_)) { "tmpfs" } else { "volume" };
                format!("mount a directory instead: --{kind} {mount}")
            }
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

impl Refused {
    pub(super) fn fix(&self, errno: Errno) -> String {
        let fixed = match (self, errno) {
            (Refused::Proc, _) => NO_PROC,
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
            _ => "mount another file system there, or let the seccomp profile allow the call",
        };
        fixed.to_owned()
    }
}

impl Link {
    pub(super) fn fix(&self) -> String {
        let why = match &self.way {
            Way::Plain(plain) => return format!("give the path without the link: {plain}"),
            Way::Loop => "leads back to itself",
            Way::Apps => "the app could have made",
        };
        format!("remove the link {}, which {why}", self.at)
    }
}

impl Hindrance {
    pub(super) fn fix(&self) -> String {
        match self {
            Hindrance::Link(link) => link.fix(),
            Hindrance::Attribute(path) => {
                format!("clear the immutable or append-only attribute of {path} on the host (chattr -i -a)")
            }
            Hindrance::Sticky(path) => {
                format!("remove {path}, which belongs to another user in a sticky directory, or give another path")
            }
            Hindrance::Masked => MASKED.to_owned(),
        }
    }
}

pub(super) fn not_writable(path: &str, uid: u32, errno: Errno, entry: Entry) -> String {
    match (entry, errno) {
        (Entry::Own, _) => format!("let its owner write to it (chmod u+wx {path}), and SELinux too (option Z)"),
        (Entry::Hidden, _) => ENTERED.into(),
        (Entry::Directory, Errno::EROFS) => {
            "put it below a writable mount, or leave it out if the app only reads it".into()
        }
        (Entry::Directory, _) => format!(
            "let uid {uid} own and write it (chmod u+wx): by COPY --chown in the image, by recursive = true in its \
             [[tmpfs]], or by recursive = \"always\" in its [[volume]]"
        ),
        (_, Errno::ENOTDIR) => NO_DIRECTORY.into(),
        (Entry::Tmpfs | Entry::FullTmpfs, Errno::EROFS) => {
            let hidden = if entry == Entry::FullTmpfs { HIDDEN } else { "" };
            format!("mount it writable (--tmpfs {path}:rw,mode=1777, or a memory-backed emptyDir with fsGroup){hidden}")
        }
        (Entry::Volume, Errno::EROFS) => {
            format!("mount a writable volume there (--volume NAME:{path}:U, or a claim with fsGroup)")
        }
        _ => format!(
            "mount it owned by uid {uid} (Podman's option U, fsGroup of Kubernetes) or with mode=1777, or start as \
             root and let /init hand it over"
        ),
    }
}

pub(super) fn made(what: &str, path: &str, call: &str, uid: u32, errno: Errno) -> String {
    match errno {
        // A mount at a file's path would be a directory, and one above it would hide what the image has there.
        _ if path.starts_with("/proc/") || (what == "file" && errno == Errno::EROFS) => {
            "put it below a writable mount, such as a [[tmpfs]]".into()
        }
        Errno::EROFS => format!("put it below a writable mount, or mount one (--tmpfs {path})"),
        Errno::ENOENT if what == "file" => "create the directory above it by a [[directory]] entry".into(),
        Errno::EISDIR => "remove the directory that is in its place".into(),
        Errno::ENOSPC | Errno::EDQUOT => "free space or inodes there, or mount it larger".into(),
        Errno::EACCES | Errno::EPERM => {
            format!(
                "let uid {uid} enter each directory above it and write to the last one, or put it below a [[tmpfs]] or \
                 [[volume]]"
            )
        }
        Errno::EBUSY => format!("unmount the file that is mounted there, or keep it (unless_exists = \"{path}\")"),
        Errno::EFBIG => "allow larger files (--ulimit fsize=-1)".into(),
        Errno::ENAMETOOLONG => "give it a shorter name and path".into(),
        Errno::ENODATA => not_done(call),
        Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP => NO_DIRECTORY.into(),
        _ => format!("put it on another file system (see the kernel's log), or let the seccomp profile allow {call}"),
    }
}

/// A path of `when_exists` or `unless_exists` cannot be looked up.
pub(crate) fn unseen(errno: Errno) -> &'static str {
    match errno {
        Errno::EACCES => ENTERED,
        Errno::ELOOP => "remove the loop of symbolic links from it",
        Errno::ENAMETOOLONG => "give it a shorter name and path",
        _ => system::limit(errno)
            .unwrap_or("mount a working file system there (see the kernel's log), or let seccomp allow newfstatat"),
    }
}
