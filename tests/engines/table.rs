//! The table that is printed at the end: each row, what came of it, and how long each engine took.

use std::fmt::Write as _;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use crate::engine::Engine;
use crate::log;
use crate::row::Row;

/// The widest outcome; a refusal's record can be longer.
const WIDEST: usize = 72;

/// What came of a row in an engine.
pub struct Cell {
    pub row: usize,
    pub engine: Engine,
    verdict: Result<String, String>,
    took: Duration,
}

impl Cell {
    pub fn of(row: usize, engine: Engine, story: impl FnOnce() -> Result<String, String>) -> Cell {
        let started = Instant::now();
        // A row that panics is a row that fails: the table is printed in any case.
        let verdict = catch_unwind(AssertUnwindSafe(story)).unwrap_or_else(|_| Err("it panicked; see above".into()));
        Cell { row, engine, verdict, took: started.elapsed() }
    }

    pub fn failure(&self) -> Option<&str> {
        self.verdict.as_ref().err().map(String::as_str)
    }
}

/// Prints it to standard error, past the harness, which keeps what a test prints to itself.
pub fn print(rows: &[Row], engines: &[Engine], cells: &[Cell]) {
    let mut lines = vec![vec!["row".to_owned(), "outcome".to_owned()]];
    lines[0].extend(engines.iter().map(|engine| format!("{engine} {}", engine.version())));
    for (number, row) in rows.iter().enumerate() {
        let of_row = |engine: Engine| cells.iter().find(|cell| cell.row == number && cell.engine == engine);
        let outcome = engines.iter().find_map(|engine| of_row(*engine)?.verdict.as_ref().ok());
        let mut line = vec![row.name.clone(), outcome.map_or_else(String::new, |outcome| cut(outcome))];
        line.extend(engines.iter().map(|engine| match of_row(*engine) {
            None => "-".to_owned(),
            Some(cell) if cell.failure().is_some() => "FAILED".to_owned(),
            Some(cell) => format!("ok {:>5} ms", cell.took.as_millis()),
        }));
        lines.push(line);
    }
    let widths: Vec<usize> = (0..lines[0].len()).map(|column| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0)).collect();
    let mut text = String::from("\n");
    for line in &lines {
        for (entry, width) in line.iter().zip(&widths) {
            let _ = write!(text, "{entry:<width$}  ");
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    if log::completed() > 0 {
        let _ = writeln!(text, "Podman's client lost output of {} containers; their logs had it.", log::completed());
    }
    let _ = write!(text, "{} rows, {} runs, {} failed", rows.len(), cells.len(), cells.iter().filter(|cell| cell.failure().is_some()).count());
    say(&text);
}

fn cut(outcome: &str) -> String {
    match outcome.char_indices().nth(WIDEST) {
        Some((end, _)) => format!("{}…", &outcome[..end]),
        None => outcome.to_owned(),
    }
}

/// Says something at once, whatever the harness captures.
pub fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
