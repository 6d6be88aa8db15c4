//! What entrypoint scripts do, said in the configuration and run in a sandbox: conditions, waits, files, results of steps.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../support/mod.rs"]
mod support;

mod variables;
