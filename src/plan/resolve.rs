//! Resolves the plan, one part after the other.

use std::collections::BTreeMap;

use rustix::process::getpid;

use super::command::{self, Command, Search};
use super::identity::Resolved;
use super::role::{self, Selected};
use super::scope::Boot;
use super::{
    Plan, StartedAs, StepPlan, Steps, capabilities, environment, expand, health, identity, root_steps, seal, secrets,
    steps, stop, supervision, surfaces,
};
use crate::config::args::{Action, Arguments};
use crate::config::environment::Environment;
use crate::config::{At, Config, Refusal, Scope, Step};
use crate::error::{Error, Result};
use crate::exec::App;
use crate::facts::accounts::Accounts;
use crate::facts::id_maps::IdMaps;
use crate::facts::processes;
use crate::privilege::capability::Set;
use crate::privilege::{self, Held, Target};
use crate::text::joined;
use crate::trust::Trust;

/// The inputs of a plan.
#[derive(Clone, Copy, Debug)]
pub struct Given<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// The command line.
    pub arguments: &'a Arguments,
    /// The environment that the engine set.
    pub environment: &'a Environment,
    /// The accounts of the image.
    pub accounts: &'a Accounts,
    /// The privilege that the process was started with.
    pub held: &'a Held,
    /// The ids that exist in the user namespace.
    pub ids: &'a IdMaps,
}

/// Resolves everything.
///
/// # Errors
/// All of exit codes 78, 126 and 127; see [`Error`].
pub fn resolve(given: &Given<'_>) -> Result<Plan> {
    let mut left = Vec::new();
    let mut plan = resolve_all(given, &mut left);
    if let Err(error) = &mut plan {
        let is_output = |name: &str| given.config.steps.iter().any(|step| step.output.as_deref() == Some(name));
        error.explain(&mut left, |name| given.config.env.contains_key(name), is_output);
    }
    plan
}

/// Resolves everything; `left` gets the secrets that are left out.
fn resolve_all(given: &Given<'_>, left: &mut Vec<String>) -> Result<Plan> {
    let Given { config, arguments, accounts, held, .. } = *given;
    let started_as = StartedAs::of(held);
    let Resolved { target, dropped } = identity::target(given)?;
    let running = running_role(given, started_as, &target)?;
    let option = arguments.role.as_deref().or(running.as_deref());
    let selected = role::select(config, option, given.environment, &arguments.command, arguments.action)?;
    let login = accounts.user_with(target.uid);
    let role_env = selected.as_ref().map(|selected| &selected.role.env);
    let name = selected.as_ref().map(|selected| selected.name);
    let mut environment = given.environment.clone();
    environment::keep_judged(&mut environment, config);
    environment::follow_user(&mut environment, config, &target, login, accounts)?;
    let by_word = selected.as_ref().is_some_and(|selected| selected.taken.is_some());
    if let Some(name) = name.filter(|_| option.is_some() || by_word) {
        // The app and its health check must not read another role there.
        environment::set(&mut environment, &config.role_variable, name)?;
    }
    let trust = Trust::new(started_as == StartedAs::Root);
    let reader = secrets::Reader { started_as, trust: &trust, target: &target, held };
    let secrets = secrets::resolve(config, name, &mut environment, &reader, left)?;
    environment::force(&mut environment, config, role_env)?;
    let environment = environment;
    let boot = Boot { role: name, environment: &environment };
    secrets.not_for_root.refuse(config, role_env, &boot)?;

    refuse_impossible(given, &boot)?;
    let surfaces = surfaces::resolve(config, &arguments.tmpfs, &boot, &environment)?;
    let beside = arguments.action.is_beside();
    let counts = |step: &&Step| !beside && boot.includes(&step.scope);
    let as_root = root_steps::resolve(config.root_steps.iter().filter(counts), &environment, &trust)?;
    let as_user = steps::as_user(config, &boot, if beside { config.steps.len() } else { 0 }, &surfaces);
    let made_later = !surfaces.directories.is_empty()
        || !surfaces.files.is_empty()
        || !as_root.is_empty()
        || !matches!(&as_user, Ok((steps, _)) if steps.is_empty());
    if let Some(directory) = &config.workdir {
        // Before an error of a step, since its relative program is searched below it.
        command::refuse_directory(directory, made_later)?;
    }
    let (as_user, later) = as_user?;
    let steps = Steps { as_root, as_user };
    let role_health = selected.as_ref().and_then(|selected| selected.role.health.as_ref());
    let made = made_later.then_some(&surfaces);
    let search = Search { workdir: config.workdir.as_deref(), environment: &environment, made };
    let health = role_health.map(|health| health::resolve(config, health, &search)).transpose();
    let health = health.map_err(|error| error.about(|| "health check".into()))?;
    // The app can read the environment of a program that runs as its user.
    let health = health.map(|health| health.without(&config.unset));
    let stop = stop::resolve(config, selected.as_ref().map(|selected| selected.role));
    let supervision = supervision::resolve(config, stop, health.clone())?;
    let seal = seal::resolve(&config.seal, &environment)?;
    let search = Search { environment: later.as_ref().unwrap_or(&environment), ..search };
    let Command { programs, words } = command(given, selected.as_ref(), &search)?;
    let (forced, held_back) = match arguments.action {
        Action::Plan => (forced(config, role_env), held_back(config, &boot, &steps, std::mem::take(left))),
        _ => Default::default(),
    };
    Ok(Plan {
        forced,
        held_back,
        notes: notes(&dropped, held, secrets.notes),
        stop,
        needs: needs(started_as, !arguments.action.is_beside() && surfaces.are_handed_over(), &steps, &target),
        supervision: stays(arguments, selected.as_ref()).then_some(supervision),
        role: selected.map(|selected| (selected.name.to_owned(), selected.by)),
        started_as,
        target,
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

/// Resolves the rest of the boot again, after a step has printed its output or was skipped: the steps, which it
/// returns, and the app.
///
/// # Errors
/// As [`resolve`].
pub fn resolve_after(
    given: &Given<'_>,
    plan: &mut Plan,
    step: &StepPlan,
    output: Option<&[u8]>,
) -> Result<Vec<StepPlan>> {
    let Given { config, arguments, .. } = *given;
    let mut environment = step.app.environment.clone();
    if let (Some(name), Some(output)) = (&step.output, output) {
        // False only for a NUL, which no output has.
        let _ = environment.set(name, output);
    }
    let role =
        role::select(config, arguments.role.as_deref(), given.environment, &arguments.command, arguments.action)?;
    let boot = Boot { role: role.as_ref().map(|role| role.name), environment: &environment };
    let (steps, later) = steps::as_user(config, &boot, step.number + 1, &plan.surfaces)?;
    let search = Search {
        workdir: config.workdir.as_deref(),
        environment: later.as_ref().unwrap_or(&environment),
        made: Some(&plan.surfaces),
    };
    let command = command(given, role.as_ref(), &search)?;
    (plan.app.programs, plan.app.arguments) = (command.programs, command.words);
    plan.app.environment = without(environment, &config.unset);
    Ok(steps)
}

/// The role that PID 1 runs, where this process goes beside it. Only the user's own rights show what an app has there.
fn running_role(given: &Given<'_>, started_as: StartedAs, target: &Target) -> Result<Option<String>> {
    let Given { config, arguments, held, .. } = *given;
    if !arguments.action.is_beside() || arguments.role.is_some() || config.roles.is_empty() || getpid().is_init() {
        return Ok(None);
    }
    let read = || processes::first_process(&config.role_variable);
    let first = match started_as {
        StartedAs::Root => privilege::with_rights_of(target, held, read)?,
        StartedAs::User => read(),
    };
    Ok(role::of_first(config, first))
}

/// Refuses a boot that lacks something configured.
fn refuse_impossible(given: &Given<'_>, boot: &Boot<'_>) -> Result<()> {
    let Given { config, arguments, held, .. } = *given;
    // A process beside the app does not boot the container.
    if StartedAs::of(held) == StartedAs::User
        && !arguments.action.is_beside()
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

/// The variables of `[env]` and of the role for the printed plan: as configured, since a reference may be to a
/// password.
fn forced(config: &Config, role: Option<&BTreeMap<String, At<String>>>) -> Vec<String> {
    let others = config.env.iter().filter(|(name, _)| !role.is_some_and(|role| role.contains_key(*name)));
    let all = others.chain(role.into_iter().flatten());
    all.map(|(name, value)| format!("{name}={}", value.value)).collect()
}

/// The entries that are not part of this boot, each with the reason.
fn held_back(config: &Config, boot: &Boot<'_>, steps: &Steps, mut all: Vec<String>) -> Vec<String> {
    let mut add = |kind: &str, name: &str, scope: &Scope| {
        if let Some(why) = boot.why_not(scope) {
            all.push(format!("{kind} \"{name}\": {why}"));
        }
    };
    config.tmpfs.iter().for_each(|entry| add("tmpfs", &entry.path.value, &entry.scope));
    config.volumes.iter().for_each(|entry| add("volume", &entry.path.value, &entry.scope));
    config.directories.iter().for_each(|entry| add("directory", &entry.path.value, &entry.scope));
    config.files.iter().for_each(|entry| add("file", &entry.path.value, &entry.scope));
    config.requirements.iter().for_each(|entry| add("require", &entry.env, &entry.scope));
    config.refusals.iter().for_each(|entry| add("refuse", &entry.env, &entry.scope));
    config.root_steps.iter().for_each(|entry| add("root step", &entry.name.value, &entry.scope));
    for (number, entry) in config.steps.iter().enumerate() {
        // A step whose condition reads an earlier output is decided again when the output is known.
        if !steps.as_user.iter().any(|step| step.number == number) {
            add("step", &entry.name.value, &entry.scope);
        }
    }
    all
}

/// The app's environment: that of the steps without `unset`.
fn without(mut environment: Environment, unset: &[String]) -> Environment {
    unset.iter().for_each(|name| environment.remove(name));
    environment
}

/// Notes for the operator.
fn notes(dropped: &[u32], held: &Held, mut notes: Vec<String>) -> Vec<String> {
    if let Some(lines) = held.lacks() {
        notes.push(format!(
            "no {lines} in /proc/self/status, as on gVisor: prctl and attempts prove the drop, and securebits that the \
             kernel does not have are not locked"
        ));
    }
    if !dropped.is_empty() {
        let list = joined(&dropped.iter().map(u32::to_string).collect::<Vec<_>>(), ", ");
        notes.push(format!("the app does not get the engine's groups {list}; groups = \"engine\" keeps them"));
    }
    notes
}

fn stays(arguments: &Arguments, selected: Option<&Selected<'_>>) -> bool {
    let supervise = selected.and_then(|selected| selected.role.supervise.as_ref());
    arguments.supervise || supervise.is_some_and(|at| at.value)
}

/// The app's command line. A health check needs none, since the app runs already, and neither does a printed plan,
/// since the engine's CMD is not among its words.
fn command(given: &Given<'_>, selected: Option<&Selected<'_>>, search: &Search<'_>) -> Result<Command> {
    let Given { config, arguments, .. } = *given;
    if arguments.action == Action::Health {
        return Ok(Command::default());
    }
    match command::words(config, selected, arguments, search.environment) {
        Err(Error::NoCommand { .. }) if arguments.action == Action::Plan => Ok(Command::default()),
        // Only the steps run.
        Ok(words) if words.is_empty() => Ok(Command::default()),
        words => search.command(words?).map_err(|error| command::names_role(error, config, arguments)),
    }
}

fn needs(started_as: StartedAs, mounts: bool, steps: &Steps, target: &Target) -> Vec<(Set, &'static str)> {
    if started_as == StartedAs::User {
        return capabilities::kept_needs(target.keep);
    }
    let root_steps = steps.as_root.iter().fold(Set::EMPTY, |all, step| all.with(step.capabilities));
    capabilities::needs(mounts, root_steps, target.keep)
}
