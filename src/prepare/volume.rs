//! Hands a volume to the user: its top, and what is below it only when asked to and only when the top is wrong.
//!
//! The top comes last: a walk that was cut short is done again. `chown(2)`.

use std::os::fd::OwnedFd;

use rustix::fs::{Stat, fstat};

use super::open;
use super::ownership::{failed, give, is_theirs, unproved};
use super::walk;
use crate::error::{Error, Result, errno};
use crate::plan::VolumePlan;
use crate::privilege::{Root, Target};

/// Hands it over, unless its top is right already.
pub(super) fn hand_over(_root: &Root, entry: &VolumePlan, target: &Target) -> Result<()> {
    let path = &entry.path;
    let remedy = || format!("mount it: --volume {}, or a throw-away --tmpfs {path}", entry.mount("NAME", true));
    let top = open::directory(path, remedy)?;
    if !open::is_mount_point(&top, path)? {
        return Err(Error::MountPoint {
            path: path.clone(),
            what: "is not a mount point: what is written there would be lost".into(),
            remedy: remedy(),
        });
    }
    if is_theirs(&facts(path, &top)?, target) {
        return Ok(());
    }
    if entry.recursive {
        walk::hand_over(path, &top, target)?;
    }
    give(&top, target).map_err(|reason| failed(path, "fchownat", reason))?;
    let after = facts(path, &top)?;
    if is_theirs(&after, target) { Ok(()) } else { Err(unproved(path, &after, target)) }
}

fn facts(path: &str, entry: &OwnedFd) -> Result<Stat> {
    fstat(entry).map_err(|error| failed(path, "fstat", errno(error)))
}
