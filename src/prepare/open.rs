//! Opens a directory by a path without symbolic links.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags, StatxFlags, fstat, makedev, open, openat, openat2, statx,
};

use crate::error::{Error, Refused, Result, Surface, Unmounted, errno, io_errno};
use crate::facts::hindrance;
use crate::facts::mounts::{Mount, mounted_at, parse};
use crate::trust::{HANDLE, mount_root};

/// Opens the directory for reading, so that its mode can be changed through the descriptor, or else with `O_PATH`.
/// `surface` is the configured mount, for messages.
///
/// # Errors
/// [`Error::MountPoint`], [`Error::HandOver`].
pub(super) fn directory(path: &str, surface: impl Fn() -> Surface) -> Result<OwnedFd> {
    // Not O_NOFOLLOW: with it the error for a link at the end would be ENOTDIR instead of ELOOP.
    let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
    let whole = |kind| {
        openat2(CWD, path, flags | kind, Mode::empty(), ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS)
            .map_err(errno)
    };
    let opened = match whole(OFlags::RDONLY).or_else(|_| whole(OFlags::PATH)) {
        // Before Linux 5.6, or EPERM and EACCES from a seccomp filter that does not know the call: the walk finds the
        // real reason.
        Err(Errno::ENOSYS | Errno::EPERM | Errno::EACCES) => walk(path),
        other => other,
    };
    let mount_point = |cause| Error::MountPoint { path: path.to_owned(), surface: surface(), cause };
    opened.map_err(|reason| match reason {
        Errno::ENOENT => mount_point(Unmounted::Absent),
        Errno::ENOTDIR if is_mounted(path) => mount_point(Unmounted::MountedFile),
        Errno::ENOTDIR => mount_point(Unmounted::File),
        Errno::ELOOP => Error::Linked(hindrance::linked("", Path::new(path))),
        _ => Error::HandOver { path: path.to_owned(), call: "open", errno: reason, cause: Refused::Open },
    })
}

/// Whether a file is mounted at this path, as far as the kernel reports it.
fn is_mounted(path: &str) -> bool {
    open(path, HANDLE, Mode::empty()).is_ok_and(|file| look(file).is_ok_and(|seen| seen.mount_root == Some(true)))
}

/// The same, one component at a time.
fn walk(path: &str) -> std::result::Result<OwnedFd, Errno> {
    let mut here = open("/", HANDLE | OFlags::DIRECTORY, Mode::empty()).map_err(errno)?;
    for part in path.split('/').filter(|part| !part.is_empty()) {
        let next = openat(&here, part, HANDLE, Mode::empty()).map_err(errno)?;
        match FileType::from_raw_mode(fstat(&next).map_err(errno)?.st_mode) {
            FileType::Directory => here = next,
            FileType::Symlink => return Err(Errno::ELOOP),
            _ => return Err(Errno::ENOTDIR),
        }
    }
    Ok(here)
}

/// Whether the directory at this path is the root of a mount, by `statx(2)` or else by the mount table.
///
/// # Errors
/// [`Error::HandOver`].
pub(super) fn is_mount_point(directory: &Seen, path: &str) -> Result<bool> {
    match directory.mount_root {
        Some(root) => Ok(root),
        None => Ok(mounted_at(&mount_table(path)?, Path::new(path)).is_some()),
    }
}

/// The metadata of an open file.
pub(super) struct Seen {
    pub(super) device: u64,
    pub(super) inode: u64,
    pub(super) names: u64,
    pub(super) mode: u32,
    pub(super) owner: (u32, u32),
    /// Whether it is the root of a mount, if the kernel reports it.
    pub(super) mount_root: Option<bool>,
}

/// Reads the metadata: by one call, or two if a filter refuses the newer one.
///
/// # Errors
/// `fstat(2)`'s.
pub(super) fn look(file: impl AsFd) -> std::result::Result<Seen, Errno> {
    match statx(&file, "", AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS) {
        Ok(facts) if facts.stx_mask & StatxFlags::BASIC_STATS.bits() == StatxFlags::BASIC_STATS.bits() => Ok(Seen {
            device: makedev(facts.stx_dev_major, facts.stx_dev_minor),
            inode: facts.stx_ino,
            names: u64::from(facts.stx_nlink),
            mode: u32::from(facts.stx_mode),
            owner: (facts.stx_uid, facts.stx_gid),
            mount_root: mount_root(&facts),
        }),
        _ => {
            let facts = fstat(&file).map_err(errno)?;
            #[allow(clippy::useless_conversion, reason = "the count has another width on another architecture")]
            let names = u64::from(facts.st_nlink);
            Ok(Seen {
                device: facts.st_dev,
                inode: facts.st_ino,
                names,
                mode: facts.st_mode,
                owner: (facts.st_uid, facts.st_gid),
                mount_root: None,
            })
        }
    }
}

/// The id of an open file's mount: `proc_pid_fdinfo(5)`. It distinguishes two mounts of one file system.
///
/// # Errors
/// [`Error::HandOver`].
pub(super) fn mount_number(file: impl AsFd, path: &str) -> Result<String> {
    let failed = |errno| Error::HandOver {
        path: path.to_owned(),
        call: "read of /proc/self/fdinfo",
        errno,
        cause: Refused::Proc,
    };
    let name = format!("/proc/self/fdinfo/{}", file.as_fd().as_raw_fd());
    let text = std::fs::read_to_string(name).map_err(|error| failed(io_errno(&error)))?;
    text.lines()
        .find_map(|line| line.strip_prefix("mnt_id:"))
        .map(|number| number.trim().to_owned())
        .ok_or_else(|| failed(Errno::ENODATA))
}

fn mount_table(path: &str) -> Result<Vec<Mount>> {
    let text = std::fs::read("/proc/self/mountinfo").map_err(|error| Error::HandOver {
        path: path.to_owned(),
        call: "read of /proc/self/mountinfo",
        errno: io_errno(&error),
        cause: Refused::Proc,
    })?;
    Ok(parse(&text))
}
