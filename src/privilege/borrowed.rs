//! Opens files with the permissions of the user or of their owner while still root, since nobody else may read some:
//! `setfsuid(2)`, `capabilities(7)`.
//!
//! File access depends on the file system uid and gid and the supplementary groups. A file system uid other than 0 also
//! removes the capabilities that override permissions from the effective set. The owner of this process stays the same
//! for other processes.

use nix::errno::Errno;
use rustix::thread::set_thread_groups;

use super::{Held, Root, Target, sorted};
use crate::error::{Error, Result, Undropped, errno};
use crate::sys;

/// Runs `read` with the file permissions of the user, then restores those of root.
///
/// # Errors
/// [`Error::Drop`] if the ids could not be set or restored; the boot must end then.
pub fn with_rights_of<T>(target: &Target, held: &Held, read: impl FnOnce() -> T) -> Result<T> {
    groups(&target.groups)?;
    file_system_ids(target.uid, target.gid)?;
    let value = read();
    file_system_ids(held.uid.file_system, held.gid.file_system)?;
    groups(&held.groups)?;
    Ok(value)
}

/// Whether the user namespace maps these ids, by setting them as file system ids. Also false if that cannot be tried.
///
/// # Errors
/// [`Error::Drop`] if root's own could not be set again; the boot must end then.
pub fn takes_ids(uid: u32, gid: u32, groups: &[u32], held: &Held) -> Result<bool> {
    // Setting root's own ids again makes every permitted capability for files effective.
    if held.effective != held.permitted {
        return Ok(false);
    }
    let own = (held.uid.file_system, held.gid.file_system);
    let exist = |gid: u32| {
        let before = sys::exchange_file_system_ids(uid, gid);
        sys::exchange_file_system_ids(own.0, own.1) == (uid, gid) && before == own
    };
    let all = exist(gid) && groups.iter().all(|group| *group == gid || exist(*group));
    // A refused call, as on gVisor, has changed nothing.
    let now = sys::file_system_ids();
    if [(now.0, own.0), (now.1, own.1)].into_iter().all(|(now, own)| now == own || now == u32::MAX) {
        Ok(all)
    } else {
        file_system_ids(own.0, own.1)?;
        Ok(false)
    }
}

/// Runs `open` with the file system uid `uid`, which has the permissions of a file's owner, then restores root's. None
/// if the uid cannot be set: the user namespace does not map it, or the call is refused, as on gVisor.
///
/// # Errors
/// [`Error::Drop`] if root's own could not be set again; the boot must end then.
pub fn as_owner<T>(_root: &Root, uid: u32, open: impl FnOnce() -> T) -> Result<Option<T>> {
    let own = sys::exchange_file_system_uid(uid);
    let opened = (sys::exchange_file_system_uid(u32::MAX) == uid).then(open);
    sys::exchange_file_system_uid(own);
    if sys::exchange_file_system_uid(u32::MAX) == own { Ok(opened) } else { Err(ids_refused(own, own, Errno::EPERM)) }
}

fn file_system_ids(uid: u32, gid: u32) -> Result<()> {
    sys::set_file_system_ids(uid, gid).map_err(|errno| ids_refused(uid, gid, errno))
}

fn ids_refused(uid: u32, gid: u32, errno: Errno) -> Error {
    let object = format!("{uid}:{gid}");
    Error::Drop { call: "setfsuid and setfsgid", object, errno, cause: Undropped::Borrowed }
}

fn groups(wanted: &[u32]) -> Result<()> {
    let refused =
        |errno| Error::Drop { call: "setgroups", object: format!("{wanted:?}"), errno, cause: Undropped::Borrowed };
    let now = rustix::process::getgroups().map_err(|error| refused(errno(error)))?;
    let now: Vec<u32> = now.into_iter().map(rustix::process::Gid::as_raw).collect();
    if now == wanted {
        return Ok(());
    }
    let list: Vec<_> = wanted.iter().copied().map(rustix::process::Gid::from_raw).collect();
    set_thread_groups(&list).map_err(|error| refused(errno(error)))?;
    let after = rustix::process::getgroups().map_err(|error| refused(errno(error)))?;
    let after = after.into_iter().map(rustix::process::Gid::as_raw).collect();
    if sorted(after) == sorted(wanted.to_vec()) { Ok(()) } else { Err(refused(Errno::EPERM)) }
}
