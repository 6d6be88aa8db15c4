//! Broken input of every kind is refused with one record that names place and cause, or read literally; and no input
//! uses unlimited memory, stack or time.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "../support/mod.rs"]
mod support;

mod accounts;
mod file;
mod mounts;
mod table;
mod words;
