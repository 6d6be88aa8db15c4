//! The expected result of a broken deployment: an exit code and one line with the problem and its fix, within a time
//! limit.

use std::time::Duration;

use crate::lab::call::Outcome;
use crate::scene::{MARK, Told, Verdict};

/// The expected result.
#[derive(Clone, Copy)]
pub struct Broken {
    code: i32,
    line: &'static str,
    within: Duration,
}

/// The time limit of a broken deployment without another one.
const USUAL: Duration = Duration::from_secs(20);

/// Expects this exit code and a line that begins with (a check) or contains (a refusal) this text.
pub fn ends(code: i32, line: &'static str) -> Broken {
    Broken { code, line, within: USUAL }
}

impl Broken {
    pub fn judge(self, outcome: &Outcome) -> Verdict {
        outcome.check(outcome.code == Some(self.code), format!("exit code {}", self.code))?;
        outcome.check(outcome.took <= self.within, format!("an end within {:?}", self.within))?;
        let failed: Vec<&str> = outcome.stdout.lines().filter(|line| line.starts_with("FAIL  ")).collect();
        let fatal: Vec<&str> = outcome.stderr.lines().filter(|line| line.starts_with("init: fatal: ")).collect();
        let line = if self.code == 1 {
            outcome.check(fatal.is_empty(), "no fatal record beside a report")?;
            failed.iter().find(|line| line.contains(self.line))
        } else {
            outcome.check(fatal.len() == 1, "one fatal record")?;
            // The end of a boot check also prints a line of the report.
            outcome.check(
                failed.len() <= 1 && failed.iter().all(|line| line.starts_with("FAIL  boot: ")),
                "no check beside a refusal",
            )?;
            // A record that quotes a step's last line contains the step's words.
            let apps_own = |text: &str| text.lines().any(|line| line.contains(MARK) && !line.contains(", saying '"));
            outcome.check(!apps_own(&outcome.stdout) && !apps_own(&outcome.stderr), "that the app never starts")?;
            fatal.iter().find(|line| line.contains(self.line))
        };
        let line = line.ok_or_else(|| format!("expected '{}'\n{}", self.line, outcome.shown()))?;
        outcome.check(line.split_once("; fix: ").is_some_and(|(_, fix)| fix.len() > 5), "its fix")?;
        Ok(Told { line: format!("{}: {line}", self.code), took: Some(outcome.took) })
    }
}
