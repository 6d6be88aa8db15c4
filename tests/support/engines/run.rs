//! Runs every row in each of its engines, three at a time.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use super::engine::Engine;
use super::row::{Row, Verdict};
use super::scene::{Scene, Stage};
use super::table::{self, say};

/// The number of parallel rows: they mostly wait.
const WORKERS: usize = 3;

/// The result of a row in an engine.
pub struct Cell {
    pub row: usize,
    pub engine: Engine,
    pub verdict: Verdict,
    pub took: Duration,
}

impl Cell {
    fn of(row: usize, engine: Engine, story: impl FnOnce() -> Verdict) -> Cell {
        let started = Instant::now();
        // A row that panics has failed, and the table is still printed.
        let verdict = catch_unwind(AssertUnwindSafe(story)).unwrap_or_else(|_| Err("it panicked; see above".into()));
        let took = verdict.as_ref().ok().and_then(|told| told.took).unwrap_or_else(|| started.elapsed());
        Cell { row, engine, verdict, took }
    }
}

/// The rows whose name contains the text of `STEPDOWN_ROWS`.
pub fn chosen<const N: usize>(groups: [Vec<Row>; N]) -> Vec<Row> {
    let wanted = std::env::var("STEPDOWN_ROWS").unwrap_or_default();
    let rows: Vec<Row> = groups.into_iter().flatten().filter(|row| row.name.contains(&wanted)).collect();
    assert!(!rows.is_empty(), "no row has '{wanted}' in its name");
    rows
}

/// Runs the rows and prints the table.
pub fn run(rows: &[Row], engines: &[Engine], stage: &'static Stage) -> Vec<Cell> {
    let todo: Vec<(usize, Engine)> = rows
        .iter()
        .enumerate()
        .flat_map(|(number, row)| {
            engines.iter().filter(|engine| row.runs_in(**engine)).map(move |engine| (number, *engine))
        })
        .collect();
    let todo = Mutex::new(todo.into_iter());
    let done = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                loop {
                    // In a separate statement, so that the lock is not held while the row runs.
                    let next = todo.lock().unwrap().next();
                    let Some((number, engine)) = next else { return };
                    let cell = Cell::of(number, engine, || rows[number].run(&Scene::new(engine, stage)));
                    if cell.verdict.is_err() {
                        say(&format!("{}, {engine}: FAILED", rows[number].name));
                    }
                    done.lock().unwrap().push(cell);
                }
            });
        }
    });
    let cells = done.into_inner().unwrap();
    table::print(rows, engines, &cells);
    cells
}

/// Fails if a run failed, with a list of all failures.
pub fn assert_good(rows: &[Row], cells: &[Cell]) {
    let failed: Vec<String> = cells
        .iter()
        .filter_map(|cell| {
            Some(format!("── {}, {}\n{}", rows[cell.row].name, cell.engine, cell.verdict.as_ref().err()?))
        })
        .collect();
    assert!(failed.is_empty(), "{} of {} runs failed:\n{}", failed.len(), cells.len(), failed.join("\n"));
}
