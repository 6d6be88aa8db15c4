//! The built image in real rootless Podman and real Docker: a table of run options and what comes of them.
//!
//! A row is run in each engine that it is about, three at a time, and the table is printed whole at the end. A refusal
//! is judged by its exit code, by its one record, and by the app not having left its mark.
//!
//! An engine that is missing skips its column with a reason, or fails where everything must run (`STEPDOWN_MUST_RUN=1`).
//! `STEPDOWN_ROWS=TEXT` runs only the rows with that text in their name.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "engines/boots.rs"]
mod boots;
#[path = "engines/call.rs"]
mod call;
#[path = "engines/configuration.rs"]
mod configuration;
#[path = "engines/engine.rs"]
mod engine;
#[path = "engines/expect.rs"]
mod expect;
#[path = "engines/log.rs"]
mod log;
#[path = "engines/refusals.rs"]
mod refusals;
#[path = "engines/roles.rs"]
mod roles;
#[path = "engines/row.rs"]
mod row;
#[path = "engines/supervised.rs"]
mod supervised;
#[path = "engines/table.rs"]
mod table;
#[path = "engines/tmpfs_owner.rs"]
mod tmpfs_owner;
#[path = "engines/volumes.rs"]
mod volumes;

use std::sync::Mutex;
use std::thread;

use engine::Engine;
use row::{Row, Scene};
use table::{Cell, say};

/// How many containers start side by side: starting one is mostly waiting.
const WORKERS: usize = 3;

#[test]
fn every_row_in_every_engine() {
    let engines = engine::all_that_are_here();
    let _image = engine::make_image(&engines);
    let rows = rows();
    assert!(!rows.is_empty(), "no row has the text of STEPDOWN_ROWS in its name");
    let cells = run(&rows, &engines);
    table::print(&rows, &engines, &cells);
    let failed: Vec<String> =
        cells.iter().filter_map(|cell| Some(format!("── {}, {}\n{}", rows[cell.row].name, cell.engine, cell.failure()?))).collect();
    assert!(failed.is_empty(), "{} of {} runs went wrong:\n{}", failed.len(), cells.len(), failed.join("\n"));
}

fn rows() -> Vec<Row> {
    let wanted = std::env::var("STEPDOWN_ROWS").unwrap_or_default();
    let groups = [tmpfs_owner::rows(), boots::rows(), roles::rows(), volumes::rows(), configuration::rows(), supervised::rows(), refusals::rows()];
    groups.into_iter().flatten().filter(|row| row.name.contains(&wanted)).collect()
}

fn run(rows: &[Row], engines: &[Engine]) -> Vec<Cell> {
    let todo: Vec<(usize, Engine)> = rows
        .iter()
        .enumerate()
        .flat_map(|(number, row)| engines.iter().filter(|engine| row.runs_in(**engine)).map(move |engine| (number, *engine)))
        .collect();
    let todo = Mutex::new(todo.into_iter());
    let done = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                loop {
                    // In a statement of its own: the lock is not held while the row runs.
                    let next = todo.lock().unwrap().next();
                    let Some((number, engine)) = next else { return };
                    let cell = Cell::of(number, engine, || rows[number].run(&Scene::new(engine)));
                    if cell.failure().is_some() {
                        say(&format!("{}, {engine}: FAILED", rows[number].name));
                    }
                    done.lock().unwrap().push(cell);
                }
            });
        }
    });
    done.into_inner().unwrap()
}
