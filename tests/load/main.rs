//! Boots under resource limits, without /proc, /dev and other usual parts of a container, with an unread standard
//! error, and two hundred at once: each boots or refuses with one record, and none hangs.

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

mod crowd;
mod groups;
mod limits;
mod streams;
mod without;
