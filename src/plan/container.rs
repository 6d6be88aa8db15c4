//! The container of each role: how it must be started, whatever this process was started with. Programs, secrets and
//! variables of the app need not exist.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::expand::{expand, timeout, value};
use super::role::{self, Selected};
use super::scope::Boot;
use super::stop::{self, StopPlan};
use super::supervision::{self, Forwarded};
use super::surfaces::{directory, tmpfs, volume};
use super::{TmpfsPlan, VolumePlan, capabilities, identity};
use crate::config::args::{Arguments, Format};
use crate::config::environment::Environment;
use crate::config::{Config, Health, Limits, Probe, Requirement, Scope, signals, values};
use crate::error::{Error, Place, Result, fix};
use crate::facts::accounts::Accounts;
use crate::facts::engine;
use crate::privilege::Target;
use crate::privilege::capability::Set;
use crate::text::joined;

/// One container.
#[derive(Debug)]
pub struct Container<'a> {
    /// The role variable and the role.
    pub role: Option<(&'a str, &'a str)>,
    /// The word that selects the role, where the first word of the image's command would select another one.
    pub word: Option<&'a str>,
    /// The image, if known.
    pub image: Option<String>,
    /// The app's identity.
    pub target: Target,
    /// The capabilities of the start, each with its purpose.
    pub needs: Vec<(Set, &'static str)>,
    /// The name of the first root step: with one, it must start as root.
    pub root_step: Option<&'a str>,
    /// tmpfs mount points.
    pub tmpfs: Vec<TmpfsPlan>,
    /// Volumes.
    pub volumes: Vec<VolumePlan>,
    /// Directories that the user creates, as configured, if their paths are known.
    pub directories: Vec<(&'a str, PathBuf)>,
    /// The files of secrets, each once.
    pub secrets: Vec<&'a str>,
    /// Variables that the operator must set: those that no mounted secret sets.
    pub required: Vec<&'a Requirement>,
    /// Its limits.
    pub limits: &'a Limits,
    /// The ports that the app listens on.
    pub ports: Vec<u16>,
    /// Whether systemd holds the ports and hands them to the app.
    pub activation: bool,
    /// Whether it only runs steps, and ends.
    pub ends: bool,
    /// Whether a second one must never run at the same time.
    pub at_most_one: bool,
    /// Other roles that a step waits for.
    pub waits_for: Vec<&'a str>,
    /// The role's health check.
    pub health: Option<Asked>,
    /// Whether `/init` supervises the app and notifies the manager when it is ready.
    pub supervised: bool,
    /// The time for steps and app until the app is healthy.
    pub start: Duration,
    /// The configured stop signal.
    pub stop_signal: Option<String>,
    /// From the stop signal to SIGKILL.
    pub stop: Duration,
    /// The exit code of an app that its stop signal ended, where that is not 0.
    pub stop_code: Option<u8>,
}

/// The engine's health check.
#[derive(Debug)]
pub struct Asked {
    /// The command.
    pub command: Vec<String>,
    /// The engine's timeout, longer than that of `/init`.
    pub timeout: Duration,
    /// The interval.
    pub interval: Duration,
    /// Whether Kubernetes restarts a container that fails it.
    pub liveness: bool,
}

/// The time that an engine needs to start a health check and read its result.
const MARGIN: Duration = Duration::from_secs(5);

/// The containers of a configuration. Formats of one container take the selected role; the others, where neither option
/// nor variable selects one, every role.
///
/// # Errors
/// [`Error::Role`], [`Error::Identity`], [`Error::Config`], [`Error::Unset`].
pub fn resolve<'a>(
    config: &'a Config,
    arguments: &Arguments,
    environment: &Environment,
    accounts: &Accounts,
    format: Format,
) -> Result<Vec<Container<'a>>> {
    let option = arguments.role.as_deref();
    let one = matches!(format, Format::Podman | Format::Docker);
    if one || config.roles.is_empty() || option.is_some() || environment.get(&config.role_variable).is_some() {
        let selected = role::select(config, option, environment, &[], arguments.action)?;
        return Ok(vec![container(config, arguments, selected.as_ref(), environment, accounts)?]);
    }
    let mut all = Vec::new();
    for name in config.role_names() {
        let selected = role::select(config, Some(name), environment, &[], arguments.action)?;
        all.push(container(config, arguments, selected.as_ref(), environment, accounts)?);
    }
    Ok(all)
}

fn container<'a>(
    config: &'a Config,
    arguments: &Arguments,
    selected: Option<&Selected<'a>>,
    handed: &Environment,
    accounts: &Accounts,
) -> Result<Container<'a>> {
    let environment = conditions(config, selected, handed);
    let name = selected.map(|selected| selected.name);
    let boot = Boot { role: name, environment: &environment };
    let counts = |scope: &Scope| boot.includes(scope);
    let wanted = identity::wanted(config, arguments, handed, accounts)?;
    let target = Target {
        uid: wanted.uid,
        gid: wanted.gid,
        groups: wanted.groups,
        keep: capabilities::kept(&config.keep_capabilities)?,
    };
    let tmpfs = tmpfs(config.tmpfs.iter().filter(|entry| counts(&entry.scope)), &arguments.tmpfs);
    let volumes = config.volumes.iter().filter(|entry| counts(&entry.scope));
    let volumes: Vec<_> = volumes.map(|entry| volume(entry, config, &environment)).collect::<Result<_>>()?;
    let (mut start, mut beyond) = (config.boot_check.timeout, Set::EMPTY);
    for step in config.steps.iter().chain(&config.root_steps).filter(|step| counts(&step.scope)) {
        start += timeout(step.timeout.as_ref(), &environment)?.unwrap_or(config.boot_check.timeout);
        beyond = beyond.with(capabilities::set(&step.capabilities)?);
    }
    let directories = config.directories.iter().filter(|entry| counts(&entry.scope));
    let mut secrets: Vec<&str> = Vec::new();
    // An engine refuses to start with a missing secret, so optional secrets are left to the site.
    let mounted = || config.secrets.iter().filter(|(_, secret)| !secret.optional && secret.scope.has(name));
    for (_, secret) in mounted() {
        let file = secret.path.value.as_str();
        if !secrets.contains(&file) {
            secrets.push(file);
        }
    }
    let role = selected.map(|selected| selected.role);
    let ends = role.and_then(|role| role.command.as_ref()).is_some_and(Vec::is_empty);
    let supervised = arguments.supervise || role.and_then(|role| role.supervise.as_ref()).is_some_and(|at| at.value);
    let stop = stop::resolve(config, role);
    Ok(Container {
        role: name.map(|name| (config.role_variable.as_str(), name)),
        word: name.filter(|_| config.role_argument && role.is_some_and(|role| role.command.is_some())),
        image: image(config, arguments, handed)?,
        needs: capabilities::needs(!tmpfs.is_empty() || !volumes.is_empty(), beyond, target.keep),
        root_step: config.root_steps.iter().find(|step| counts(&step.scope)).map(|step| step.name.value.as_str()),
        target,
        tmpfs,
        volumes,
        directories: directories
            .filter_map(|entry| Some((entry.path.value.as_str(), directory(entry, &environment).ok()?.0)))
            .collect(),
        secrets,
        required: config
            .requirements
            .iter()
            .filter(|entry| counts(&entry.scope) && mounted().all(|(variable, _)| *variable != entry.env))
            .collect(),
        limits: &config.limits,
        ends,
        health: role
            .filter(|_| !ends)
            .and_then(|role| role.health.as_ref())
            .map(|health| asked(health, arguments, &environment))
            .transpose()?,
        ports: role.map(|role| role.ports.clone()).unwrap_or_default(),
        activation: role.is_some_and(|role| role.activation),
        at_most_one: role.is_some_and(|role| role.at_most_one),
        waits_for: waits_for(config, boot),
        supervised,
        start,
        stop_signal: stop.configured.map(signals::name),
        stop_code: stop_code(config, stop, supervised)?,
        stop: stop.grace,
    })
}

/// The other roles whose names are hosts that a step waits for.
fn waits_for<'a>(config: &'a Config, boot: Boot<'_>) -> Vec<&'a str> {
    let mut hosts: Vec<Vec<u8>> = Vec::new();
    for step in config.steps.iter().filter(|step| boot.includes(&step.scope)) {
        let (Probe::Tcp(address) | Probe::Http { url: address, unix: None, .. }) = (match &step.wait {
            Some(wait) => &wait.probe,
            None => continue,
        }) else {
            continue;
        };
        let address = expand(address, boot.environment).unwrap_or_default();
        let address = address.strip_prefix(b"http://").unwrap_or(&address);
        hosts.extend(address.split(|byte| b":/".contains(byte)).next().map(<[u8]>::to_vec));
    }
    let others = config.role_names().into_iter().filter(|name| boot.role != Some(*name));
    others.filter(|name| hosts.iter().any(|host| host == name.as_bytes())).collect()
}

/// The environment for `when` and `unless`. Values with references to unset variables are left out.
fn conditions(config: &Config, selected: Option<&Selected<'_>>, handed: &Environment) -> Environment {
    let mut environment = handed.clone();
    let none = BTreeMap::new();
    for values in [&config.env, selected.map_or(&none, |selected| &selected.role.env)] {
        let before = environment.clone();
        for (name, value) in values {
            if let Ok(value) = expand(value, &before) {
                // A value with a NUL is refused at the start.
                let _ = environment.set(name, &value);
            }
        }
    }
    environment
}

/// The exit code of an app that is ended by the stop signal, as the engine sees it; none if that is 0. Without
/// supervision some runtimes exit with it themselves (a Java virtual machine with 143).
fn stop_code(config: &Config, stop: StopPlan, supervised: bool) -> Result<Option<u8>> {
    let code = |signal: i32| u8::try_from(128 + signal).unwrap_or(u8::MAX);
    if !supervised {
        return Ok(Some(code(stop.signal())));
    }
    let how = supervision::resolve(config, stop, None)?;
    let Forwarded::As(signal) = how.forwarded(stop.signal()) else { return Ok(None) };
    let ended = code(signal);
    let seen = how.exit_codes.iter().find(|(from, _)| *from == ended).map_or(ended, |(_, to)| *to);
    Ok((seen != 0).then_some(seen))
}

/// The image of `--image`, or the configured one, or the one in Podman's `/run/.containerenv`.
fn image(config: &Config, arguments: &Arguments, environment: &Environment) -> Result<Option<String>> {
    if let Some(name) = &arguments.image {
        return if is_image(name) {
            Ok(Some(name.clone()))
        } else {
            Err(Error::CommandLine { what: format!("--image {name}: not the name of an image") })
        };
    }
    let refuse = |what: &str| {
        let place = config.image.as_ref().map_or(Place::Default, |at| at.place.clone());
        Error::Config { place, what: format!("image: {what}"), allowed: fix::mistake::IMAGE.into() }
    };
    let Some(configured) = &config.image else {
        return Ok(engine::image().filter(|name| is_image(name)));
    };
    let name = String::from_utf8(expand(configured, environment)?).map_err(|_| refuse("not UTF-8"))?;
    if is_image(&name) { Ok(Some(name)) } else { Err(refuse(&format!("'{name}' is not the name of an image"))) }
}

fn is_image(name: &str) -> bool {
    let first = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    first && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./:@+".contains(&byte))
}

fn asked(health: &Health, arguments: &Arguments, environment: &Environment) -> Result<Asked> {
    let timeout = value(&health.timeout, values::duration, environment)? + MARGIN;
    Ok(Asked { command: health_command(arguments), timeout, interval: timeout * 2, liveness: health.liveness })
}

/// The health check runs in its own process, which needs the same options as the one that boots.
fn health_command(arguments: &Arguments) -> Vec<String> {
    let mut command = vec!["/init".to_owned()];
    for (option, value) in [("--config=", &arguments.config), ("--user=", &arguments.user)] {
        command.extend(value.iter().map(|value| joined(&[option, value], "")));
    }
    command.push("--health".into());
    command
}
