//! What failed, why, and the fix. A failure ends the command with its exit code.

use std::process::ExitCode;

use miette::{Diagnostic, NamedSource, SourceSpan};
use thiserror::Error;

/// The exit codes. A wrong command line ends with 64.
pub(crate) const REFUSED: u8 = 1;
pub(crate) const STUCK: u8 = 2;
pub(crate) const USAGE: u8 = 64;
pub(crate) const CONFIGURATION: u8 = 78;

#[derive(Debug, Error, Diagnostic)]
#[error("{what}: {reason}")]
pub(crate) struct Failure {
    pub(crate) what: String,
    pub(crate) reason: String,
    #[help]
    pub(crate) fix: Option<String>,
    pub(crate) code: u8,
    /// The unit that failed: it is restored first.
    pub(crate) unit: Option<String>,
    #[source_code]
    source_code: Option<NamedSource<String>>,
    #[label("here")]
    span: Option<SourceSpan>,
}

impl Failure {
    pub(crate) fn new(what: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            reason: reason.into(),
            fix: None,
            code: REFUSED,
            unit: None,
            source_code: None,
            span: None,
        }
    }

    pub(crate) fn configuration(what: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { code: CONFIGURATION, ..Self::new(what, reason) }
    }

    pub(crate) fn fix(self, fix: impl Into<String>) -> Self {
        Self { fix: Some(fix.into()), ..self }
    }

    pub(crate) fn of_unit(self, unit: &str) -> Self {
        Self { unit: Some(unit.to_owned()), ..self }
    }

    /// Shows the place in a file beside the words.
    pub(crate) fn at(self, name: &str, text: &str, span: Option<std::ops::Range<usize>>) -> Self {
        Self { source_code: Some(NamedSource::new(name, text.to_owned())), span: span.map(SourceSpan::from), ..self }
    }

    /// The failure in one line, for a journal and for the answer to a request.
    pub(crate) fn line(&self) -> String {
        one_line(&format!("{}: {}", self.what, self.reason))
    }

    pub(crate) fn exit(&self) -> ExitCode {
        ExitCode::from(self.code)
    }
}

/// Control characters of a tool's output must not make a second line of an answer.
pub(crate) fn one_line(text: &str) -> String {
    let words: Vec<String> =
        text.split_whitespace().map(|word| word.chars().filter(|c| !c.is_control()).collect()).collect();
    words.join(" ")
}

/// The result of a system call, with what was tried on what.
pub(crate) trait Context<T> {
    fn on(self, verb: &str, object: impl std::fmt::Display) -> Result<T, Failure>;
}

impl<T, E: std::fmt::Display> Context<T> for Result<T, E> {
    fn on(self, verb: &str, object: impl std::fmt::Display) -> Result<T, Failure> {
        self.map_err(|reason| Failure::new(format!("{verb} {object}"), reason.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_of_a_failure_has_no_control_characters() {
        assert_eq!(Failure::new("gate", "FAIL\n  health\u{1b}[31m").line(), "gate: FAIL health[31m");
    }
}
