//! Resolves the user's steps of this boot: searches programs, expands arguments.

use std::time::Duration;

use super::command::{Command, Search};
use super::exists::Exists;
use super::expand;
use super::health::{self, HealthPlan};
use super::scope::Boot;
use super::surfaces::Surfaces;
use super::{capabilities, environment};
use crate::config::environment::Environment;
use crate::config::{Config, Step};
use crate::error::{Error, Result};
use crate::exec::App;
use crate::privilege::capability::Set;

/// The name of a step in messages.
pub(super) fn called(name: &str) -> String {
    format!("step '{name}'")
}

/// One step.
#[derive(Clone, Debug)]
pub struct StepPlan {
    /// Its name in messages.
    pub name: String,
    /// The command.
    pub app: App,
    /// The timeout.
    pub timeout: Option<Duration>,
    /// Capabilities it needs beyond the four.
    pub capabilities: Set,
    /// The condition to wait for, instead of a command.
    pub wait: Option<HealthPlan>,
    /// The paths that decide whether it runs.
    pub exists: Exists,
    /// The variable that gets the line of its standard output.
    pub output: Option<String>,
    /// Its number among the configured ones.
    pub(super) number: usize,
    /// A failure is a warning.
    pub optional: bool,
}

/// Resolves the user's steps of this boot from this number on. Where one has an output, also returns the environment of
/// what follows the last one, with a text in the place of each output: what refers to it is judged with that, and
/// resolved again when the output is known.
///
/// # Errors
/// All of exit codes 78, 126 and 127.
pub(super) fn as_user(
    config: &Config,
    boot: &Boot<'_>,
    from: usize,
    made: &Surfaces,
) -> Result<(Vec<StepPlan>, Option<Environment>)> {
    let (mut all, mut later) = (Vec::new(), None);
    for (number, step) in config.steps.iter().enumerate().skip(from) {
        let environment = later.as_ref().unwrap_or(boot.environment);
        if !(Boot { environment, ..*boot }).includes(&step.scope) {
            continue;
        }
        all.push(resolve(config, step, number, environment, made)?);
        if let Some(name) = &step.output {
            environment::set(
                later.get_or_insert_with(|| boot.environment.clone()),
                name,
                &format!("<output of {}>", step.name.value),
            )?;
        }
    }
    Ok((all, later))
}

fn resolve(
    config: &Config,
    step: &Step,
    number: usize,
    environment: &Environment,
    made: &Surfaces,
) -> Result<StepPlan> {
    let workdir = config.workdir.as_deref();
    let search = Search { workdir, environment, made: Some(made) };
    let whose = |error: Error| error.about(|| called(&step.name.value));
    let wait = step.wait.as_ref().map(|wait| health::resolve(config, wait, &search)).transpose().map_err(whose)?;
    let Command { programs, words } = match &wait {
        Some(_) => Command::default(),
        None => search.expanded(&step.command).map_err(whose)?,
    };
    let app = App {
        programs,
        arguments: words,
        environment: environment.clone(),
        working_directory: config.workdir.clone(),
        umask: expand::umask(config, environment)?,
    };
    let exists = Exists::resolve(step.when_exists.as_ref(), step.unless_exists.as_ref(), workdir, environment)?;
    Ok(StepPlan {
        name: step.name.value.clone(),
        app,
        timeout: expand::timeout(step.timeout.as_ref(), environment)?,
        capabilities: capabilities::set(&step.capabilities)?,
        wait,
        exists,
        output: step.output.clone(),
        number,
        optional: step.optional,
    })
}
