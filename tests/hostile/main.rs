//! What an app of ill will left behind in its previous life, what it tries in this one, and that none of it leads
//! anywhere: nothing outside is touched, nothing is gained, nothing hangs.

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
mod frozen;
mod moment;
mod obeyed;
mod race;
mod root_steps;
mod secrets;
mod trap;
mod volume;
