//! The report: one line for each check, or all of them as JSON.

use serde::Serialize;

use crate::config::args::ReportFormat;
use crate::logger;

/// The checks. The keys of the JSON are an interface and are never renamed.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    checks: Vec<Line>,
}

#[derive(Debug, Serialize)]
struct Line {
    status: Status,
    check: String,
    detail: String,
    fix: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Ok,
    Warn,
    Fail,
}

impl Report {
    /// A check that passed.
    pub fn ok(&mut self, check: &str, detail: String) {
        self.add(Status::Ok, check, detail, None);
    }

    /// A check that passed, with something to improve.
    pub fn warn(&mut self, check: &str, detail: String, fix: &str) {
        self.add(Status::Warn, check, detail, Some(fix));
    }

    /// A check that failed.
    pub fn fail(&mut self, check: &str, detail: String, fix: &str) {
        self.add(Status::Fail, check, detail, Some(fix));
    }

    fn add(&mut self, status: Status, check: &str, detail: String, fix: Option<&str>) {
        let masked = |text: &str| logger::masked(text).into_owned();
        self.checks.push(Line { status, check: masked(check), detail: masked(&detail), fix: fix.map(masked) });
    }

    /// Whether nothing failed.
    pub fn passed(&self) -> bool {
        self.checks.iter().all(|line| line.status != Status::Fail)
    }

    /// As it is printed.
    pub fn print(&self, format: ReportFormat) -> String {
        #[derive(Serialize)]
        struct Whole<'a> {
            passed: bool,
            checks: &'a [Line],
        }
        if format == ReportFormat::Json {
            // Serialising strings and booleans cannot fail; an empty line would not be valid JSON either.
            let mut line =
                serde_json::to_string(&Whole { passed: self.passed(), checks: &self.checks }).unwrap_or_default();
            line.push('\n');
            return line;
        }
        self.checks.iter().map(Line::text).collect()
    }
}

impl Line {
    fn text(&self) -> String {
        let status = match self.status {
            Status::Ok => "ok   ",
            Status::Warn => "warn ",
            Status::Fail => "FAIL ",
        };
        let fix = self.fix.as_ref().map(|fix| format!("; fix: {fix}")).unwrap_or_default();
        let mut line = logger::escaped(&format!("{status} {}: {}{fix}", self.check, self.detail));
        line.push('\n');
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_has_one_line_for_each_check_and_passes_unless_one_failed() {
        let mut report = Report::default();
        report.ok("a", "b\nFAIL forged".into());
        report.warn("c", "d".into(), "e");
        assert!(report.passed());
        assert_eq!(report.print(ReportFormat::Text), "ok    a: b\\nFAIL forged\nwarn  c: d; fix: e\n");
        report.fail("f", "g".into(), "h");
        assert!(
            !report.passed()
                && report
                    .print(ReportFormat::Json)
                    .starts_with(r#"{"passed":false,"checks":[{"status":"ok","check":"a","#)
        );
    }
}
