//! The tables that are printed at the end: the broken deployments, and the others.

use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use crate::lab::{Engine, say};
use crate::log;
use crate::row::{Row, Told, Verdict};

/// The widest line; a record can be longer.
const WIDEST: usize = 150;

/// What came of a row in an engine.
pub struct Cell {
    pub row: usize,
    pub engine: Engine,
    verdict: Verdict,
    took: Duration,
}

impl Cell {
    pub fn of(row: usize, engine: Engine, story: impl FnOnce() -> Verdict) -> Cell {
        let started = Instant::now();
        // A row that panics is a row that fails: the table is printed in any case.
        let verdict = catch_unwind(AssertUnwindSafe(story)).unwrap_or_else(|_| Err("it panicked; see above".into()));
        let took = verdict.as_ref().ok().and_then(|told| told.took).unwrap_or_else(|| started.elapsed());
        Cell { row, engine, verdict, took }
    }

    pub fn failure(&self) -> Option<&str> {
        self.verdict.as_ref().err().map(String::as_str)
    }
}

pub fn print(rows: &[Row], engines: &[Engine], cells: &[Cell]) {
    let mut text = String::new();
    for (broken, title) in [(true, "broken deployment"), (false, "what holds")] {
        let head = [title.to_owned(), "exit".to_owned()].into_iter().chain(engines.iter().map(Engine::to_string)).chain(["line".to_owned()]);
        let mut lines = vec![head.collect::<Vec<String>>()];
        for (number, row) in rows.iter().enumerate().filter(|(_, row)| row.broken == broken) {
            lines.push(line(row, engines, &cells.iter().filter(|cell| cell.row == number).collect::<Vec<_>>()));
        }
        if lines.len() > 1 {
            write_aligned(&mut text, &lines);
        }
    }
    if log::completed() > 0 {
        let _ = writeln!(text, "Podman's client lost output of {} containers; their logs had it.", log::completed());
    }
    let broken = rows.iter().filter(|row| row.broken).count();
    let failed = cells.iter().filter(|cell| cell.failure().is_some()).count();
    let _ = write!(text, "{broken} broken deployments, {} other rows, {} runs, {failed} failed", rows.len() - broken, cells.len());
    say(&text);
}

fn line(row: &Row, engines: &[Engine], cells: &[&Cell]) -> Vec<String> {
    let told = cells.iter().find_map(|cell| cell.verdict.as_ref().ok());
    let code = told.and_then(|told: &Told| told.code).map_or_else(|| "-".to_owned(), |code| code.to_string());
    let mut line = vec![row.name.clone(), code];
    line.extend(engines.iter().map(|engine| match cells.iter().find(|cell| cell.engine == *engine) {
        None => "-".to_owned(),
        Some(cell) if cell.failure().is_some() => "FAILED".to_owned(),
        Some(cell) => format!("{}.{} s", cell.took.as_secs(), cell.took.subsec_millis() / 100),
    }));
    line.push(told.map_or_else(String::new, |told| cut(&told.line)));
    line
}

fn write_aligned(text: &mut String, lines: &[Vec<String>]) {
    let widths: Vec<usize> = (0..lines[0].len()).map(|column| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0)).collect();
    text.push('\n');
    for line in lines {
        for (entry, width) in line.iter().zip(&widths) {
            let _ = write!(text, "{entry:<width$}  ");
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
}

fn cut(line: &str) -> String {
    match line.char_indices().nth(WIDEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}
