//! Hands a tmpfs mount point to the user: mode, then owner, through the descriptor; its content only if configured.
//!
//! An engine mounts it owned by root, since Podman refuses `uid=`, and copies the image's files there with their
//! owners. The mode is set first: without `CAP_FOWNER` root can only change modes of its own files.

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::fstatfs;

use super::open;
use super::ownership::{bits, failed, give, is_theirs, set_mode, unproved};
use super::walk;
use crate::error::{Error, Result, Surface, Unmounted, errno};
use crate::facts::entries;
use crate::plan::TmpfsPlan;
use crate::privilege::{Root, Target};
use crate::sys::SignalMask;
use crate::trust::TMPFS;

/// A mount point of the user whose mode is not the configured one.
#[derive(Debug)]
pub struct WrongMode {
    pub(super) directory: OwnedFd,
    pub(super) path: String,
    pub(super) mode: u32,
}

/// Hands it over, unless owner and mode are right already.
pub(super) fn hand_over(
    root: &Root,
    entry: &TmpfsPlan,
    target: &Target,
    mask: SignalMask,
) -> Result<Option<WrongMode>> {
    let path = &entry.path;
    let surface = || Surface::Tmpfs(entry.mount());
    let directory = open::directory(path, surface)?;
    let kind = fstatfs(&directory).map_err(|error| failed(path, "fstatfs", errno(error)))?.f_type;
    let is_tmpfs = kind == TMPFS;
    let look = || open::look(&directory).map_err(|reason| failed(path, "fstat", reason));
    let before = look()?;
    let is_mount_point = open::is_mount_point(&before, path)?;
    if !is_tmpfs || !is_mount_point {
        let cause = match (is_tmpfs, is_mount_point) {
            (false, true) => Unmounted::OtherMount,
            _ if !entries::is_empty(path.as_ref()) => Unmounted::Full,
            (true, _) => Unmounted::BelowTmpfs,
            _ => Unmounted::Directory,
        };
        return Err(Error::MountPoint { path: path.clone(), surface: surface(), cause });
    }
    let wrong = !is_theirs(&before, target);
    if wrong && before.owner.0 == 0 && bits(before.mode) != entry.mode {
        set_mode(directory.as_fd(), entry.mode).map_err(|reason| failed(path, "fchmod", reason))?;
    }
    // Engines copy the directory's owner from the image too, so the content may have other owners than the top.
    if entry.recursive {
        walk::hand_over(root, path, &directory, target, mask)?;
    }
    if wrong {
        give(&directory, target).map_err(|reason| failed(path, "fchownat", reason))?;
    }
    let after = look()?;
    if !is_theirs(&after, target) {
        return Err(unproved(path.clone(), &after, target));
    }
    log::debug!("{path} belongs to {}:{}, mode {:04o}", target.uid, target.gid, bits(after.mode));
    let differs = bits(after.mode) != entry.mode;
    Ok(differs.then(|| WrongMode { directory, path: path.clone(), mode: entry.mode }))
}
