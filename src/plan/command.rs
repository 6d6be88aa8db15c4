//! The app's command line, resolved: its arguments and the program files that exec will try.

use std::ffi::CString;
use std::path::Path;

use nix::errno::Errno;

use super::expand;
use super::role::{self, Selected};
use super::surfaces::Surfaces;
use crate::config::args::{Action, Arguments};
use crate::config::environment::Environment;
use crate::config::{At, Config};
use crate::error::{Error, Missing, Place, Result, fix, io_errno};
use crate::facts::programs;
use crate::logger;

/// A command line.
#[derive(Debug, Default)]
pub(super) struct Command {
    /// The files that exec will try, in order.
    pub(super) programs: Vec<CString>,
    /// The arguments, beginning with the program's name.
    pub(super) words: Vec<CString>,
}

/// What the search for a command depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Search<'a> {
    /// The working directory.
    pub(super) workdir: Option<&'a str>,
    /// Expands the arguments, and reads the `PATH`.
    pub(super) environment: &'a Environment,
    /// The places where the boot itself may create the program before it is executed: by a step, or from a template.
    pub(super) made: Option<&'a Surfaces>,
}

impl Search<'_> {
    /// Expands the arguments, and searches the program below the working directory.
    ///
    /// # Errors
    /// [`Error::Unset`], [`Error::Config`], [`Error::NotFound`], [`Error::NotExecutable`].
    pub(super) fn expanded(&self, words: &[At<String>]) -> Result<Command> {
        self.command(expand_words(words, self.environment)?)
    }

    /// Searches the program of these words.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::NotExecutable`].
    pub(super) fn command(&self, words: Vec<CString>) -> Result<Command> {
        let name = words.first().map_or(&b""[..], |word| word.to_bytes());
        let below = Path::new(self.workdir.unwrap_or("."));
        let made = |place: &Path| self.made.is_some_and(|surfaces| surfaces.has(place));
        let programs = programs::find(name, self.environment.get("PATH"), below, &made);
        Ok(Command { programs: programs.map_err(|error| not_a_name(error, &words))?, words })
    }
}

/// Commands that only a shell has.
const BUILTINS: [&str; 12] =
    [".", "cd", "eval", "exec", "export", "for", "if", "set", "source", "ulimit", "umask", "while"];

/// Options of `/init` that are easily given as bare words.
const OPTIONS: [&str; 7] = ["check", "health", "help", "plan", "render", "schema", "version"];

/// Programs whose work `/init` does.
const REPLACED: [&str; 6] = ["catatonit", "dumb-init", "gosu", "su-exec", "sudo", "tini"];

/// The error for a missing program, by the probable mistake.
fn not_a_name(error: Error, words: &[CString]) -> Error {
    let Error::NotFound { name, cause } = error else { return error };
    let file = name.rsplit('/').next().unwrap_or_default();
    let shell = matches!(file, "sh" | "bash" | "ash" | "dash");
    // An app that replaces /init needs no exec.
    let line = name.strip_prefix("exec ").unwrap_or(&name);
    let first = line.split_ascii_whitespace().next().unwrap_or_default();
    let cause = if shell && words.get(1).is_some_and(|word| word.to_bytes() == b"-c") {
        Missing::Shell
    } else if REPLACED.contains(&file) {
        Missing::Replaced
    } else if name.contains(['&', ';', '|', '>', '<', '$', '`'])
        || first.contains(['=', '~'])
        || BUILTINS.contains(&first)
    {
        Missing::ShellSyntax
    } else if name.contains(|byte: char| byte.is_whitespace() || matches!(byte, '"' | '\''))
        // The fix would show its parts.
        && logger::masked(&name) == name
    {
        Missing::OneWord(line.to_owned())
    } else {
        cause
    };
    Error::NotFound { name, cause }
}

/// The error for a COMMAND that is the name of a role or the extent of a check, not of a program.
pub(super) fn names_role(error: Error, config: &Config, arguments: &Arguments) -> Error {
    match error {
        Error::NotFound { name, .. } if !arguments.command.is_empty() && config.role(&name).is_some() => {
            let cause = Missing::NamesRole(name.clone(), config.role_variable.clone());
            Error::NotFound { name, cause }
        }
        Error::NotFound { name, .. }
            if matches!(arguments.action, Action::Check(_)) && matches!(name.as_str(), "full" | "init") =>
        {
            let cause = Missing::Option(format!("check={name}"));
            Error::NotFound { name, cause }
        }
        Error::NotFound { name, .. }
            if arguments.command.first().is_some_and(|first| first.to_bytes() == name.as_bytes())
                && OPTIONS.contains(&name.as_str()) =>
        {
            let cause = Missing::Option(name.clone());
            Error::NotFound { name, cause }
        }
        other => other,
    }
}

/// Refuses a working directory that is a file, or a missing one unless the boot may make it. One that root cannot
/// examine is left to the exec, as the user.
pub(super) fn refuse_directory(directory: &str, may_be_made: bool) -> Result<()> {
    let errno = match std::fs::metadata(directory).map_err(|error| io_errno(&error)) {
        Ok(facts) if !facts.is_dir() => Errno::ENOTDIR,
        Err(Errno::ENOTDIR) => Errno::ENOTDIR,
        Err(Errno::ENOENT) if !may_be_made => Errno::ENOENT,
        _ => return Ok(()),
    };
    Err(Error::WorkingDirectory { path: directory.to_owned(), errno })
}

/// The command line of the app: the given one, or the role's.
pub(super) fn words(
    config: &Config,
    selected: Option<&Selected<'_>>,
    arguments: &Arguments,
    environment: &Environment,
) -> Result<Vec<CString>> {
    let taken = selected.and_then(|selected| selected.taken);
    if taken.is_none() && !arguments.command.is_empty() {
        return Ok(arguments.command.clone());
    }
    let appended = arguments.command.get(taken.unwrap_or(0)..).unwrap_or(&[]);
    let no_command = |what: String, remedy: String| Err(Error::NoCommand { what, remedy });
    let Some(selected) = selected else {
        return no_command("none is given and the configuration has no roles".into(), fix::command::NO_ROLES.into());
    };
    let Some(command) = &selected.role.command else {
        // A role that is selected by the first word and has no command runs the rest of the words.
        if taken == Some(1) && !appended.is_empty() {
            return Ok(appended.to_vec());
        }
        return no_command(
            format!("none is given and the role '{}' has none", selected.name),
            fix::command::role_without_command(&role::known(config)),
        );
    };
    if command.is_empty() && !appended.is_empty() {
        return no_command(
            format!("the role '{}' only runs steps, and takes no words", selected.name),
            fix::command::STEPS_ONLY.into(),
        );
    }
    let mut words = expand_words(command, environment)?;
    words.extend_from_slice(appended);
    Ok(words)
}

pub(super) fn expand_words(words: &[At<String>], environment: &Environment) -> Result<Vec<CString>> {
    let expanded = expand::words(words, environment)?;
    match (expanded.first().is_none_or(|(program, _)| program.is_empty()), words.first()) {
        (true, Some(first)) => Err(Error::Config {
            place: first.place.clone(),
            what: "the command expands to no program".into(),
            allowed: fix::mistake::NO_WORD.into(),
        }),
        _ => expanded.into_iter().map(|(bytes, place)| c_string(bytes, &place)).collect(),
    }
}

fn c_string(bytes: Vec<u8>, place: &Place) -> Result<CString> {
    CString::new(bytes).map_err(|_| Error::Config {
        place: place.clone(),
        what: "a NUL in a word".into(),
        allowed: fix::mistake::NEVER.into(),
    })
}
