//! `/init` in real user, mount and PID namespaces: the state that *the app* reports, or the refusal.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../support/mod.rs"]
mod support;

mod beside;
mod command;
mod configuration;
mod drop;
mod files;
mod fixes;
mod followed;
mod handover;
mod health;
mod identity;
mod inherited;
mod install;
mod kernel;
mod newcomers;
mod nonroot;
mod refusal;
mod regain;
mod rendered;
mod running_role;
mod secrets;
mod steps;
mod streams;
mod surroundings;
mod unwritable;
mod volumes;
