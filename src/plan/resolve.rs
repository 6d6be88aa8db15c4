//! The resolution itself: one part of the plan after the other.

use super::command::{self, Command};
use super::identity::Resolved;
use super::role::{self, Selected};
use super::scope::Boot;
use super::{
    Plan, StartedAs, Steps, Surfaces, capabilities, environment, expand, health, identity, root_steps, seal, secrets,
    steps, stop, supervision, surfaces,
};
use crate::config::args::{Action, Arguments};
use crate::config::environment::Environment;
use crate::config::{Config, Refusal};
use crate::error::{Error, Result};
use crate::exec::App;
use crate::facts::accounts::Accounts;
use crate::facts::id_maps::IdMaps;
use crate::privilege::capability::Set;
use crate::privilege::{Held, Target};
use crate::trust::Trust;

/// What a plan is made of.
#[derive(Clone, Copy, Debug)]
pub struct Given<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// The command line.
    pub arguments: &'a Arguments,
    /// The environment that the engine handed over.
    pub environment: &'a Environment,
    /// The accounts of the image.
    pub accounts: &'a Accounts,
    /// What the process was started with.
    pub held: &'a Held,
    /// The ids that exist in the user namespace.
    pub ids: &'a IdMaps,
}

/// Resolves everything.
///
/// # Errors
/// All of exit codes 78, 126 and 127; see [`Error`].
pub fn resolve(given: &Given<'_>) -> Result<Plan> {
    let Given { config, arguments, accounts, held, .. } = *given;
    let started_as = StartedAs::of(held);
    let option = arguments.role.as_deref();
    let selected = role::select(config, option, given.environment, &arguments.command)?;
    let Resolved { target, dropped } = identity::target(given)?;
    let login = accounts.user_with(target.uid);
    let role_env = selected.as_ref().map(|selected| &selected.role.env);
    let mut handed = given.environment.clone();
    if let Some(selected) = selected.as_ref().filter(|selected| selected.taken.is_some()) {
        // So that what is run beside the app finds the role that a word selected.
        let _ = handed.set(&config.role_variable, selected.name.as_bytes());
    }
    let mut environment = environment::compose(handed, config, role_env, &target, login, accounts)?;
    let trust = Trust::new(started_as == StartedAs::Root);
    let reader = secrets::Reader { started_as, trust: &trust, target: &target, held };
    secrets::resolve(config, &mut environment, &reader)?;
    let environment = environment;
    let boot = Boot { role: selected.as_ref().map(|selected| selected.name), environment: &environment };

    refuse_impossible(given, &boot)?;
    let surfaces = surfaces::resolve(config, &arguments.tmpfs, &boot, &environment)?;
    let steps = Steps {
        as_root: root_steps::resolve(
            config.root_steps.iter().filter(|step| boot.includes(&step.scope)),
            &environment,
            &trust,
        )?,
        as_user: steps::as_user(config, config.steps.iter().filter(|step| boot.includes(&step.scope)), &environment)?,
    };
    let role_health = selected.as_ref().and_then(|selected| selected.role.health.as_ref());
    let health = role_health.map(|health| health::resolve(config, health, &environment)).transpose()?;
    let stop = stop::resolve(config, selected.as_ref().map(|selected| selected.role));
    let supervision = supervision::resolve(config, stop, health.clone())?;
    let seal = seal::resolve(&config.seal, &environment)?;
    let Command { programs, words } = command(given, selected.as_ref(), &surfaces, &steps, &environment)?;
    Ok(Plan {
        secrets: config.secrets.keys().cloned().collect(),
        stop,
        needs: needs(started_as, &surfaces, &steps, &target),
        supervision: stays(arguments, selected.as_ref()).then_some(supervision),
        role: selected.map(|selected| (selected.name.to_owned(), selected.by)),
        started_as,
        target,
        notes: notes(&dropped),
        surfaces,
        steps,
        app: App {
            programs,
            arguments: words,
            umask: expand::umask(config, &environment)?,
            environment: without(environment, &config.unset),
            working_directory: config.workdir.clone(),
        },
        health,
        seal,
    })
}

/// Refuses a boot that could not become what the configuration says.
fn refuse_impossible(given: &Given<'_>, boot: &Boot<'_>) -> Result<()> {
    let Given { config, arguments, held, .. } = *given;
    // A health check does not boot: the container that it is asked in was started already.
    if StartedAs::of(held) == StartedAs::User
        && arguments.action != Action::Health
        && let Some(step) = config.root_steps.iter().find(|step| boot.includes(&step.scope))
    {
        return Err(Error::RootStepsWithoutRoot { uid: held.uid.effective, step: step.name.value.clone() });
    }
    for requirement in config.requirements.iter().filter(|requirement| boot.includes(&requirement.scope)) {
        if boot.environment.get(&requirement.env).is_none_or(<[u8]>::is_empty) {
            return Err(Error::Required { name: requirement.env.clone(), hint: requirement.hint.clone() });
        }
    }
    let refused = |entry: &&Refusal| boot.includes(&entry.scope) && entry.value.holds(boot.environment.get(&entry.env));
    match config.refusals.iter().find(refused) {
        None => Ok(()),
        Some(Refusal { env, value, hint, .. }) => {
            Err(Error::Refused { name: env.clone(), is: value.to_string(), hint: hint.clone() })
        }
    }
}

/// The app's part of the environment that the steps have.
fn without(mut environment: Environment, unset: &[String]) -> Environment {
    unset.iter().for_each(|name| environment.remove(name));
    environment
}

/// What an operator should know before anything runs.
fn notes(dropped: &[u32]) -> Vec<String> {
    let mut notes = Vec::new();
    if !dropped.is_empty() {
        let list = dropped.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
        notes.push(format!("the app does not get the engine's groups {list}; groups = \"engine\" keeps them"));
    }
    notes
}

fn stays(arguments: &Arguments, selected: Option<&Selected<'_>>) -> bool {
    let supervise = selected.and_then(|selected| selected.role.supervise.as_ref());
    arguments.supervise || supervise.is_some_and(|at| at.value)
}

/// The app's command line. A health check needs none, since the app runs already, and neither does a printed plan, since
/// the engine's CMD is not among its words.
fn command(
    given: &Given<'_>,
    selected: Option<&Selected<'_>>,
    surfaces: &Surfaces,
    steps: &Steps,
    environment: &Environment,
) -> Result<Command> {
    let Given { config, arguments, .. } = *given;
    let workdir = config.workdir.as_deref();
    let made_later = !surfaces.directories.is_empty() || !steps.is_empty();
    if let Some(directory) = workdir.filter(|_| !made_later) {
        command::refuse_missing_directory(directory)?;
    }
    if arguments.action == Action::Health {
        return Ok(Command::default());
    }
    match command::words(config, selected, arguments, environment) {
        Err(Error::NoCommand { .. }) if arguments.action == Action::Plan => Ok(Command::default()),
        // Only the steps run.
        Ok(words) if words.is_empty() => Ok(Command::default()),
        words => {
            Command::find(words?, workdir, environment).map_err(|error| command::names_role(error, config, arguments))
        }
    }
}

fn needs(started_as: StartedAs, surfaces: &Surfaces, steps: &Steps, target: &Target) -> Vec<(Set, &'static str)> {
    if started_as == StartedAs::User {
        return capabilities::kept_needs(target.keep);
    }
    let mounts = !surfaces.tmpfs.is_empty() || !surfaces.volumes.is_empty();
    let root_steps = steps.as_root.iter().fold(Set::EMPTY, |all, step| all.with(step.capabilities));
    capabilities::needs(mounts, root_steps, target.keep)
}
