//! Preparation before the app starts: descriptors, ownership of the surfaces, the user's directories.
//!
//! Work that needs root takes `&Root`, work of the user takes `&Dropped`. Paths are opened without following symbolic
//! links and changed through the descriptor: an earlier container's app may have owned the directory and left a link
//! there. `path_resolution(7)`, `openat2(2)`, `chown(2)`.

mod as_user;
pub mod descriptors;
pub mod files;
mod listing;
mod open;
mod ownership;
mod stdio;
mod tmpfs;
mod volume;
mod walk;

use crate::error::Result;
use crate::plan::Surfaces;
use crate::privilege::{Root, Target};
use crate::sys::SignalMask;
pub use as_user::{finish, make_directories, refuse_unwritable, set_own_modes};
pub use tmpfs::WrongMode;
pub use volume::Kept;

/// Work that only the user can finish or check after the drop.
#[derive(Debug, Default)]
pub struct Left {
    modes: Vec<WrongMode>,
    volumes: Vec<Kept>,
}

/// Hands the surfaces and the standard streams to the user, except those that already belong to it.
///
/// # Errors
/// [`crate::error::Error::MountPoint`], [`crate::error::Error::HandOver`], [`crate::error::Error::HandOverUnproved`];
/// [`crate::error::Error::Stopped`] for a stop during a walk, by a signal that `mask` does not block.
pub fn hand_over(root: &Root, surfaces: &Surfaces, target: &Target, mask: SignalMask) -> Result<Left> {
    let mut left = Left::default();
    for entry in &surfaces.tmpfs {
        left.modes.extend(tmpfs::hand_over(root, entry, target, mask)?);
    }
    for entry in &surfaces.volumes {
        left.volumes.extend(volume::hand_over(root, entry, target, mask)?);
    }
    stdio::hand_over(root, target);
    Ok(left)
}
