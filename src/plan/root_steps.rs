//! Resolves the root steps of this boot. They get nothing from the app's environment, and every file that they read is
//! checked.

use std::ffi::{CString, OsStr};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use super::capabilities;
use super::command::expand_words;
use super::exists::Exists;
use super::expand::{expand, timeout};
use super::steps::{self, StepPlan};
use crate::config::Step;
use crate::config::environment::Environment;
use crate::error::{Decides, Denied, Error, Missing, Result, fix};
use crate::exec::App;
use crate::facts::obeyed::{Obeyed, Program, Text};
use crate::trust::Trust;

/// The `PATH` of a root step, unless its `env` has one.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The working directory: interpreters search it for modules, so it must not belong to the app.
const WORKING_DIRECTORY: &str = "/";

/// The umask: others can read the files of a root step, whatever the app's umask is.
const UMASK: u32 = 0o022;

/// Resolves the root steps.
///
/// # Errors
/// All of exit codes 78, 126 and 127; [`Error::NotRoots`].
pub(super) fn resolve<'a>(
    steps: impl Iterator<Item = &'a Step>,
    environment: &Environment,
    trust: &Trust,
) -> Result<Vec<StepPlan>> {
    steps.map(|step| resolve_one(step, environment, trust)).collect()
}

fn resolve_one(step: &Step, environment: &Environment, trust: &Trust) -> Result<StepPlan> {
    let arguments = expand_words(&step.command, environment)?;
    let app = App {
        programs: Vec::new(),
        arguments,
        environment: own_environment(step, environment)?,
        working_directory: Some(WORKING_DIRECTORY.into()),
        umask: Some(UMASK),
    };
    let capabilities = capabilities::set(&step.capabilities)?;
    let timeout = timeout(step.timeout.as_ref(), environment)?;
    let mut plan = StepPlan {
        name: step.name.value.clone(),
        app,
        timeout,
        capabilities,
        wait: None,
        exists: Exists::default(),
        output: None,
        number: 0,
        optional: false,
    };
    plan.app.programs = vec![judge(&plan, trust)?];
    Ok(plan)
}

/// Checks every file that a root step reads, as it is now; returns its program. An earlier step may create files for a
/// later one, so each step is checked again just before it runs.
///
/// # Errors
/// [`Error::NotRoots`], [`Error::NotFound`], [`Error::NotExecutable`].
pub fn judge(step: &StepPlan, trust: &Trust) -> Result<CString> {
    let refuse = |path: &[u8]| {
        let path = String::from_utf8_lossy(path).into_owned();
        move |cause: Denied| Error::NotRoots { decides: Decides::Step(step.name.clone()), path, cause }
    };
    let App { arguments, environment, .. } = &step.app;
    let path = environment.get("PATH").unwrap_or_default();
    let mut obeyed = Obeyed::new(trust, path).map_err(refuse(b"PATH"))?;
    let name = arguments.first().map_or(&b""[..], |word| word.to_bytes());
    let found = found(obeyed.program(name).map_err(refuse(name))?, name, path);
    let program = found.map_err(|error| error.about(|| steps::called(&step.name)))?;
    for word in arguments.iter().skip(1).map(|word| word.to_bytes()) {
        obeyed.word(word, Text::Argument).map_err(refuse(word))?;
    }
    for entry in environment.entries().iter().map(|entry| entry.as_ref().to_bytes()) {
        let (name, value) = entry.split_at(entry.iter().position(|byte| *byte == b'=').unwrap_or(entry.len()));
        if name != b"PATH" {
            obeyed.word(value.get(1..).unwrap_or_default(), Text::Value).map_err(refuse(name))?;
        }
    }
    Ok(program)
}

/// `PATH` and the step's own variables.
fn own_environment(step: &Step, environment: &Environment) -> Result<Environment> {
    let mut own = Environment::default();
    let _ = own.set("PATH", PATH.as_bytes());
    for (name, value) in &step.env {
        let expanded = expand(value, environment)?;
        if !own.set(name, &expanded) {
            return Err(Error::Config {
                place: value.place.clone(),
                what: format!("a NUL in the value of {name}"),
                allowed: fix::mistake::NEVER.into(),
            });
        }
    }
    Ok(own)
}

fn found(program: Program, name: &[u8], path: &[u8]) -> Result<CString> {
    let direct = name.contains(&b'/');
    let nowhere = |cause| Err(Error::NotFound { name: String::from_utf8_lossy(name).into_owned(), cause });
    match program {
        Program::At(place) => CString::new(place.into_os_string().into_vec()).or_else(|_| nowhere(Missing::File(None))),
        Program::Unfit(place, cause) => Err(Error::NotExecutable { path: place.display().to_string(), cause }),
        Program::Nowhere if direct => nowhere(Missing::File(None)),
        Program::Nowhere => nowhere(Missing::InPath(OsStr::from_bytes(path).display().to_string())),
    }
}
