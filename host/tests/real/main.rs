//! The host side on real systemd, real Quadlet, a real registry and real cosign: `tests/lab/systemd`.
//!
//! One machine is booted for all tests, and they take turns. A client asks the web role every 50 ms, and another one
//! with requests of one second, for as long as a deploy takes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stderr)]

mod client;
mod deploys;
mod documented;
mod fixes;
mod instances;
mod interrupted;
mod json;
mod races;
mod refusals;
mod stand;
mod stuck;
mod triggers;

/// The name of the machine that these tests boot.
pub(crate) const MACHINE: &str = "host-tests";
