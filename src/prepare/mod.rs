//! What must be right before the app starts: descriptors, ownership of what it writes to, its directories.
//!
//! Work that needs root takes `&Root`, work for the user `&Dropped`; neither ever does the other's.
//! Paths are opened without following a symbolic link anywhere in them, and changed through the descriptor: the app of
//! a previous life may have owned the directory and left one. `path_resolution(7)`, `openat2(2)`, `chown(2)`.

mod as_user;
pub mod descriptors;
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
pub use as_user::{make_directories, mend, refuse_unwritable};
pub use tmpfs::Unmended;
pub use volume::Kept;

/// What only the user can mend or judge, after the drop.
#[derive(Debug, Default)]
pub struct Left {
    modes: Vec<Unmended>,
    volumes: Vec<Kept>,
}

/// Hands the surfaces and the standard streams to the user. What is right already is left alone.
///
/// # Errors
/// [`crate::error::Error::MountPoint`], [`crate::error::Error::HandOver`], [`crate::error::Error::HandOverUnproved`].
pub fn hand_over(root: &Root, surfaces: &Surfaces, target: &Target) -> Result<Left> {
    let mut left = Left::default();
    for entry in &surfaces.tmpfs {
        left.modes.extend(tmpfs::hand_over(root, entry, target)?);
    }
    for entry in &surfaces.volumes {
        left.volumes.extend(volume::hand_over(root, entry, target)?);
    }
    stdio::hand_over(root, target);
    Ok(left)
}
