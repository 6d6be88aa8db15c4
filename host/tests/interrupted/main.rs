//! What interrupts a deploy, and what CI hands over: SIGKILL, other signals, a reboot, a full disk, a moved tag, a
//! failed restore, and every kind of request.
//!
//! These tests have a machine of their own, and run beside the other ones of the host side.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stderr)]
// Shared with the other tests, which use more of it.
#![allow(dead_code)]

mod kills;
mod races;
mod signals;
#[path = "../real/stand.rs"]
mod stand;
mod stuck;
mod triggers;

/// The name of the machine that these tests boot.
pub(crate) const MACHINE: &str = "host-interrupted";
