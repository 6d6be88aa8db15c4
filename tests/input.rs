//! Broken input of every kind: each is refused with one record that says where and what, or taken for what it is; and
//! nothing that is read can take memory, stack or time without end.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

#[path = "input/accounts.rs"]
mod accounts;
#[path = "input/file.rs"]
mod file;
#[path = "input/mounts.rs"]
mod mounts;
#[path = "input/table.rs"]
mod table;
#[path = "input/words.rs"]
mod words;
