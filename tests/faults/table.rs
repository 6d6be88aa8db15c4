//! The result table: the result of each system call with each fault.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::cases::{Case, FAULTS, word};
use crate::judge::Verdict;
use crate::tolerated::TABLE;

/// The results of all cases of one call and one fault.
#[derive(Clone, Copy, Default)]
struct Cell {
    held: usize,
    refused: usize,
    tolerated: usize,
}

/// The results of all cases.
#[derive(Default)]
pub struct Table {
    cells: BTreeMap<String, [Cell; FAULTS.len()]>,
    rows: BTreeMap<usize, usize>,
    not_met: usize,
}

impl Table {
    pub fn add(&mut self, case: &Case, verdict: Verdict) {
        let Some(column) = FAULTS.iter().position(|fault| *fault == case.fault.answer) else { return };
        let name = if case.fault.nth.is_none() { format!("{}, every time", case.name) } else { case.name.clone() };
        let cell = &mut self.cells.entry(name).or_default()[column];
        match verdict {
            Verdict::Held => cell.held += 1,
            Verdict::Refused => cell.refused += 1,
            Verdict::Tolerated(row) => {
                cell.tolerated += 1;
                *self.rows.entry(row).or_default() += 1;
            }
            Verdict::NotMet => self.not_met += 1,
        }
    }

    pub fn print(&self) -> String {
        let mut text = format!("\n{:<36}", "app runs/refused/tolerated");
        for fault in FAULTS {
            let _ = write!(text, "{:>12}", word(fault));
        }
        for (name, cells) in &self.cells {
            let _ = write!(text, "\n{name:<36}");
            for Cell { held, refused, tolerated } in cells {
                let shown = match (held + refused + tolerated, tolerated) {
                    (0, _) => "-".to_owned(),
                    (_, 0) => format!("{held}/{refused}"),
                    _ => format!("{held}/{refused}/{tolerated}"),
                };
                let _ = write!(text, "{shown:>12}");
            }
        }
        for (row, count) in &self.rows {
            let _ = write!(text, "\ntolerated in {count} cases: {:?}: {}", TABLE[*row].allowed, TABLE[*row].reason);
        }
        let sum = |of: fn(&Cell) -> usize| self.cells.values().flatten().map(of).sum::<usize>();
        let (held, refused, tolerated) = (sum(|cell| cell.held), sum(|cell| cell.refused), sum(|cell| cell.tolerated));
        let _ = write!(
            text,
            "\n{held} cases start the app correctly, {refused} are refused, {tolerated} are tolerated, \
             {} were not reached",
            self.not_met
        );
        text
    }
}
