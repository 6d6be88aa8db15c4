//! Preparation after the drop, as the user: modes of its own mount points and its directories. It checks that every
//! surface is writable.

use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use rustix::fs::{
    Access, AtFlags, CWD, FileType, Mode, StatVfsMountFlags, accessat, chmod, fstat, mkdir, stat, statvfs,
};

use super::Left;
use super::ownership::{bits, set_mode};
use super::tmpfs::WrongMode;
use super::volume::Kept;
use crate::error::{Entry, Error, Refused, Result, errno};
use crate::facts::{entries, hindrance};
use crate::plan::{Surfaces, TmpfsPlan};
use crate::privilege::{Dropped, Target};

const SET_GROUP_ID: u32 = 0o2000;

/// Sets the modes that root could not set without `CAP_FOWNER`, since the directory was not root's. Accepts a volume
/// whose owner could not be changed if the user can write to it.
///
/// # Errors
/// [`Error::HandOver`], [`Error::HandOverUnproved`].
pub fn finish(_dropped: &Dropped, left: Left, target: &Target) -> Result<()> {
    for Kept { path, error } in left.volumes {
        if writable(Path::new(&path)).is_err() {
            return Err(error);
        }
        log::warn!("{error}; uid {} can write to it as it is", target.uid);
    }
    for WrongMode { directory, path, mode } in left.modes {
        let failed = |call, errno| {
            Error::HandOver { path: path.clone(), call, errno, cause: Refused::Mode(mode) }
                .hindered(hindrance::attribute(Path::new(&path), errno))
        };
        set_mode(directory.as_fd(), mode).map_err(|reason| failed("fchmod", reason))?;
        let after = fstat(&directory).map_err(|error| failed("fstat", errno(error)))?;
        if bits(after.st_mode) != mode {
            return Err(Error::HandOverUnproved {
                path,
                found: format!("its mode is {:04o} instead of {mode:04o}", bits(after.st_mode)),
            });
        }
    }
    Ok(())
}

/// Refuses a surface that the user cannot write to. Its owner does not matter: an ACL or a group may give access, and
/// a mode, a read-only mount, a directory above or a security module may bar the owner.
///
/// # Errors
/// [`Error::NotWritable`].
pub fn refuse_unwritable(_dropped: &Dropped, surfaces: &Surfaces, target: &Target) -> Result<()> {
    let uid = target.uid;
    let volumes = surfaces.volumes.iter().map(|entry| (&entry.path, Entry::Volume));
    for (path, entry) in surfaces.tmpfs.iter().map(|entry| (&entry.path, Entry::Tmpfs)).chain(volumes) {
        let path = Path::new(path);
        writable(path).map_err(|errno| {
            let holds_files = entry == Entry::Tmpfs && !entries::is_empty(path);
            not_writable(path, uid, errno, if holds_files { Entry::FullTmpfs } else { entry })
        })?;
    }
    Ok(())
}

/// Sets the modes of the tmpfs mount points that the user owns, for a start as non-root.
pub fn set_own_modes(_dropped: &Dropped, surfaces: &Surfaces, target: &Target) {
    surfaces.tmpfs.iter().for_each(|entry| set_own_mode(entry, target.uid));
}

/// Whether the user can write there. It uses the real ids, which equal the effective ones now: older seccomp filters
/// refuse the call that checks effective ids. The slash at the end refuses a file (ENOTDIR).
fn writable(path: &Path) -> std::result::Result<(), Errno> {
    accessat(CWD, path.join(""), Access::WRITE_OK | Access::EXEC_OK, AtFlags::empty()).map_err(errno)
}

fn not_writable(path: &Path, uid: u32, errno: Errno, entry: Entry) -> Error {
    let entry = match stat(path) {
        _ if errno != Errno::EACCES || entry == Entry::Directory => entry,
        Err(_) => Entry::Hidden,
        Ok(facts) if facts.st_uid == uid => Entry::Own,
        Ok(_) => entry,
    };
    Error::NotWritable { path: path.display().to_string(), uid, errno, entry }.hindered(hindrance::of(path, errno))
}

/// Sets the mode if the user owns the mount point; otherwise logs that the mode stays.
fn set_own_mode(entry: &TmpfsPlan, uid: u32) {
    let look = || stat(&entry.path).map(|facts| (facts.st_uid, bits(facts.st_mode)));
    let Ok((owner, mut mode)) = look() else { return };
    if mode != entry.mode && owner == uid && chmod(&entry.path, Mode::from_raw_mode(entry.mode)).is_ok() {
        mode = look().map_or(mode, |(_, now)| now);
    }
    if mode != entry.mode {
        log::info!("{} keeps mode {mode:04o} instead of {:04o}: it belongs to uid {owner}", entry.path, entry.mode);
    }
}

/// Creates each directory and its parents. One that exists must be writable. The mode of a created directory does not
/// depend on the umask.
///
/// # Errors
/// [`Error::Create`], [`Error::NotWritable`].
pub fn make_directories(_dropped: &Dropped, directories: &[(PathBuf, u32)], target: &Target) -> Result<()> {
    for (path, mode) in directories {
        let uid = target.uid;
        let failed = |call, errno| {
            Error::Create { what: "directory", path: path.display().to_string(), call, errno, uid }
                .hindered(hindrance::of(path, errno))
        };
        let above: Vec<_> = path.ancestors().skip(1).filter(|above| above.parent().is_some()).collect();
        for directory in above.into_iter().rev() {
            match mkdir(directory, Mode::from_raw_mode(0o755)).map_err(errno) {
                Ok(()) | Err(Errno::EEXIST) => {}
                // It exists, and its parent is read-only or not the user's.
                Err(_) if stat(directory).is_ok() => {}
                Err(reason) => return Err(failed("mkdir", reason)),
            }
        }
        match mkdir(path, Mode::from_raw_mode(*mode)).map_err(errno) {
            Ok(()) => {
                chmod(path, Mode::from_raw_mode(*mode)).map_err(|error| failed("chmod", errno(error)))?;
                let after = stat(path).map_err(|error| failed("stat", errno(error)))?;
                // The kernel silently clears set-group-ID if the user is not in the group.
                if (bits(after.st_mode) ^ mode) & !SET_GROUP_ID != 0 {
                    return Err(Error::NotDone {
                        call: "chmod",
                        object: format!("the mode {mode:04o} of {}", path.display()),
                    });
                }
            }
            Err(reason) => {
                let there = stat(path).is_ok_and(|facts| FileType::from_raw_mode(facts.st_mode) == FileType::Directory);
                if !there {
                    return Err(failed("mkdir", if reason == Errno::EEXIST { Errno::ENOTDIR } else { reason }));
                }
                writable(path).map_err(|errno| {
                    // The kernel asks first for permission, but nothing that gives it helps on a read-only mount.
                    let read_only = statvfs(path).is_ok_and(|facts| facts.f_flag.contains(StatVfsMountFlags::RDONLY));
                    not_writable(path, uid, if read_only { Errno::EROFS } else { errno }, Entry::Directory)
                })?;
            }
        }
    }
    Ok(())
}
