//! The variables that configure `/init` itself: `INIT_LOG`, `BOOT_CHECK_ONLY`, `BOOT_CHECK_FORMAT`. A variable that is
//! set twice is refused, since readers differ in which one they use; a wrong value of the gate must not start the app.

use log::LevelFilter;

use super::args::{Action, Arguments, Extent, ReportFormat};
use super::environment::Environment;
use crate::error::{Error, Result, fix};

/// The log's level.
///
/// # Errors
/// [`Error::OwnVariable`].
pub fn log_level(environment: &Environment) -> Result<LevelFilter> {
    let allowed = fix::variable::LOG_LEVELS;
    Ok(match once(environment, "INIT_LOG", allowed)? {
        None | Some(b"" | b"info") => LevelFilter::Info,
        Some(b"error") => LevelFilter::Error,
        Some(b"warn") => LevelFilter::Warn,
        Some(b"debug") => LevelFilter::Debug,
        Some(b"trace") => LevelFilter::Trace,
        Some(other) => return Err(wrong("INIT_LOG", other, allowed)),
    })
}

/// The action that an option selects, or else `BOOT_CHECK_ONLY`.
///
/// # Errors
/// [`Error::OwnVariable`]; [`Error::CommandLine`] for `--json` where nothing is reported.
pub fn action(arguments: &Arguments, environment: &Environment) -> Result<Action> {
    // An engine runs a container's health check with its variables, `BOOT_CHECK_ONLY` among them.
    let action = match arguments.action {
        Action::Boot => gate(environment)?,
        named => named,
    };
    if arguments.format == ReportFormat::Json && matches!(action, Action::Boot | Action::Exec | Action::Render(_)) {
        return Err(Error::CommandLine { what: "--json goes with --plan, --check and --health".into() });
    }
    Ok(action)
}

fn gate(environment: &Environment) -> Result<Action> {
    let allowed = fix::variable::GATE;
    match once(environment, "BOOT_CHECK_ONLY", allowed)? {
        None | Some(b"" | b"0") => Ok(Action::Boot),
        Some(b"1") => Ok(Action::Check(Extent::Full)),
        Some(b"init") => Ok(Action::Check(Extent::Init)),
        Some(other) => Err(wrong("BOOT_CHECK_ONLY", other, allowed)),
    }
}

/// How reports are printed.
///
/// # Errors
/// [`Error::OwnVariable`].
pub fn report_format(arguments: &Arguments, environment: &Environment) -> Result<ReportFormat> {
    let allowed = fix::variable::REPORT_FORMATS;
    match once(environment, "BOOT_CHECK_FORMAT", allowed)? {
        None | Some(b"" | b"text") => Ok(arguments.format),
        Some(b"json") => Ok(ReportFormat::Json),
        Some(other) => Err(wrong("BOOT_CHECK_FORMAT", other, allowed)),
    }
}

fn once<'a>(environment: &'a Environment, name: &'static str, allowed: &'static str) -> Result<Option<&'a [u8]>> {
    environment.only(name).map_err(|times| Error::OwnVariable { name, what: format!("is set {times} times"), allowed })
}

fn wrong(name: &'static str, value: &[u8], allowed: &'static str) -> Error {
    Error::OwnVariable { name, what: format!("is '{}'", String::from_utf8_lossy(value)), allowed }
}
