//! Decodes the configuration, a table a function. Which keys a table has is in [`super::keys`].

mod entries;
mod roles;
mod settings;

use std::collections::BTreeMap;
use std::rc::Rc;

use toml_spanner::{Arena, Table};

use super::toml::{Item, Source, items, refuse};
use super::{At, Config, Groups, Scope, keys, values};
use crate::error::{Place, Result, TextFile};
use entries::{directory, refusal, requirement, secret, step, tmpfs, volume};
use roles::{role, role_name, selection};
use settings::{boot_check, limits, seal, stop, supervise};

/// Decodes a configuration file's text.
///
/// # Errors
/// [`crate::error::Error::Config`] with file, line and column.
pub fn decode(file: &Rc<TextFile>) -> Result<Config> {
    let source = Source(file);
    let arena = Arena::new();
    let document = source.parse(&arena)?;
    let mut config = Config::default();
    for item in items(source, &keys::TOP, document.table()) {
        let item = item?;
        match item.key {
            "image" => config.image = Some(item.string()?),
            "user" => config.user = Some(item.string()?),
            "groups" => config.groups = Some(groups(&item)?),
            "home" => config.home = Some(item.parsed(home)?.value),
            "umask" => config.umask = Some(item.expandable(values::umask)?),
            "workdir" => config.workdir = Some(item.parsed(home)?.value),
            "keep_capabilities" => config.keep_capabilities = item.strings()?,
            "unset" => config.unset = item.variable_names()?,
            "role" => selection(source, item.table()?, &mut config)?,
            "tmpfs" => config.tmpfs = each(&item, |table, place| tmpfs(source, table, place))?,
            "volume" => config.volumes = each(&item, |table, place| volume(source, table, place))?,
            "directory" => config.directories = each(&item, |table, place| directory(source, table, place))?,
            "require" => config.requirements = each(&item, |table, place| requirement(source, table, place))?,
            "refuse" => config.refusals = each(&item, |table, place| refusal(source, table, place))?,
            "root_step" => config.root_steps = each(&item, |table, place| step(source, table, place, true))?,
            "step" => config.steps = each(&item, |table, place| step(source, table, place, false))?,
            "env" => config.env = item.variables()?,
            "secrets" => config.secrets = item.listed(values::name, |item| secret(source, item))?,
            "limits" => config.limits = limits(source, item.table()?)?,
            "stop" => config.stop = stop(source, &keys::STOP, item.table()?)?,
            "boot_check" => config.boot_check = boot_check(source, item.table()?)?,
            "supervise" => config.supervise = supervise(source, item.table()?)?,
            "seal" => config.seal = seal(source, &item)?,
            "roles" => config.roles = item.listed(role_name, |item| role(source, item))?,
            _ => return Err(item.unknown()),
        }
    }
    check_roles(&config)?;
    check_paths(&config)?;
    check_secrets(&config)?;
    Ok(config)
}

/// Every role that is referred to exists: a mistyped one would silently leave its entry out.
fn check_roles(config: &Config) -> Result<()> {
    let scopes = (config.tmpfs.iter().map(|entry| &entry.scope))
        .chain(config.volumes.iter().map(|entry| &entry.scope))
        .chain(config.directories.iter().map(|entry| &entry.scope))
        .chain(config.requirements.iter().map(|entry| &entry.scope))
        .chain(config.refusals.iter().map(|entry| &entry.scope))
        .chain(config.secrets.iter().map(|(_, secret)| &secret.scope))
        .chain(config.root_steps.iter().chain(&config.steps).map(|entry| &entry.scope));
    let named =
        scopes.flat_map(|scope| scope.roles.iter().flatten()).chain(&config.default_role).chain(&config.role_flags);
    let mut known = None;
    for role in named {
        let known = known.get_or_insert_with(|| config.role_names());
        if known.binary_search(&role.value.as_str()).is_err() {
            let allowed = format!("one of: {}", known.join(", "));
            return Err(refuse(role.place.clone(), format!("no role '{}' in [roles]", role.value), &allowed));
        }
    }
    Ok(())
}

/// A path is handed over by one entry: two would contradict each other. Entries for different roles may share one.
fn check_paths(config: &Config) -> Result<()> {
    let paths = (config.tmpfs.iter().map(|entry| (&entry.path, &entry.scope)))
        .chain(config.volumes.iter().map(|entry| (&entry.path, &entry.scope)));
    let mut seen: BTreeMap<&str, &Scope> = BTreeMap::new();
    for (path, scope) in paths {
        if seen.insert(&path.value, scope).is_some_and(|before| before.roles.is_none() || scope.roles.is_none()) {
            return Err(refuse(
                path.place.clone(),
                format!("path: '{}' is listed twice", path.value),
                "keep one of the entries",
            ));
        }
    }
    Ok(())
}

/// A variable has one source: a value of `[env]` or of a role would silently replace that of the file.
fn check_secrets(config: &Config) -> Result<()> {
    let check = |variables: &BTreeMap<String, At<String>>, role: Option<&str>| {
        for (name, secret) in &config.secrets {
            let set = variables.get(name).or_else(|| variables.get(&format!("{name}_FILE")));
            if let Some(value) = set.filter(|_| role.is_none() || secret.scope.has(role)) {
                return Err(refuse(
                    value.place.clone(),
                    format!("{name} is one of [secrets] too"),
                    "keep one of the two; the file of a secret is its path in [secrets]",
                ));
            }
        }
        Ok(())
    };
    check(&config.env, None)?;
    config.roles.iter().try_for_each(|(name, role)| check(&role.env, Some(name)))
}

fn each<'a, T>(item: &Item<'a>, decode: impl Fn(&'a Table<'a>, Place) -> Result<T>) -> Result<Vec<T>> {
    item.tables()?.into_iter().map(|(table, place)| decode(table, place)).collect()
}

/// The refusal of an entry that lacks a key.
fn needed<T>(value: Option<T>, entry: &str, key: &str, place: &Place) -> Result<T> {
    value.ok_or_else(|| refuse(place.clone(), format!("{entry} without {key}"), &format!("add {key} = …")))
}

/// A list of groups, or the word for the engine's.
fn groups(item: &Item<'_>) -> Result<Groups> {
    match item.text() {
        Some("engine") => Ok(Groups::Engine),
        Some(other) => Err(item.refuse(
            format!("'{other}' is neither an array nor \"engine\""),
            &format!("groups = [\"{other}\"], or groups = \"engine\" to keep those that the engine gave"),
        )),
        None => item.strings().map(Groups::Listed),
    }
}

/// A home or working directory: absolute, and the root directory is allowed.
fn home(text: &str) -> std::result::Result<String, String> {
    if text == "/" { Ok(text.to_owned()) } else { values::path(text) }
}
