//! Supervision in real PID namespaces, compared with tini, dumb-init and catatonit.
//!
//! Each test is one scenario, run with `/init --supervise`, and with the other inits if they have the options for it.
//! A table of results is printed at the end. `/init` must pass every scenario.
//!
//! With `STEPDOWN_MUST_RUN=1` a machine that cannot run this fails instead of skipping it.

#![allow(missing_docs, unreachable_pub, unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr
)]

mod bare;
mod ends;
mod forward;
mod orphans;
mod peer;
mod pty;
mod quiet;
mod running;
mod shell;
mod soak;
mod stage;
mod start;
mod steps;
mod stops;
mod table;
mod terminal;
