//! Runs a scenario with each init, and prints the table when the test program ends.

use std::io::Write as _;
use std::sync::{Mutex, Once};
use std::thread;

use super::peer::{ALL, Init};
use super::stage;

/// Why a scenario did not pass.
pub enum Not {
    /// The init has no option for it.
    Applicable,
    /// The expectation, and the state of the run.
    Passed(String),
}

impl From<String> for Not {
    fn from(why: String) -> Not {
        Not::Passed(why)
    }
}

/// The result of a step of a scenario.
pub type Try<T = ()> = Result<T, Not>;

/// Fails the scenario.
pub fn failed<T>(why: impl Into<String>) -> Try<T> {
    Err(Not::Passed(why.into()))
}

struct Row {
    name: String,
    cells: Vec<Try>,
}

/// Adds a measurement to print below the table.
pub fn note(text: String) {
    NOTES.lock().unwrap().push(text);
}

static NOTES: Mutex<Vec<String>> = Mutex::new(Vec::new());
static ROWS: Mutex<Vec<Row>> = Mutex::new(Vec::new());
static AT_EXIT: Once = Once::new();

/// Runs one scenario with each init; fails unless `/init` passes.
pub fn scenario(name: &str, run: impl Fn(Init) -> Try + Sync) {
    stage::require();
    AT_EXIT.call_once(|| {
        // SAFETY: the function has no arguments and static lifetime.
        unsafe { libc::atexit(at_exit) };
    });
    // In parallel: most time is spent waiting for events that another init never produces.
    let run = &run;
    let cells: Vec<Try> = thread::scope(|scope| {
        let started = ALL.map(|init| init.is_here().then(|| scope.spawn(move || run(init))));
        started
            .map(|cell| cell.map_or(Err(Not::Applicable), |cell| cell.join().unwrap_or_else(|_| failed("a panic"))))
            .into()
    });
    let own = match &cells[0] {
        Ok(()) => None,
        Err(Not::Applicable) => Some("/init must run every scenario".to_owned()),
        Err(Not::Passed(why)) => Some(why.clone()),
    };
    ROWS.lock().unwrap().push(Row { name: name.to_owned(), cells });
    if let Some(why) = own {
        panic!("{name}: {why}");
    }
}

extern "C" fn at_exit() {
    stage::tidy();
    let Ok(mut rows) = ROWS.lock() else { return };
    rows.sort_by(|a, b| a.name.cmp(&b.name));
    let mut out = std::io::stderr().lock();
    let _ = out.write_all(printed(&rows).as_bytes());
}

fn printed(rows: &[Row]) -> String {
    let width = rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0);
    let line = |name: &str, cells: Vec<String>| {
        let cells: String = cells.iter().map(|cell| format!("  {cell:<9}")).collect();
        format!("{name:<width$}{}\n", cells.trim_end())
    };
    let mut text = format!("\n{}", line("", ALL.iter().map(ToString::to_string).collect()));
    for row in rows {
        text += &line(&row.name, row.cells.iter().map(|cell| shown(cell).to_owned()).collect());
    }
    let mut notes = NOTES.lock().map(|notes| notes.clone()).unwrap_or_default();
    notes.sort();
    text += &format!("\n{}\n\n", notes.join("\n"));
    for row in rows {
        for (init, cell) in ALL.iter().zip(&row.cells) {
            if let Err(Not::Passed(why)) = cell {
                let short: String = why.lines().next().unwrap_or_default().chars().take(140).collect();
                text += &format!("FAIL  {}  {init}: {short}\n", row.name);
            }
        }
    }
    text
}

fn shown(cell: &Try) -> &'static str {
    match cell {
        Ok(()) => "pass",
        Err(Not::Passed(_)) => "FAIL",
        Err(Not::Applicable) => "n.a.",
    }
}
