//! Hands a volume to the user: its top, and with `recursive` its content, if the top has another owner or at every
//! start.
//!
//! The top is changed last, so that an interrupted walk is repeated. Network file systems often refuse a change of
//! owner but are writable; after the drop the user checks whether such a volume is. `chown(2)`.

use super::open;
use super::ownership::{failed, give, is_theirs, unproved};
use super::walk;
use crate::error::{Error, Result, Surface, Unmounted};
use crate::plan::VolumePlan;
use crate::privilege::{Root, Target};
use crate::sys::SignalMask;

/// A volume whose owner cannot be changed: it may be writable to the user as it is.
#[derive(Debug)]
pub struct Kept {
    pub(super) path: String,
    /// Why its owner could not be changed; the error if it is not writable.
    pub(super) error: Error,
}

/// Hands it over, unless it already belongs to the user.
pub(super) fn hand_over(root: &Root, entry: &VolumePlan, target: &Target, mask: SignalMask) -> Result<Option<Kept>> {
    let path = &entry.path;
    let surface = || Surface::Volume(entry.mount("NAME", false));
    let top = open::directory(path, surface)?;
    let look = || open::look(&top).map_err(|reason| failed(path, "fstat", reason));
    let before = look()?;
    if !open::is_mount_point(&before, path)? {
        return Err(Error::MountPoint { path: path.clone(), surface: surface(), cause: Unmounted::Directory });
    }
    let right = is_theirs(&before, target);
    let is_due = entry.always || (entry.recursive && !right);
    let walked = if is_due { walk::hand_over(root, path, &top, target, mask) } else { Ok(()) };
    if let Err(error @ Error::Stopped { .. }) = walked {
        return Err(error);
    }
    if right {
        return walked.map(|()| None);
    }
    let refused = match give(&top, target) {
        // The volume accepts a new owner, so the error concerns an entry.
        Ok(()) if walked.is_err() => {
            walk::give_back(path, &top, &before);
            return walked.map(|()| None);
        }
        Ok(()) => {
            let after = look()?;
            // The owner may choose another group from now on.
            (after.owner.0 != target.uid).then(|| unproved(path.clone(), &after, target))
        }
        Err(reason) => {
            walk::give_back(path, &top, &before);
            Some(walked.err().unwrap_or_else(|| failed(path, "fchownat", reason)))
        }
    };
    Ok(refused.map(|error| Kept { path: path.clone(), error }))
}
