//! A real Django service behind an egress firewall, its gate, and more than seventy deployments that are broken in one way
//! each: in rootless Podman, and where it is cheap in Docker too.
//!
//! A row tells what came of it; the tables are printed whole at the end. An engine that is missing skips its rows with a
//! reason, or fails where everything must run (`STEPDOWN_MUST_RUN=1`). `STEPDOWN_ROWS=TEXT` runs only the rows with that
//! text in their name.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr
)]

#[path = "gate/apps.rs"]
mod apps;
#[path = "gate/broken.rs"]
mod broken;
#[path = "engines/call.rs"]
mod call;
#[path = "gate/deployments.rs"]
mod deployments;
#[path = "gate/health.rs"]
mod health;
#[path = "gate/lab.rs"]
mod lab;
#[path = "engines/log.rs"]
mod log;
#[path = "gate/old.rs"]
mod old;
#[path = "gate/reports.rs"]
mod reports;
#[path = "gate/row.rs"]
mod row;
#[path = "gate/scene.rs"]
mod scene;
#[path = "gate/secrets.rs"]
mod secrets;
#[path = "gate/serve.rs"]
mod serve;
#[path = "gate/steps.rs"]
mod steps;
#[path = "gate/table.rs"]
mod table;

use std::sync::Mutex;
use std::thread;

use lab::{Engine, say};
use row::Row;
use scene::Scene;
use table::Cell;

/// How many containers run side by side: most of it is waiting.
const WORKERS: usize = 3;

#[test]
fn the_gate_and_what_it_stops() {
    let engines = lab::engines();
    if engines.is_empty() {
        return;
    }
    let wanted = std::env::var("STEPDOWN_ROWS").unwrap_or_default();
    let mut rows = Vec::new();
    let groups = [serve::rows(), deployments::rows(), steps::rows(), apps::rows(), reports::rows(), health::rows(), secrets::rows(), old::rows()];
    for group in groups {
        rows.extend(group.into_iter().filter(|row| row.name.contains(&wanted)));
    }
    assert!(!rows.is_empty(), "no row has the text of STEPDOWN_ROWS in its name");
    if wanted.is_empty() {
        let broken = rows.iter().filter(|row| row.broken).count();
        assert!(broken >= 20, "only {broken} broken deployments");
    }
    let cells = run(&rows, &engines);
    table::print(&rows, &engines, &cells);
    let failed: Vec<String> =
        cells.iter().filter_map(|cell| Some(format!("── {}, {}\n{}", rows[cell.row].name, cell.engine, cell.failure()?))).collect();
    assert!(failed.is_empty(), "{} of {} runs went wrong:\n{}", failed.len(), cells.len(), failed.join("\n"));
}

fn run(rows: &[Row], engines: &[Engine]) -> Vec<Cell> {
    let todo: Vec<(usize, Engine)> = rows
        .iter()
        .enumerate()
        .flat_map(|(number, row)| engines.iter().filter(|engine| row.engines.contains(engine)).map(move |engine| (number, *engine)))
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
