//! Selects the role: `--role`, then the role variable, then `role.default`.

use std::ffi::{CStr, CString};

use crate::config::args::Action;
use crate::config::environment::Environment;
use crate::config::{Config, Role, args};
use crate::error::{Error, NO_ROLES, Result};
use crate::text::joined;

/// The selected role, and what selected it.
#[derive(Debug)]
pub(super) struct Selected<'a> {
    pub(super) name: &'a str,
    pub(super) role: &'a Role,
    pub(super) by: String,
    /// Where a word of the command selected it: how many of them belong to the selection. The others are appended to
    /// the role's command.
    pub(super) taken: Option<usize>,
}

/// The role that the first word of a command line selects, if `[role]` enables that.
fn by_word<'a>(config: &'a Config, words: &[CString]) -> Option<(&'a str, &'static str, usize)> {
    let first = words.first()?.to_str().ok()?;
    match (config.role(first), &config.role_flags) {
        (Some((name, _)), _) if config.role_argument => Some((name, "argument", 1)),
        (_, Some(role)) if first.starts_with('-') => Some((&role.value, "role.flags", 0)),
        _ => None,
    }
}

/// Selects the role; none where the configuration has no roles, or nothing selects one and a command is given. The
/// command of `--exec` selects none.
///
/// # Errors
/// [`Error::Role`] for an unknown, empty, doubled or missing selection.
pub(super) fn select<'a>(
    config: &'a Config,
    option: Option<&str>,
    environment: &Environment,
    command: &[CString],
    action: Action,
) -> Result<Option<Selected<'a>>> {
    let variable = &config.role_variable;
    let refuse_by = |by: &str, what: String| Error::Role { what, variable: by.to_owned(), known: known(config) };
    let refuse = |what: String| refuse_by(variable, what);
    if config.roles.is_empty() {
        // Without roles the variable is not checked: it may be the app's.
        return match option {
            Some(name) => Err(refuse(format!("--role {name}, but the configuration has no roles"))),
            None => Ok(None),
        };
    }
    // getenv and most languages read the first entry, others the last one.
    let given = || {
        environment.only(variable).map_err(|times| refuse(format!("the role variable {variable} is set {times} times")))
    };
    let mut taken = None;
    let (name, by) = if let Some(name) = option {
        (name.to_owned(), "--role".to_owned())
    } else if let Some((name, by, words)) = by_word(config, command).filter(|_| action != Action::Exec) {
        taken = Some(words);
        (name.to_owned(), by.to_owned())
    } else if let Some(value) = given()? {
        (String::from_utf8_lossy(value).into_owned(), variable.clone())
    } else if let Some(default) = &config.default_role {
        (default.value.clone(), "role.default".to_owned())
    } else if !command.is_empty() {
        return Ok(None);
    } else {
        return Err(refuse(format!(
            "no role is selected: {variable} is unset, there is no role.default and no command"
        )));
    };
    match config.role(&name) {
        Some((name, role)) => Ok(Some(Selected { name, role, by, taken })),
        None if name.is_empty() => Err(refuse_by(&by, format!("the role from {by} is empty"))),
        None => Err(refuse_by(&by, format!("unknown role '{name}' from {by}"))),
    }
}

/// The role that PID 1 runs, for a process beside it: of its `--role` or argument, where PID 1 or what it started is
/// `/init`; else of the variable that the app has.
pub(super) fn of_first(config: &Config, (words, variable): (Vec<CString>, Option<Vec<u8>>)) -> Option<String> {
    let at = words.iter().position(|word| word.to_bytes().rsplit(|byte| *byte == b'/').next() == Some(b"init"));
    let words: Vec<&CStr> = words.iter().skip(at.map_or(words.len(), |at| at + 1)).map(CString::as_c_str).collect();
    let by_words = args::parse(&words).ok().and_then(|arguments| {
        arguments.role.or_else(|| by_word(config, &arguments.command).map(|(name, ..)| name.to_owned()))
    });
    let role = by_words.or_else(|| String::from_utf8(variable?).ok())?;
    config.role(&role).map(|(name, _)| name.clone())
}

/// The names of the roles, for messages.
pub(super) fn known(config: &Config) -> String {
    if config.roles.is_empty() { NO_ROLES.to_owned() } else { joined(&config.role_names(), ", ") }
}
