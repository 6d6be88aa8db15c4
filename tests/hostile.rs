//! What an app of ill will left behind in its previous life, what it tries in this one, and that none of it leads
//! anywhere: nothing outside is touched, nothing is gained, nothing hangs.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

#[path = "hostile/app.rs"]
mod app;
#[path = "hostile/configuration.rs"]
mod configuration;
#[path = "hostile/directories.rs"]
mod directories;
#[path = "hostile/race.rs"]
mod race;
#[path = "hostile/root_steps.rs"]
mod root_steps;
#[path = "hostile/trap.rs"]
mod trap;
#[path = "hostile/volume.rs"]
mod volume;
