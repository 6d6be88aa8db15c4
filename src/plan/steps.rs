//! The steps that count in this boot, resolved: programs found, words expanded, as whom.

use std::path::Path;
use std::time::Duration;

use super::{expand_words, keep};
use crate::config::environment::Environment;
use crate::config::{Config, Step};
use crate::error::{Error, Result};
use crate::facts::{guard, programs};
use crate::launch::App;
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
pub(super) fn as_user<'a>(config: &Config, steps: impl Iterator<Item = &'a Step>, environment: &Environment) -> Result<Vec<StepPlan>> {
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
            let plan = resolve(config, step, environment, clean(config, environment))?;
            out_of_reach(&plan, target)?;
            Ok(plan)
        })
        .collect()
}

fn clean(config: &Config, environment: &Environment) -> Environment {
    let names = CLEAN.into_iter().chain(config.env.keys().map(String::as_str));
    let mut clean = Environment::default();
    for (name, value) in names.filter_map(|name| Some((name, environment.get(name)?))) {
        // It comes from an environment, so it holds no NUL.
        let _ = clean.set(name, value);
    }
    let _ = clean.set("HOME", b"/root");
    clean
}

fn resolve(config: &Config, step: &Step, environment: &Environment, given: Environment) -> Result<StepPlan> {
    let arguments = expand_words(&step.command, environment)?;
    let below = config.workdir.as_deref().unwrap_or(".");
    let name = arguments.first().map_or(&b""[..], |word| word.to_bytes());
    let programs = programs::find(name, environment.get("PATH"), Path::new(below))?;
    let app = App { programs, arguments, environment: given, working_directory: config.workdir.clone(), umask: config.umask };
    Ok(StepPlan { name: step.name.value.clone(), app, timeout: step.timeout, capabilities: keep::set(&step.capabilities)? })
}

/// Refuses a program, or a file that is one of its words, that the app's user could write: root would run it.
fn out_of_reach(plan: &StepPlan, target: &Target) -> Result<()> {
    let words = plan.app.programs.iter().take(1).chain(plan.app.arguments.iter().skip(1));
    for word in words.filter_map(|word| word.to_str().ok()).filter(|word| word.starts_with('/')) {
        let path = Path::new(word);
        // A word that names nothing is the step's own to understand.
        if path.is_file()
            && let Ok(Some(how)) = guard::writable_to(path, target.uid, &target.groups)
        {
            return Err(Error::StepWritable { name: plan.name.clone(), path: word.to_owned(), how, uid: target.uid });
        }
    }
    Ok(())
}
