//! A hostile app: files it left behind in an earlier run, and its attacks in this one. It changes nothing outside its
//! surfaces, gains no privilege and cannot make the boot hang.

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

mod app;
mod configuration;
mod directories;
mod fifo;
mod for_root;
mod frozen;
mod moment;
mod obeyed;
mod race;
mod root_steps;
mod secrets;
mod trap;
mod volume;
