//! The behaviour of entrypoint scripts as configuration, run in a sandbox: conditions, waits, roles by argument.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../support/document.rs"]
mod document;
#[path = "../support/mod.rs"]
mod support;

mod check;
mod files;
mod steps;
mod variables;
