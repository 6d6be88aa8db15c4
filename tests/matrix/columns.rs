//! The matrix: a line for each engine and version, a column for each question, and in each cell how many rows passed.

use crate::lab::engine::Engine;
use crate::lab::row::Row;
use crate::lab::run::Cell;
use crate::lab::table::{aligned, say};

pub const BOOT: &str = "boot";
pub const REFUSALS: &str = "refusals";
pub const CHECK: &str = "boot check";
pub const HEALTH: &str = "health";
pub const RENDER: &str = "render";
pub const SEAL: &str = "seal";

const COLUMNS: [&str; 6] = [BOOT, REFUSALS, CHECK, HEALTH, RENDER, SEAL];

/// The cells of one place.
fn place<'a>(rows: &[Row], cells: &'a [Cell], engine: Engine, column: &str) -> Vec<&'a Cell> {
    cells.iter().filter(|cell| cell.engine == engine && rows[cell.row].part == column).collect()
}

pub fn print(rows: &[Row], engines: &[Engine], cells: &[Cell]) {
    let mut lines = vec![std::iter::once("engine").chain(COLUMNS).map(str::to_owned).collect::<Vec<_>>()];
    for engine in engines {
        let mut line = vec![engine.described()];
        line.extend(COLUMNS.iter().map(|column| {
            let all = place(rows, cells, *engine, column);
            let good = all.iter().filter(|cell| cell.verdict.is_ok()).count();
            if good == all.len() { format!("{good} ok") } else { format!("{good} of {} FAILED", all.len()) }
        }));
        lines.push(line);
    }
    say(&aligned(&lines));
}

/// That there is no place without a run.
pub fn assert_full(rows: &[Row], engines: &[Engine], cells: &[Cell]) {
    for engine in engines {
        for column in COLUMNS {
            assert!(!place(rows, cells, *engine, column).is_empty(), "{engine}: nothing was run for '{column}'");
        }
    }
}
