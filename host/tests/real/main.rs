//! The host side on real systemd, real Quadlet, a real registry and real cosign: `tests/lab/systemd`.
//!
//! One machine is booted for these tests, and they take turns. A client asks the web role every 50 ms, and another one
//! with requests of one second, for as long as a deploy takes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stderr)]
// Shared with the other tests, which use more of it.
#![allow(dead_code)]

mod client;
mod deploys;
mod documented;
mod fixes;
mod instances;
mod json;
mod refusals;
mod stand;

/// The name of the machine that these tests boot.
pub(crate) const MACHINE: &str = "host-tests";
