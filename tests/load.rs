//! Boots under limits, without what a container mostly has, with nobody to read what they say, and two hundred at once:
//! each works or refuses with one record, and none hangs.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

#[path = "load/crowd.rs"]
mod crowd;
#[path = "load/groups.rs"]
mod groups;
#[path = "load/limits.rs"]
mod limits;
#[path = "load/streams.rs"]
mod streams;
#[path = "load/without.rs"]
mod without;
