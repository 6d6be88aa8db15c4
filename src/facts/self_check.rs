//! Checks how `/init` itself is installed: it must be a plain program that gives its caller no privilege.
//!
//! A set-user-ID copy would let the app name any configuration as root. `AT_SECURE` alone is no evidence, though:
//! SELinux sets it at the engine's own transition into the container's domain. So the file is judged, and the ids.

use nix::errno::Errno;
use rustix::fs::{Stat, getxattr_query, stat};
use rustix::process::{getegid, geteuid, getgid, getuid};

use crate::error::{Error, Result};
use crate::sys;

/// The running program.
const SELF: &str = "/proc/self/exe";

/// Set-user-ID and set-group-ID.
const SET_ID: u32 = 0o6000;

/// Write permission of the group and of others.
const WRITE_OF_OTHERS: u32 = 0o022;

/// Refuses a program with set-user-ID, set-group-ID or file capabilities, one that was started with more than its
/// caller, and, started as root, one that others could have written.
///
/// # Errors
/// [`Error::PrivilegedInstall`].
pub fn refuse_privileged() -> Result<()> {
    let refuse = |how: &'static str| Err(Error::PrivilegedInstall { how });
    let secure = sys::started_with_more_privilege();
    if secure && (getuid() != geteuid() || getgid() != getegid()) {
        return refuse("it was started with other ids than its caller's");
    }
    match stat(SELF) {
        Ok(facts) if facts.st_mode & SET_ID != 0 => return refuse("it is installed set-user-ID or set-group-ID"),
        Ok(facts) if geteuid().is_root() && is_others(&facts) => {
            return refuse("others than root could have written it");
        }
        Ok(_) => {}
        Err(_) if secure => {
            return refuse(
                "it was started with more privilege than its caller's (AT_SECURE), and /proc/self/exe cannot be read",
            );
        }
        // Without /proc the drop cannot be proved either, which will say so.
        Err(_) => return Ok(()),
    }
    // Only the length is queried; a file without the attribute, or a file system without attributes, has none.
    match getxattr_query(SELF, "security.capability") {
        Ok(1..) => refuse("it is installed with file capabilities"),
        Ok(_) => Ok(()),
        Err(reason) if reason.raw_os_error() == Errno::ERANGE as i32 => {
            refuse("it is installed with file capabilities")
        }
        Err(_) => Ok(()),
    }
}

/// Whether another user than root owns the program or can write it. Where the user namespace maps only one user,
/// everything of the image belongs to nobody here, the root directory too.
fn is_others(facts: &Stat) -> bool {
    let uid = facts.st_uid;
    facts.st_mode & WRITE_OF_OTHERS != 0 || (uid != 0 && !stat("/").is_ok_and(|top| top.st_uid == uid))
}
