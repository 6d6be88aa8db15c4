//! The user's steps that count in this boot, resolved: programs found, words expanded.

use std::time::Duration;

use super::capabilities;
use super::command::Command;
use super::expand;
use crate::config::environment::Environment;
use crate::config::{Config, Step};
use crate::error::Result;
use crate::exec::App;
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

/// Resolves the user's steps.
///
/// # Errors
/// All of exit codes 78, 126 and 127.
pub(super) fn as_user<'a>(
    config: &Config,
    steps: impl Iterator<Item = &'a Step>,
    environment: &Environment,
) -> Result<Vec<StepPlan>> {
    steps.map(|step| resolve(config, step, environment)).collect()
}

fn resolve(config: &Config, step: &Step, environment: &Environment) -> Result<StepPlan> {
    let Command { programs, words } = Command::of(&step.command, config.workdir.as_deref(), environment)?;
    let app = App {
        programs,
        arguments: words,
        environment: environment.clone(),
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
