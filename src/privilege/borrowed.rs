//! Reads with the user's rights while still root, for what only the user may read: `setfsuid(2)`, `capabilities(7)`.
//!
//! The file system uid and gid decide, together with the supplementary groups; a file system uid that is not 0 also
//! takes the capabilities that override permissions out of the effective set. Other processes see no other owner of
//! this one.

use nix::errno::Errno;
use rustix::thread::set_thread_groups;

use super::{Held, Target};
use crate::error::{Error, Result, errno};
use crate::sys;

/// Runs `read` with the rights to files that the user will have, and those of root again afterwards.
///
/// # Errors
/// [`Error::Drop`] if the rights could not be taken or given back; the boot must end then.
pub fn with_rights_of<T>(target: &Target, held: &Held, read: impl FnOnce() -> T) -> Result<T> {
    groups(&target.groups)?;
    file_system_ids(target.uid, target.gid)?;
    let value = read();
    file_system_ids(held.uid.file_system, held.gid.file_system)?;
    groups(&held.groups)?;
    Ok(value)
}

/// Whether the user namespace has these ids, by trying them as ids for files. False also where that cannot be tried.
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
    // Where a call is refused, as by gVisor, it has changed nothing.
    let now = sys::file_system_ids();
    if [(now.0, own.0), (now.1, own.1)].into_iter().all(|(now, own)| now == own || now == u32::MAX) {
        Ok(all)
    } else {
        file_system_ids(own.0, own.1)?;
        Ok(false)
    }
}

/// The engine's `exec` gives root what the engine gave it; lxc-attach gives it nothing once `/init` has dropped.
const REMEDY: &str = "start this process with SETUID and SETGID (--cap-add=SETUID --cap-add=SETGID, lxc-attach \
    --elevated-privileges=CAP), or let root read the secret (mode=0400, uid=0)";

fn file_system_ids(uid: u32, gid: u32) -> Result<()> {
    sys::set_file_system_ids(uid, gid).map_err(|errno| Error::Drop {
        call: "setfsuid and setfsgid",
        object: format!("{uid}:{gid}"),
        errno,
        remedy: REMEDY.into(),
    })
}

fn groups(wanted: &[u32]) -> Result<()> {
    let refused =
        |errno| Error::Drop { call: "setgroups", object: format!("{wanted:?}"), errno, remedy: REMEDY.into() };
    let now = rustix::process::getgroups().map_err(|error| refused(errno(error)))?;
    let now: Vec<u32> = now.into_iter().map(rustix::process::Gid::as_raw).collect();
    if now == wanted {
        return Ok(());
    }
    let list: Vec<_> = wanted.iter().copied().map(rustix::process::Gid::from_raw).collect();
    set_thread_groups(&list).map_err(|error| refused(errno(error)))?;
    let after = rustix::process::getgroups().map_err(|error| refused(errno(error)))?;
    let mut after: Vec<u32> = after.into_iter().map(rustix::process::Gid::as_raw).collect();
    let mut sorted = wanted.to_vec();
    after.sort_unstable();
    sorted.sort_unstable();
    if after == sorted { Ok(()) } else { Err(refused(Errno::EPERM)) }
}
