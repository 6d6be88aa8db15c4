//! Supervision, in real PID namespaces, against the inits that it replaces.
//!
//! Each test is one scenario, run with `/init --supervise` and then with tini, dumb-init and catatonit wherever they can
//! express it. At the end one table says who passes what. `/init` must pass everything; what the others do is printed.
//!
//! `STEPDOWN_MUST_RUN=1` makes a machine that cannot run this fail instead of skip.

#![allow(missing_docs, unreachable_pub, unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout, clippy::print_stderr)]

#[path = "signals/bare.rs"]
mod bare;
#[path = "signals/ends.rs"]
mod ends;
#[path = "signals/forward.rs"]
mod forward;
#[path = "signals/orphans.rs"]
mod orphans;
#[path = "signals/peer.rs"]
mod peer;
#[path = "signals/pty.rs"]
mod pty;
#[path = "signals/quiet.rs"]
mod quiet;
#[path = "signals/running.rs"]
mod running;
#[path = "signals/shell.rs"]
mod shell;
#[path = "signals/soak.rs"]
mod soak;
#[path = "signals/stage.rs"]
mod stage;
#[path = "signals/start.rs"]
mod start;
#[path = "signals/table.rs"]
mod table;
#[path = "signals/terminal.rs"]
mod terminal;
