//! stepdown: what happens between a container engine's exec and the app.
//!
//! `/init` starts as root of a user namespace, hands the tmpfs mount points to the app's user, gives up every privilege,
//! proves it by reading the kernel back, and becomes the app. It either starts the app as the right user with nothing
//! left to escalate with, or says in one line what is wrong and how to mend it, and starts nothing.
//!
//! # The map
//! Imports go down, never up and never sideways; `main` alone joins the stages.
//!
//! | level | module | purpose |
//! | --- | --- | --- |
//! | 0 | [`error`] | what failed, on what, the kernel's reason, the fix, the exit code |
//! | 0 | [`sys`] | the only unsafe |
//! | 0 | [`trust`] | opens what root obeys, and judges whether it is root's alone |
//! | 1 | [`logger`] | one record, one line, one write |
//! | 1 | [`config`] | argv, environment and TOML to a `Config` |
//! | 1 | [`facts`] | accounts, mounts, programs, what a root step obeys, how `/init` is installed |
//! | 1 | [`privilege`] | the two tokens, the drop and its proof |
//! | 2 | [`exec`] | exec |
//! | 3 | [`plan`] | configuration and facts to everything that will be done |
//! | 3 | [`child`] | fork, wait, the terminal's foreground |
//! | 4 | [`prepare`] | descriptors, hand-over, the user's directories |
//! | 4 | [`seal`] | what the app may no longer do: writes outside, new namespaces |
//! | 4 | [`steps`] | what runs to its end before the app |
//! | 4 | [`health`] | asks whether the app works |
//! | 4 | [`render`] | how the container must be started, for each engine |
//! | 5 | [`supervise`] | stays with the app to its end |
//! | 5 | [`check`] | writes, starts, asks, stops, reports |
//! | 6 | `main` | the story |
//!
//! One way through: block signals → configuration → facts → plan → take privilege → hand over (`&Root`) → `Root` becomes
//! [`privilege::Dropped`] → exec, or supervision.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

pub mod check;
pub mod child;
pub mod config;
pub mod error;
pub mod exec;
pub mod facts;
pub mod health;
pub mod logger;
pub mod plan;
pub mod prepare;
pub mod privilege;
pub mod render;
pub mod seal;
pub mod steps;
pub mod supervise;
pub mod sys;
pub mod trust;
