//! Changes owner and mode through a descriptor, and translates the kernel's refusals; shared by all hand-overs.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::path::Path;

use nix::errno::Errno;
use rustix::fs::{AtFlags, Gid, Mode, Uid, chownat, fchmod};

use super::open::Seen;
use crate::error::{Error, Refused, errno};
use crate::facts::hindrance::attribute;
use crate::privilege::Target;

/// Makes the user its owner: `fchownat(2)` on the descriptor itself.
pub(super) fn give(handle: impl AsFd, target: &Target) -> std::result::Result<(), Errno> {
    let (uid, gid) = (Uid::from_raw(target.uid), Gid::from_raw(target.gid));
    chownat(handle, "", Some(uid), Some(gid), AtFlags::EMPTY_PATH).map_err(errno)
}

/// Sets the mode of an open directory. An `O_PATH` descriptor is changed through `/proc/self/fd`, which follows only
/// the descriptor's own link.
pub(super) fn set_mode(directory: BorrowedFd<'_>, mode: u32) -> std::result::Result<(), Errno> {
    let mode = Mode::from_raw_mode(mode);
    match fchmod(directory, mode).map_err(errno) {
        Err(Errno::EBADF) => rustix::fs::chmod(format!("/proc/self/fd/{}", directory.as_raw_fd()), mode).map_err(errno),
        other => other,
    }
}

/// The permission bits of a file's mode.
pub(super) fn bits(mode: u32) -> u32 {
    mode & 0o7777
}

/// Whether both owner and group are the user's.
pub(super) fn is_theirs(seen: &Seen, target: &Target) -> bool {
    seen.owner == (target.uid, target.gid)
}

/// The error for a refused call on a mount point.
pub(super) fn failed(mount: &str, call: &'static str, errno: Errno) -> Error {
    failed_at(mount.to_owned(), mount, call, errno)
}

/// The error for a refused call on something below a mount point.
pub(super) fn failed_at(path: String, mount: &str, call: &'static str, errno: Errno) -> Error {
    let by = attribute(Path::new(&path), errno);
    Error::HandOver { path, call, errno, cause: Refused::Owner(mount.to_owned()) }.hindered(by)
}

/// The error for an owner that did not change although the call reported success.
pub(super) fn unproved(path: String, after: &Seen, target: &Target) -> Error {
    let (uid, gid) = after.owner;
    let found = format!("it belongs to {uid}:{gid} instead of {}:{}", target.uid, target.gid);
    Error::HandOverUnproved { path, found }
}
