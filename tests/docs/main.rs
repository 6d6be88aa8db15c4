//! Compares the documentation with the binary: every example configuration boots, and every refusal in docs/errors.md
//! was printed by a real boot.

#![allow(unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../support/document.rs"]
mod document;
#[path = "../support/mod.rs"]
mod support;

mod blocks;
mod configurations;
mod errors;
mod help;
mod refusals;

use std::path::Path;

/// The root of the repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
