//! Configuration and facts to [`Plan`]: everything that will be done, decided before anything is done.
//!
//! It reads (accounts, the files of `PATH`) and changes nothing. Whatever can be refused is refused here, while the
//! container is still as the engine made it.

mod capabilities;
pub mod container;
mod environment;
pub mod expand;
pub mod flags;
pub mod health;
pub mod identity;
mod print;
mod role;
mod secrets;
mod steps;
mod supervision;

use std::ffi::{CString, OsString};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;

use crate::config::args::{Action, Arguments};
use crate::config::environment::Environment;
use crate::config::{At, Config, Scope, Tmpfs, Volume};
use crate::error::{Error, Place, Result, io_errno};
use crate::exec::App;
use crate::facts::accounts::Accounts;
use crate::facts::programs;
use crate::privilege::capability::{self, Set};
use crate::privilege::{Held, Target};
pub use print::{json, text};
pub use steps::StepPlan;
pub use supervision::Supervision;

/// Everything that will be done.
#[derive(Debug)]
pub struct Plan {
    /// The role and what selected it.
    pub role: Option<(String, String)>,
    /// Whether there is root to give up.
    pub as_root: bool,
    /// Who the app will be.
    pub target: Target,
    /// Whether the image's accounts decided that.
    pub by_name: bool,
    /// The work that needs root, and what the user must find done otherwise.
    pub surfaces: Surfaces,
    /// What runs before the app.
    pub steps: Steps,
    /// What becomes of the process.
    pub app: App,
    /// The selected role's health check.
    pub health: Option<health::HealthPlan>,
    /// How the process stays with the app; none where it becomes the app.
    pub supervision: Option<Supervision>,
    /// The names of the secrets in the app's environment: their values are printed nowhere.
    pub secrets: Vec<String>,
    /// The capabilities that the start needs, each with its purpose.
    pub needs: Vec<(Set, &'static str)>,
}

/// The places that the app writes to.
#[derive(Debug)]
pub struct Surfaces {
    /// tmpfs mount points: path, mode, size for the flag.
    pub tmpfs: Vec<TmpfsPlan>,
    /// Volumes.
    pub volumes: Vec<VolumePlan>,
    /// Directories that the user makes.
    pub directories: Vec<(PathBuf, u32)>,
}

/// What runs to its end before the app.
#[derive(Debug)]
pub struct Steps {
    /// Before the drop.
    pub as_root: Vec<StepPlan>,
    /// After it.
    pub as_user: Vec<StepPlan>,
}

impl Steps {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.as_root.is_empty() && self.as_user.is_empty()
    }

    /// Gives every step without a timeout this one: a check must end.
    pub fn end_within(&mut self, timeout: Duration) {
        for step in self.as_root.iter_mut().chain(&mut self.as_user) {
            step.timeout.get_or_insert(timeout);
        }
    }
}

/// One tmpfs mount point.
#[derive(Debug)]
pub struct TmpfsPlan {
    /// Its path.
    pub path: String,
    /// Its mode afterwards.
    pub mode: u32,
    /// Its size, if configured.
    pub size: Option<String>,
}

/// One volume.
#[derive(Debug)]
pub struct VolumePlan {
    /// Its path.
    pub path: String,
    /// Whether to walk it when its top is wrong.
    pub recursive: bool,
    /// Whether other roles have it too.
    pub shared: bool,
}

/// Resolves everything.
///
/// # Errors
/// All of exit codes 78, 126 and 127; see [`Error`].
pub fn resolve(
    config: &Config,
    arguments: &Arguments,
    handed: Environment,
    accounts: &Accounts,
    held: &Held,
) -> Result<Plan> {
    let as_root = held.uid.effective == 0;
    let selected = role::select(config, arguments.role.as_deref(), &handed, !arguments.command.is_empty())?;
    let (target, by_name) = target(config, arguments, accounts, held)?;
    let login = accounts.user_with(target.uid);
    let role_env = selected.as_ref().map(|selected| &selected.role.env);
    let mut environment = environment::compose(handed, config, role_env, &target, login, accounts)?;
    secrets::resolve(config, &mut environment, &target, as_root)?;
    let environment = environment;
    let role_name = selected.as_ref().map(|selected| selected.name);
    let counts = |scope: &Scope| counts(scope, role_name, &environment);

    // A health check reaches no app: the container that it is asked in was started already.
    if !as_root
        && arguments.action != Action::Health
        && let Some(step) = config.root_steps.iter().find(|step| counts(&step.scope))
    {
        return Err(Error::RootStepsWithoutRoot { uid: held.uid.effective, step: step.name.value.clone() });
    }
    for requirement in config.requirements.iter().filter(|requirement| counts(&requirement.scope)) {
        if environment.get(&requirement.env).is_none_or(<[u8]>::is_empty) {
            return Err(Error::Required { name: requirement.env.clone(), hint: requirement.hint.clone() });
        }
    }
    let surfaces = Surfaces {
        tmpfs: tmpfs(config.tmpfs.iter().filter(|entry| counts(&entry.scope)), &arguments.tmpfs),
        volumes: config
            .volumes
            .iter()
            .filter(|entry| counts(&entry.scope))
            .map(|entry| volume(entry, config))
            .collect(),
        directories: config
            .directories
            .iter()
            .filter(|entry| counts(&entry.scope))
            .map(|entry| directory(entry, &environment))
            .collect::<Result<_>>()?,
    };
    let steps = Steps {
        as_root: steps::as_root(
            config,
            config.root_steps.iter().filter(|step| counts(&step.scope)),
            &environment,
            &target,
        )?,
        as_user: steps::as_user(config, config.steps.iter().filter(|step| counts(&step.scope)), &environment)?,
    };
    let stays = arguments.supervise
        || selected.as_ref().and_then(|selected| selected.role.supervise.as_ref()).is_some_and(|at| at.value);
    let role_health = selected.as_ref().and_then(|selected| selected.role.health.as_ref());
    let health = role_health.map(|health| health::resolve(config, health, &environment)).transpose()?;
    let supervision = supervision::resolve(config, health.clone())?;
    let working_directory = config.workdir.clone();
    let made_later = !surfaces.directories.is_empty() || !steps.is_empty();
    if let Some(directory) = working_directory.as_deref().filter(|_| !made_later) {
        refuse_missing(directory)?;
    }
    // Whether the app could be started is no question of a health check: it was.
    let asked = (arguments.action != Action::Health).then(|| words(config, selected.as_ref(), arguments, &environment));
    let (words, programs) = match asked {
        None => (Vec::new(), Vec::new()),
        // The engine's CMD is not among the words of a plan that is only printed.
        Some(Err(Error::NoCommand { .. })) if arguments.action == Action::Plan => (Vec::new(), Vec::new()),
        Some(Err(error)) => return Err(error),
        Some(Ok(words)) => {
            let below = working_directory.as_deref().unwrap_or(".");
            let name = words.first().map_or(&b""[..], |word| word.to_bytes());
            let programs = programs::find(name, environment.get("PATH"), Path::new(below))?;
            (words, programs)
        }
    };
    Ok(Plan {
        role: selected.map(|selected| (selected.name.to_owned(), selected.by)),
        as_root,
        secrets: config.secrets.keys().cloned().collect(),
        needs: if as_root {
            let mounts = !surfaces.tmpfs.is_empty() || !surfaces.volumes.is_empty();
            needs(mounts, steps.as_root.iter().fold(Set::EMPTY, |all, step| all.with(step.capabilities)), target.keep)
        } else {
            kept(target.keep)
        },
        target,
        by_name,
        surfaces,
        steps,
        app: App { programs, arguments: words, environment, working_directory, umask: config.umask },
        health,
        supervision: stays.then_some(supervision),
    })
}

impl Plan {
    /// Refuses a start that lacks what the plan needs, before anything is changed.
    ///
    /// # Errors
    /// [`Error::CapabilityMissing`] with the flags that add them.
    pub fn preflight(&self, held: &Held) -> Result<()> {
        // What is kept must also be inheritable by a user's process, so it must be permitted and in the bounding set.
        let there = |need: Set| {
            held.permitted.contains(need) && (!self.target.keep.contains(need) || held.bounding.contains(need))
        };
        let missing: Vec<(String, &str)> = self
            .needs
            .iter()
            .filter(|(need, _)| !there(*need))
            .map(|(need, purpose)| (need.to_string(), *purpose))
            .collect();
        if missing.is_empty() { Ok(()) } else { Err(capability::missing(&missing)) }
    }
}

/// The user that is configured: the ids, and whether names had to be looked up for them.
fn wanted(config: &Config, arguments: &Arguments, accounts: &Accounts) -> Result<identity::Identity> {
    let given = match (&arguments.user, &config.user) {
        (Some(user), _) => At { value: user.clone(), place: Place::Option("--user") },
        (None, Some(user)) => user.clone(),
        (None, None) => At { value: identity::DEFAULT_USER.into(), place: Place::Default },
    };
    identity::resolve(&given, config.groups.as_deref(), accounts)
}

fn target(config: &Config, arguments: &Arguments, accounts: &Accounts, held: &Held) -> Result<(Target, bool)> {
    let keep = capabilities::kept(&config.keep_capabilities)?;
    // A start as non-root checks the configuration just the same: it must not fail only where root starts it.
    let wanted = wanted(config, arguments, accounts)?;
    if held.uid.effective == 0 {
        return Ok((Target { uid: wanted.uid, gid: wanted.gid, groups: wanted.groups, keep }, wanted.by_name));
    }
    let mut groups = held.groups.clone();
    groups.sort_unstable();
    Ok((Target { uid: held.uid.effective, gid: held.gid.effective, groups, keep }, false))
}

/// Whether an entry counts in this boot.
fn counts(scope: &Scope, role: Option<&str>, environment: &Environment) -> bool {
    let equal = |(name, value): (&String, &String)| environment.get(name) == Some(value.as_bytes());
    scope.roles.as_ref().is_none_or(|roles| roles.iter().any(|listed| Some(listed.value.as_str()) == role))
        && scope.when.iter().all(equal)
        && !scope.unless.iter().any(equal)
}

/// The configured tmpfs mount points, then those of the command line; an option overrides an entry for the same path.
fn tmpfs<'a>(configured: impl Iterator<Item = &'a Tmpfs>, options: &[(String, u32)]) -> Vec<TmpfsPlan> {
    let mut all: Vec<TmpfsPlan> = configured
        .map(|entry| TmpfsPlan { path: entry.path.value.clone(), mode: entry.mode, size: entry.size.clone() })
        .collect();
    for (path, mode) in options {
        match all.iter_mut().find(|entry| entry.path == *path) {
            Some(entry) => entry.mode = *mode,
            None => all.push(TmpfsPlan { path: path.clone(), mode: *mode, size: None }),
        }
    }
    all
}

fn volume(entry: &Volume, config: &Config) -> VolumePlan {
    let roles = entry.scope.roles.as_ref().map_or(config.roles.len(), Vec::len);
    VolumePlan { path: entry.path.value.clone(), recursive: entry.recursive, shared: roles > 1 }
}

fn directory(entry: &crate::config::Directory, environment: &Environment) -> Result<(PathBuf, u32)> {
    let path = expand::expand(&entry.path, environment)?;
    // Judged as text, made as the bytes that the app will look for: what is not UTF-8 is no slash, no dot and no NUL.
    crate::config::values::path(&String::from_utf8_lossy(&path)).map_err(|what| Error::Config {
        place: entry.path.place.clone(),
        what: format!("path: {what}"),
        allowed: "let it expand to an absolute path".into(),
    })?;
    Ok((PathBuf::from(OsString::from_vec(path)), entry.mode))
}

/// Refuses a working directory that is not there. What root may not look into, the user will see.
fn refuse_missing(directory: &str) -> Result<()> {
    match std::fs::metadata(directory).map_err(|error| io_errno(&error)) {
        Ok(facts) if !facts.is_dir() => {
            Err(Error::WorkingDirectory { path: directory.to_owned(), errno: Errno::ENOTDIR })
        }
        Err(errno @ (Errno::ENOENT | Errno::ENOTDIR)) => {
            Err(Error::WorkingDirectory { path: directory.to_owned(), errno })
        }
        _ => Ok(()),
    }
}

/// The command line of the app: the one given, or the role's.
fn words(
    config: &Config,
    selected: Option<&role::Selected<'_>>,
    arguments: &Arguments,
    environment: &Environment,
) -> Result<Vec<CString>> {
    if !arguments.command.is_empty() {
        return Ok(arguments.command.clone());
    }
    let give = "give the command after the image's name (or as CMD)";
    let no_command = |what: String, how: String| Err(Error::NoCommand { what, known: how });
    let Some(selected) = selected else {
        return no_command(
            "none is given and the configuration has no roles".into(),
            format!("{give}, or declare roles in /etc/init.toml"),
        );
    };
    let Some(command) = &selected.role.command else {
        return no_command(
            format!("none is given and the role '{}' has none", selected.name),
            format!("{give}, or add command to the role; roles: {}", role::known(config)),
        );
    };
    expand_words(command, environment)
}

fn expand_words(words: &[At<String>], environment: &Environment) -> Result<Vec<CString>> {
    words.iter().map(|word| c_string(expand::expand(word, environment)?, &word.place)).collect()
}

fn c_string(bytes: Vec<u8>, place: &Place) -> Result<CString> {
    CString::new(bytes).map_err(|_| Error::Config {
        place: place.clone(),
        what: "a NUL in a word".into(),
        allowed: "leave it out".into(),
    })
}

/// What a start as root needs, and why.
fn needs(mounts: bool, root_steps: Set, keep: Set) -> Vec<(Set, &'static str)> {
    let mut needs = Vec::new();
    if mounts {
        needs.push((Set::CHOWN, "to hand over mount points"));
    }
    needs.push((Set::SETUID, "to become the user"));
    needs.push((Set::SETGID, "to become the group"));
    needs.push((Set::SETPCAP, "to empty the bounding set and lock the securebits"));
    let listed = needs.iter().fold(Set::EMPTY, |all, (one, _)| all.with(*one));
    needs.extend(root_steps.without(listed).each().map(|one| (one, "for a root step")));
    needs.extend(kept(keep));
    needs
}

fn kept(keep: Set) -> Vec<(Set, &'static str)> {
    keep.each().map(|one| (one, "to keep it")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn a_directory_is_made_under_the_bytes_that_the_app_looks_for() {
        let at = |value: &str| At { value: value.to_owned(), place: Place::Default };
        let made = |text| {
            directory(
                &crate::config::Directory { path: at(text), mode: 0o700, scope: Scope::default() },
                &environment(),
            )
        };
        assert_eq!(made("${CACHE}/a").expect("a path").0.as_os_str().as_bytes(), b"/tmp/\xff\xfe/a");
        assert_eq!(made("${CACHE}/").expect("a path").0, made("${CACHE}").expect("a path").0);
        for text in ["${CACHE}/..", "${CACHE}//a", "a${CACHE}", "${ROOT}"] {
            assert!(matches!(made(text), Err(Error::Config { .. })), "{text}");
        }
    }

    fn environment() -> Environment {
        Environment::new(vec![c"CACHE=/tmp/\xff\xfe", c"ROOT=/"])
    }
}
