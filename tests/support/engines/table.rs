//! The table that is printed at the end: each row, the time of each engine, and the result.

use std::fmt::Write as _;
use std::io::Write as _;

use super::engine::Engine;
use super::log;
use super::row::Row;
use super::run::Cell;

/// The width of a line; a record can be longer.
const WIDEST: usize = 120;

/// Prints it in parts to standard error, bypassing the harness, which captures a test's output.
pub fn print(rows: &[Row], engines: &[Engine], cells: &[Cell]) {
    let versions: Vec<String> = engines.iter().map(|engine| format!("{engine} {}", engine.version())).collect();
    let mut parts: Vec<&str> = rows.iter().map(|row| row.part).collect();
    parts.dedup();
    parts.sort_unstable();
    parts.dedup();
    let mut text = String::new();
    for part in parts {
        let mut lines = vec![vec![part.to_owned()]];
        lines[0].extend(versions.iter().cloned().chain(["result".to_owned()]));
        for (number, row) in rows.iter().enumerate().filter(|(_, row)| row.part == part) {
            lines.push(line(row, engines, &cells.iter().filter(|cell| cell.row == number).collect::<Vec<_>>()));
        }
        text += &aligned(&lines);
        let _ = writeln!(text, "{} of these", lines.len() - 1);
    }
    if log::completed() > 0 {
        let _ = writeln!(
            text,
            "Podman's client lost the output of {} containers; it was read from their logs.",
            log::completed()
        );
    }
    let _ = write!(
        text,
        "{} rows, {} runs, {} failed",
        rows.len(),
        cells.len(),
        cells.iter().filter(|cell| cell.verdict.is_err()).count()
    );
    say(&text);
}

fn line(row: &Row, engines: &[Engine], cells: &[&Cell]) -> Vec<String> {
    let mut line = vec![row.name.clone()];
    line.extend(engines.iter().map(|engine| match cells.iter().find(|cell| cell.engine == *engine) {
        None => "-".to_owned(),
        Some(cell) if cell.verdict.is_err() => "FAILED".to_owned(),
        Some(cell) => format!("ok {:>5} ms", cell.took.as_millis()),
    }));
    let told = cells.iter().find_map(|cell| cell.verdict.as_ref().ok());
    line.push(told.map_or_else(String::new, |told| cut(&told.line)));
    line
}

/// Aligns lines of equally many cells in columns.
pub fn aligned(lines: &[Vec<String>]) -> String {
    let widths: Vec<usize> = (0..lines[0].len())
        .map(|column| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0))
        .collect();
    let mut text = String::from("\n");
    for line in lines {
        for (entry, width) in line.iter().zip(&widths) {
            let _ = write!(text, "{entry:<width$}  ");
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text
}

fn cut(line: &str) -> String {
    match line.char_indices().nth(WIDEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

/// Prints immediately, bypassing the harness.
pub fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
