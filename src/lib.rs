//! stepdown: what happens between a container engine's exec and the app.
//!
//! `/init` starts as root of a user namespace, hands the tmpfs mount points to the app's user, drops every privilege,
//! proves the drop by reading it back from the kernel, and executes the app. It either starts the app as the right user
//! without any privilege, or prints one line with the problem and its fix and starts nothing.
//!
//! # The map
//! A module imports only from lower levels; only `main` connects the stages.
//!
//! | level | module | purpose |
//! | --- | --- | --- |
//! | 0 | [`sys`] | the only unsafe |
//! | 0 | [`text`] | lists and times in messages |
//! | 1 | [`error`] | what failed, on what, the kernel's reason, the fix, the exit code |
//! | 2 | [`trust`] | opens what root obeys, and refuses what others can write |
//! | 3 | [`logger`] | one record, one line, one write |
//! | 3 | [`config`] | argv, environment and TOML to a `Config` |
//! | 3 | [`facts`] | accounts, mounts, programs, what a root step obeys, how `/init` is installed |
//! | 3 | [`privilege`] | the two tokens, the drop and its proof |
//! | 4 | [`exec`] | exec |
//! | 5 | [`plan`] | everything that the boot will do, from the configuration and facts |
//! | 5 | [`child`] | fork, wait, the terminal's foreground |
//! | 6 | [`prepare`] | descriptors, hand-over, the user's directories |
//! | 6 | [`seal`] | forbids the app writes outside of its surfaces and new namespaces |
//! | 6 | [`health`] | the health check |
//! | 6 | [`render`] | how the container must be started, for each engine |
//! | 7 | [`steps`] | runs the steps before the app |
//! | 7 | [`supervise`] | stays as PID 1 until the app ends |
//! | 7 | [`check`] | the boot check |
//! | 8 | `main` | the stages in order |
//!
//! The order: block signals → configuration → facts → plan → take privilege → hand over (`&Root`) → `Root` becomes
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
pub mod text;
pub mod trust;
