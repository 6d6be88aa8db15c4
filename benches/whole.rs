//! Measures whole processes: `make bench`. Interleaved runs in random order, in the state that an engine leaves;
//! prints medians, quartiles and ratios as tables.
//!
//! `STEPDOWN_INIT` is the path of the binary; `ROUNDS` (400) and `FILES` (1000000) set the size of the run; `ONLY`
//! selects one table.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr
)]
#![allow(missing_docs, unreachable_pub)]

#[path = "whole/health.rs"]
mod health;
#[path = "whole/memory.rs"]
mod memory;
#[path = "whole/race.rs"]
mod race;
#[path = "whole/roles.rs"]
mod roles;
#[path = "whole/seal.rs"]
mod seal;
#[path = "whole/stage.rs"]
mod stage;
#[path = "whole/starts.rs"]
mod starts;
#[path = "whole/volume.rs"]
mod volume;

use std::process::Command;

use stage::Stage;

/// One table.
type Measure = fn(&Stage);

fn main() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return set_the_stage() };
    let only = std::env::var("ONLY").unwrap_or_default();
    let stage = Stage::new(directory.into());
    let tables: [(&str, Measure); 6] = [
        ("starts", starts::measure),
        ("health", health::measure),
        ("memory", memory::measure),
        ("roles", roles::measure),
        ("seal", seal::measure),
        ("volume", volume::measure),
    ];
    for (_, measure) in tables.iter().filter(|(name, _)| only.is_empty() || only == *name) {
        measure(&stage);
    }
}

/// The state of the measuring process.
const DIRECTORY: &str = "BENCH_DIRECTORY";

/// The measuring process drops the capability to unmount, so this parent waits and unmounts its mounts.
fn set_the_stage() {
    let directory = std::path::PathBuf::from(format!("/var/tmp/stepdown-bench-{}", std::process::id()));
    let status = Command::new(std::env::current_exe().unwrap()).env(DIRECTORY, &directory).status().unwrap();
    drop(std::fs::remove_dir_all(&directory));
    assert!(status.success(), "the measurements: {status}");
}
