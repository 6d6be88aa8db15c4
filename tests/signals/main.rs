//! Supervision in real PID namespaces, compared with the inits that it replaces.
//!
//! Each test is one scenario, run with `/init --supervise` and then with tini, dumb-init and catatonit wherever they
//! can express it. At the end one table says who passes what. `/init` must pass everything; what the others do is
//! printed.
//!
//! `STEPDOWN_MUST_RUN=1` makes a machine that cannot run this fail instead of skip.

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
mod stops;
mod table;
mod terminal;
