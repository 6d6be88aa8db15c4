//! Hands a tmpfs mount point to the user: mode, then owner, through the descriptor, and never what is below it.
//!
//! The engine leaves the mount point root's, whatever the image says, since Podman takes no `uid=`; what the image had
//! there is copied up with its own owners. The mode comes first, because without `CAP_FOWNER` root can only change that
//! of what it owns.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use rustix::fs::{AtFlags, Gid, Mode, OFlags, Stat, Uid, chmod, chownat, fchmod, fstat, fstatfs, openat};

use super::open;
use crate::error::{Error, Result, errno};
use crate::plan::TmpfsPlan;
use crate::privilege::{Root, Target};

/// `TMPFS_MAGIC` of `statfs(2)`.
const TMPFS_MAGIC: i64 = 0x0102_1994;

/// A mount point that is the user's, with another mode than the configured one.
#[derive(Debug)]
pub struct Unmended {
    pub(super) directory: OwnedFd,
    pub(super) path: String,
    pub(super) mode: u32,
}

/// Hands it over, unless it is right already.
pub(super) fn hand_over(_root: &Root, entry: &TmpfsPlan, target: &Target) -> Result<Option<Unmended>> {
    let flag = flag(entry);
    let directory = open::directory(&entry.path, &flag)?;
    let kind = fstatfs(&directory).map_err(|error| failed(entry, "fstatfs", errno(error)))?.f_type;
    let is_tmpfs = kind == TMPFS_MAGIC;
    if !is_tmpfs || !open::is_mount_point(&directory, &entry.path)? {
        let what = if is_tmpfs { "is a directory on a tmpfs, but not the mount point itself" } else { "is not a tmpfs mount point" };
        return Err(Error::MountPoint { path: entry.path.clone(), what: what.into(), remedy: flag });
    }
    let before = facts(entry, &directory)?;
    if !is_theirs(&before, target) {
        if before.st_uid == 0 && bits(&before) != entry.mode {
            set_mode(directory.as_fd(), entry.mode).map_err(|reason| failed(entry, "fchmod", reason))?;
        }
        let (uid, gid) = (Uid::from_raw(target.uid), Gid::from_raw(target.gid));
        chownat(&directory, "", Some(uid), Some(gid), AtFlags::EMPTY_PATH).map_err(|error| failed(entry, "fchownat", errno(error)))?;
    }
    let after = facts(entry, &directory)?;
    if !is_theirs(&after, target) {
        let found = format!("it belongs to {}:{} instead of {}:{}", after.st_uid, after.st_gid, target.uid, target.gid);
        return Err(Error::HandOverUnproved { path: entry.path.clone(), found });
    }
    log::debug!("{} belongs to {}:{}, mode {:04o}", entry.path, after.st_uid, after.st_gid, bits(&after));
    let unmended = bits(&after) != entry.mode;
    Ok(unmended.then(|| Unmended { directory, path: entry.path.clone(), mode: entry.mode }))
}

/// Sets the mode of a directory that is only a handle: through a readable descriptor where the mode lets its owner read
/// it, else by the handle's name in `/proc`, which follows no link but the handle itself.
pub(super) fn set_mode(directory: BorrowedFd<'_>, mode: u32) -> std::result::Result<(), Errno> {
    let mode = Mode::from_raw_mode(mode);
    let done = match openat(directory, ".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()) {
        Ok(readable) => fchmod(readable, mode),
        Err(_) => chmod(format!("/proc/self/fd/{}", directory.as_raw_fd()), mode),
    };
    done.map_err(errno)
}

/// The permission bits of a file's mode.
pub(super) fn bits(facts: &Stat) -> u32 {
    facts.st_mode & 0o7777
}

/// Whether both owner and group are the user's.
pub(super) fn is_theirs(facts: &Stat, target: &Target) -> bool {
    facts.st_uid == target.uid && facts.st_gid == target.gid
}

fn facts(entry: &TmpfsPlan, directory: &OwnedFd) -> Result<Stat> {
    fstat(directory).map_err(|error| failed(entry, "fstat", errno(error)))
}

/// The flag that makes the mount point, as an operator would write it.
fn flag(entry: &TmpfsPlan) -> String {
    let size = entry.size.as_deref().unwrap_or("64m");
    format!("add --tmpfs {}:rw,size={size},mode={:04o} (never uid= or gid=), or a memory-backed emptyDir", entry.path, entry.mode)
}

fn failed(entry: &TmpfsPlan, call: &'static str, errno: Errno) -> Error {
    Error::HandOver { path: entry.path.clone(), call, errno, remedy: super::volume::remedy(errno, &entry.path) }
}
