//! Broken input of every kind: each is refused with one record that says where and what, or taken for what it is; and
//! nothing that is read can take memory, stack or time without end.

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
