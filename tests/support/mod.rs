//! Shared by the integration tests: [`sandbox`] boots `/init` in a container, [`Run`] is the result.

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

/// The path of the tests' app in the container.
pub const WITNESS: &str = "/bin/witness";

/// The capabilities that tests use, as bits.
pub mod capability {
    pub const CHOWN: u64 = 1;
    pub const DAC_OVERRIDE: u64 = 1 << 1;
    pub const SETGID: u64 = 1 << 6;
    pub const SETUID: u64 = 1 << 7;
    pub const SETPCAP: u64 = 1 << 8;
    pub const NET_BIND_SERVICE: u64 = 1 << 10;
    pub const NET_RAW: u64 = 1 << 13;
    pub const SYS_ADMIN: u64 = 1 << 21;
    /// The four capabilities that an engine must give.
    pub const FOUR: u64 = CHOWN | SETGID | SETUID | SETPCAP;
}

/// The bit of a signal.
pub fn signal(number: u32) -> u64 {
    1 << (number - 1)
}

/// The binary under test: `STEPDOWN_INIT`, or the one that cargo built beside the tests.
pub fn init() -> PathBuf {
    std::env::var_os("STEPDOWN_INIT").map_or_else(|| env!("CARGO_BIN_EXE_init").into(), PathBuf::from)
}

/// The witness: cargo builds examples along with tests, into a directory next to theirs.
pub fn witness() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let path = tests.parent().and_then(|deps| deps.parent()).unwrap().join("examples/witness");
    assert!(
        path.exists(),
        "{} is missing: run cargo build --examples first (a plain cargo test also builds it)",
        path.display()
    );
    path
}

/// Prints how many cases a test has run. Written directly, because the harness captures `println!`.
pub fn cases(test: &str, count: usize) {
    let _ = writeln!(std::io::stderr(), "{test}: {count} cases");
}

/// Ends the whole test program successfully, since none of its tests can run; with STEPDOWN_MUST_RUN=1 it fails.
pub fn skip(reason: &str) -> ! {
    assert!(std::env::var_os("STEPDOWN_MUST_RUN").is_none_or(|value| value != "1"), "every test must run: {reason}");
    // Written directly, because the harness captures `println!`.
    let _ = writeln!(std::io::stderr(), "SKIP: {reason}");
    std::process::exit(0);
}
