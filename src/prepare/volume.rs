//! Hands a volume to the user: its top, and what is below it only when asked to and only when the top is wrong.
//!
//! The top comes last: a walk that was cut short is done again. `chown(2)`.

use super::open;
use super::ownership::{failed, give, is_theirs, unproved};
use super::walk;
use crate::error::{Error, Result};
use crate::plan::VolumePlan;
use crate::privilege::{Root, Target};

/// Hands it over, unless its top is right already.
pub(super) fn hand_over(_root: &Root, entry: &VolumePlan, target: &Target) -> Result<()> {
    let path = &entry.path;
    let remedy = || format!("mount it: --volume {}, or a throw-away --tmpfs {path}", entry.mount("NAME", true));
    let top = open::directory(path, remedy)?;
    let look = || open::look(&top).map_err(|reason| failed(path, "fstat", reason));
    let before = look()?;
    if !open::is_mount_point(&before, path)? {
        return Err(Error::MountPoint {
            path: path.clone(),
            what: "is not a mount point: what is written there would be lost".into(),
            remedy: remedy(),
        });
    }
    if is_theirs(&before, target) {
        return Ok(());
    }
    if entry.recursive {
        walk::hand_over(path, &top, target)?;
    }
    give(&top, target).map_err(|reason| {
        walk::give_back(path, &top, &before);
        failed(path, "fchownat", reason)
    })?;
    let after = look()?;
    // Its group is its owner's to choose from now on.
    if after.owner.0 == target.uid { Ok(()) } else { Err(unproved(path, &after, target)) }
}
