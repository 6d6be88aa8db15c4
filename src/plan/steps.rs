//! The steps that count in this boot, resolved: programs found, words expanded, as whom.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::capabilities;
use super::command::Command;
use super::expand;
use crate::config::environment::Environment;
use crate::config::{Config, Step};
use crate::error::{Error, Result};
use crate::exec::App;
use crate::facts::{programs, writable};
use crate::privilege::Target;
use crate::privilege::capability::Set;

/// One step.
#[derive(Clone, Debug)]
pub struct StepPlan {
    /// What messages call it.
    pub name: String,
    /// What it runs.
    pub app: App,
    /// How long it may take.
    pub timeout: Option<Duration>,
    /// Capabilities it needs beyond the four.
    pub capabilities: Set,
}

/// What a root step sees of the environment besides `[env]`: nothing that could make root load or run what is not its
/// own.
const CLEAN: [&str; 5] = ["PATH", "LANG", "LC_ALL", "TZ", "TERM"];

/// Resolves the user's steps.
///
/// # Errors
/// All of exit codes 78, 126 and 127.
pub(super) fn as_user<'a>(
    config: &Config,
    steps: impl Iterator<Item = &'a Step>,
    environment: &Environment,
) -> Result<Vec<StepPlan>> {
    steps.map(|step| resolve(config, step, environment, environment.clone())).collect()
}

/// Resolves the root steps. What they run must be out of the app's reach.
///
/// # Errors
/// As above, and [`Error::StepWritable`].
pub(super) fn as_root<'a>(
    config: &Config,
    steps: impl Iterator<Item = &'a Step>,
    environment: &Environment,
    target: &Target,
) -> Result<Vec<StepPlan>> {
    steps
        .map(|step| {
            let mut plan = resolve(config, step, environment, clean(config, environment, target))?;
            only_the_first(&mut plan)?;
            out_of_reach(&plan, target)?;
            Ok(plan)
        })
        .collect()
}

fn clean(config: &Config, environment: &Environment, target: &Target) -> Environment {
    let names = CLEAN.into_iter().chain(config.env.keys().map(String::as_str));
    let mut clean = Environment::default();
    for (name, value) in names.filter_map(|name| Some((name, environment.get(name)?))) {
        // It comes from an environment, so it holds no NUL.
        let _ = clean.set(name, value);
    }
    let _ = clean.set("HOME", b"/root");
    let path = roots_places(clean.get("PATH").unwrap_or_default(), target);
    clean.remove("PATH");
    if !path.is_empty() {
        let _ = clean.set("PATH", &path);
    }
    clean
}

/// What root cannot look into it cannot judge, and what comes second would run unjudged where the first fails to.
fn only_the_first(plan: &mut StepPlan) -> Result<()> {
    let programs = &mut plan.app.programs;
    programs.retain(|program| Path::new(OsStr::from_bytes(program.to_bytes())).is_file());
    programs.truncate(1);
    let name = plan.app.arguments.first().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if programs.is_empty() {
        Err(Error::NotFound { name, what: "root cannot look into the places that may hold it".into() })
    } else {
        Ok(())
    }
}

/// The places of a `PATH` that the user cannot write to: a program by the name of root's would else come first.
fn roots_places(path: &[u8], target: &Target) -> Vec<u8> {
    let parts = path.split(|byte| *byte == b':').map(|part| Path::new(OsStr::from_bytes(part)));
    let roots = parts.filter(|part| {
        part.is_absolute() && matches!(writable::writable_to(part, target.uid, &target.groups), Ok(None))
    });
    roots.map(|part| part.as_os_str().as_bytes()).collect::<Vec<_>>().join(&b':')
}

fn resolve(config: &Config, step: &Step, environment: &Environment, given: Environment) -> Result<StepPlan> {
    let Command { programs, words } = Command::of(&step.command, config.workdir.as_deref(), environment)?;
    let app = App {
        programs,
        arguments: words,
        environment: given,
        working_directory: config.workdir.clone(),
        umask: expand::umask(config, environment)?,
    };
    Ok(StepPlan {
        name: step.name.value.clone(),
        app,
        timeout: expand::timeout(step.timeout.as_ref(), environment)?,
        capabilities: capabilities::set(&step.capabilities)?,
    })
}

/// Refuses a program, an interpreter of it, or a file that is one of its words, that the app's user could write: root
/// would run it.
fn out_of_reach(plan: &StepPlan, target: &Target) -> Result<()> {
    let programs =
        plan.app.programs.iter().flat_map(|program| executed(Path::new(OsStr::from_bytes(program.to_bytes()))));
    let words = plan.app.arguments.iter().skip(1).map(|word| Path::new(OsStr::from_bytes(word.to_bytes())));
    let below = Path::new(plan.app.working_directory.as_deref().unwrap_or("."));
    let files =
        words.filter(|word| word.components().count() > 1 || word.extension().is_some()).map(|word| below.join(word));
    for path in programs.chain(files) {
        // A word that names nothing is the step's own to understand.
        if path.is_file()
            && let Ok(Some(how)) = writable::writable_to(&path, target.uid, &target.groups)
        {
            return Err(Error::StepWritable {
                name: plan.name.clone(),
                path: path.display().to_string(),
                how,
                uid: target.uid,
            });
        }
    }
    Ok(())
}

/// The program and the interpreters that run it, as many as the kernel takes one after the other.
fn executed(program: &Path) -> Vec<PathBuf> {
    const MOST: usize = 5;
    let mut all = vec![program.to_owned()];
    while all.len() <= MOST
        && let Some(Ok(Some(line))) = all.last().map(|script| programs::interpreter_line(script))
    {
        all.push(PathBuf::from(line.split([' ', '\t']).next().unwrap_or_default()));
    }
    all
}
