//! Shared by the integration tests: [`sandbox`] boots `/init` in a container of its own, [`Run`] is the result.

#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr
)]

pub mod gvisor;
pub mod protocol;
pub mod run;
pub mod sandbox;

use std::io::Write as _;
use std::path::PathBuf;

/// The app of the tests, as the container calls it.
pub const WITNESS: &str = "/bin/witness";

/// The numbers of capabilities that tests speak of, as bits.
pub mod capability {
    pub const CHOWN: u64 = 1;
    pub const DAC_OVERRIDE: u64 = 1 << 1;
    pub const SETGID: u64 = 1 << 6;
    pub const SETUID: u64 = 1 << 7;
    pub const SETPCAP: u64 = 1 << 8;
    pub const NET_BIND_SERVICE: u64 = 1 << 10;
    pub const NET_RAW: u64 = 1 << 13;
    pub const SYS_ADMIN: u64 = 1 << 21;
    /// What the interface asks an engine for.
    pub const FOUR: u64 = CHOWN | SETGID | SETUID | SETPCAP;
}

/// The bit of a signal.
pub fn signal(number: u32) -> u64 {
    1 << (number - 1)
}

/// The binary under test: the one that is named, or else the one that cargo built beside the tests.
pub fn init() -> PathBuf {
    std::env::var_os("STEPDOWN_INIT").map_or_else(|| env!("CARGO_BIN_EXE_init").into(), PathBuf::from)
}

/// The witness: cargo builds examples along with tests, into the directory next to theirs.
pub fn witness() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let path = tests.parent().and_then(|deps| deps.parent()).unwrap().join("examples/witness");
    assert!(
        path.exists(),
        "{} is not there: run cargo build --examples first, as cargo test without a choice of tests does",
        path.display()
    );
    path
}

/// Says how many cases a test has been through. Not by a macro: the harness would keep it to itself.
pub fn cases(test: &str, count: usize) {
    let _ = writeln!(std::io::stderr(), "{test}: {count} cases");
}

/// Ends the whole test program as passed, since all of its tests lack the same; with STEPDOWN_MUST_RUN=1 it fails.
pub fn skip(reason: &str) -> ! {
    assert!(
        std::env::var_os("STEPDOWN_MUST_RUN").is_none_or(|value| value != "1"),
        "every test must run, but: {reason}"
    );
    // Not by a macro: the harness would keep it to itself.
    let _ = writeln!(std::io::stderr(), "SKIP: {reason}");
    std::process::exit(0);
}
