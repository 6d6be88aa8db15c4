//! Errors: what failed, the reason, and the fix. A failure ends the command with its exit code.

use std::{
    fmt::Display,
    io::{self, ErrorKind},
    process::ExitCode,
};

use miette::{Diagnostic, NamedSource, SourceSpan};
use rustix::io::Errno;
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
    pub(crate) fix: String,
    pub(crate) code: u8,
    /// The unit that failed: it is restored first.
    pub(crate) unit: Option<String>,
    #[source_code]
    source_code: Option<NamedSource<String>>,
    #[label("here")]
    span: Option<SourceSpan>,
}

/// A failure that has no fix yet. Only `fix` makes a `Failure` of it, so that every failure has one.
pub(crate) struct Unfixed {
    what: String,
    reason: String,
    code: u8,
}

impl Unfixed {
    pub(crate) fn fix(self, fix: impl Into<String>) -> Failure {
        let Self { what, reason, code } = self;
        Failure { what, reason, fix: fix.into(), code, unit: None, source_code: None, span: None }
    }

    /// For a failure that only a bug of this program can cause.
    pub(crate) fn bug(self) -> Failure {
        self.fix("run the command again; if it fails again, report this line as a bug of stepdown")
    }
}

impl Failure {
    #[expect(clippy::new_ret_no_self, reason = "a failure without a fix is not one yet")]
    pub(crate) fn new(what: impl Into<String>, reason: impl Into<String>) -> Unfixed {
        Unfixed { what: what.into(), reason: reason.into(), code: REFUSED }
    }

    pub(crate) fn configuration(what: impl Into<String>, reason: impl Into<String>) -> Unfixed {
        Unfixed { code: CONFIGURATION, ..Self::new(what, reason) }
    }

    /// Replaces the general fix of the cause.
    pub(crate) fn fix(self, fix: impl Into<String>) -> Self {
        Self { fix: fix.into(), ..self }
    }

    /// Adds a command to the fix.
    pub(crate) fn and_then(self, command: &str) -> Self {
        Self { fix: format!("{}; then run {command}", self.fix), ..self }
    }

    pub(crate) fn of_unit(self, unit: &str) -> Self {
        Self { unit: Some(unit.to_owned()), ..self }
    }

    /// Adds the line of the file that is wrong, for a terminal.
    pub(crate) fn at(self, name: &str, text: &str, span: Option<std::ops::Range<usize>>) -> Self {
        Self { source_code: Some(NamedSource::new(name, text.to_owned())), span: span.map(SourceSpan::from), ..self }
    }

    /// The failure in one line, for a journal and for the answer to a request.
    pub(crate) fn line(&self) -> String {
        one_line(&format!("{}: {}", self.what, self.reason))
    }

    /// The failure and its fix in one line.
    pub(crate) fn with_fix(&self) -> String {
        one_line(&format!("{}: {}; fix: {}", self.what, self.reason, self.fix))
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
    fn on(self, verb: &str, object: impl Display) -> Result<T, Failure>;
}

impl<T, E: Cause> Context<T> for Result<T, E> {
    fn on(self, verb: &str, object: impl Display) -> Result<T, Failure> {
        self.map_err(|cause| {
            Failure::new(format!("{verb} {object}"), cause.to_string()).fix(cause.fix(&object.to_string()))
        })
    }
}

/// An error whose fix depends on its kind.
pub(crate) trait Cause: Display {
    fn fix(&self, object: &str) -> String;
}

impl Cause for io::Error {
    fn fix(&self, object: &str) -> String {
        match self.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                format!("free space or inodes on the file system of {object}: df -h and df -i list them")
            }
            ErrorKind::PermissionDenied => {
                format!("give this user access to {object}: namei -l {object} shows the owners and modes on its path")
            }
            ErrorKind::ReadOnlyFilesystem => format!("mount the file system of {object} read-write"),
            ErrorKind::NotFound => format!("make {object}, or the directory that it belongs in"),
            ErrorKind::NotADirectory | ErrorKind::AlreadyExists | ErrorKind::IsADirectory => {
                format!("move away what is in the place of {object}: namei -l {object} shows it")
            }
            _ if self.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => {
                format!("remove the link on the path of {object}: namei -l {object} shows it")
            }
            _ => format!("namei -l {object} shows what is there; dmesg has the errors of a disk"),
        }
    }
}

impl Cause for Errno {
    fn fix(&self, object: &str) -> String {
        io::Error::from(*self).fix(object)
    }
}

impl Cause for serde_json::Error {
    fn fix(&self, object: &str) -> String {
        format!("correct the JSON of {object} at this line and column")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fix_of_a_system_call_depends_on_its_errno() {
        let of = |errno: Errno| Err::<(), _>(errno).on("write", "/a/b").unwrap_err().fix;
        assert!(of(Errno::NOSPC).starts_with("free space or inodes on the file system of /a/b"));
        assert!(of(Errno::ACCESS).contains("namei -l /a/b shows the owners"));
        assert!(of(Errno::ROFS).contains("read-write"));
        assert!(of(Errno::NOENT).starts_with("make /a/b"));
        assert!(of(Errno::LOOP).starts_with("remove the link"));
        assert!(of(Errno::NOTDIR).starts_with("move away what is in the place"));
    }

    #[test]
    fn line_of_a_failure_has_no_control_characters() {
        assert_eq!(Failure::new("gate", "FAIL\n  health\u{1b}[31m").bug().line(), "gate: FAIL health[31m");
    }
}
