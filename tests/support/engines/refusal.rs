//! A refusal: one exit code, one record, no app.

use super::call::Outcome;
use super::facts::MARK;
use super::row::Verdict;

/// The expected refusal: this exit code, one record that contains these words, and no other output.
#[derive(Clone)]
pub struct Refusal {
    code: i32,
    words: Vec<String>,
    late: bool,
}

pub fn refusal(code: i32, words: &[&str]) -> Refusal {
    Refusal { code, words: words.iter().map(|word| (*word).to_owned()).collect(), late: false }
}

impl Refusal {
    /// A refusal after the drop, before which the log may have lines.
    pub fn late(self) -> Refusal {
        Refusal { late: true, ..self }
    }

    /// Checks a run; returns its exit code and record.
    pub fn judge(&self, outcome: &Outcome) -> Verdict {
        outcome.check(!outcome.stdout.contains(MARK), "no start of the app")?;
        outcome.check(outcome.stdout.is_empty(), "nothing on standard output")?;
        outcome.check(outcome.code == Some(self.code), format!("exit code {}", self.code))?;
        let lines: Vec<&str> = outcome.stderr.lines().collect();
        let records: Vec<&str> = lines.iter().copied().filter(|line| line.starts_with("init: fatal: ")).collect();
        outcome.check(records.len() == 1 && lines.last() == records.first(), "one fatal record as the last line")?;
        outcome.check(self.late || lines.len() == 1, "only the record on standard error")?;
        let record = records[0].strip_prefix("init: fatal: ").and_then(|record| record.split_once("; fix: "));
        let (said, fix) = record.ok_or_else(|| format!("expected 'init: fatal: …; fix: …'\n{}", outcome.shown()))?;
        outcome.check(said.len() > 5 && fix.len() > 5, "the problem and its fix")?;
        for word in &self.words {
            outcome.check(records[0].contains(word), format!("'{word}' in the record"))?;
        }
        Ok(format!("{}: {said}", self.code).into())
    }
}
