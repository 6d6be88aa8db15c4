//! Decodes the configuration: [`judge`] checks it against the key table and refuses every mistake; then one function
//! for each table reads the values.

mod accepted;
mod entries;
mod judge;
mod roles;
mod settings;

use std::collections::BTreeMap;
use std::rc::Rc;

use toml_spanner::Arena;

use super::toml::{Source, refuse};
use super::{At, Config, Groups, Scope, values};
use crate::error::{Result, TextFile, fix};
use crate::text::joined;
use accepted::Accepted;
use entries::{directory, file, refusal, requirement, secret, step, tmpfs, volume};
use roles::role;
use settings::{boot_check, limits, seal, stop, supervise};

/// Decodes a configuration file's text.
///
/// # Errors
/// [`crate::error::Error::Config`] with file, line and column.
pub fn decode(file: &Rc<TextFile>) -> Result<Config> {
    let source = Source(file);
    let arena = Arena::new();
    let document = source.parse(&arena)?;
    judge::document(source, document.table())?;
    let config = read(Accepted::new(source, document.table()));
    check_roles(&config)?;
    check_paths(&config)?;
    check_secrets(&config)?;
    Ok(config)
}

fn read(top: Accepted<'_>) -> Config {
    let role_of = top.table("role");
    Config {
        image: top.at("image"),
        user: top.at("user"),
        groups: top.get("groups").map(|groups| match groups.is_array() {
            true => Groups::Listed(top.texts("groups")),
            false => Groups::Engine,
        }),
        home: top.parsed("home", values::directory),
        umask: top.expandable("umask", values::umask),
        workdir: top.parsed("workdir", values::directory),
        keep_capabilities: top.texts("keep_capabilities"),
        unset: top.names("unset"),
        role_variable: role_of.string("env").unwrap_or_else(|| "ROLE".into()),
        role_argument: role_of.is("argument"),
        role_flags: role_of.at("flags"),
        default_role: role_of.at("default"),
        tmpfs: top.each("tmpfs", tmpfs),
        volumes: top.each("volume", volume),
        directories: top.each("directory", directory),
        files: top.each("file", file),
        requirements: top.each("require", requirement),
        refusals: top.each("refuse", refusal),
        root_steps: top.each("root_step", step),
        steps: top.each("step", step),
        env: top.variables("env"),
        secrets: top.listed("secrets", secret),
        limits: limits(top.table("limits")),
        stop: stop(top.table("stop")),
        boot_check: boot_check(top.table("boot_check")),
        supervise: supervise(top.table("supervise")),
        seal: seal(top.table("seal")),
        roles: top.listed("roles", role),
    }
}

/// Refuses references to unknown roles: an entry for a mistyped role would be skipped silently.
fn check_roles(config: &Config) -> Result<()> {
    let scopes = config.scopes();
    let named = scopes
        .into_iter()
        .flat_map(|scope| scope.roles.iter().flatten())
        .chain(&config.default_role)
        .chain(&config.role_flags);
    let mut known = None;
    for role in named {
        let known = known.get_or_insert_with(|| config.role_names());
        if known.binary_search(&role.value.as_str()).is_err() {
            let allowed = fix::mistake::no_such_role(&role.value, &joined(known, ", "));
            return Err(refuse(role.place.clone(), format!("no role '{}' in [roles]", role.value), &allowed));
        }
    }
    Ok(())
}

/// Refuses two entries for one path, unless they are for different roles.
fn check_paths(config: &Config) -> Result<()> {
    let paths = (config.tmpfs.iter().map(|entry| (&entry.path, &entry.scope)))
        .chain(config.volumes.iter().map(|entry| (&entry.path, &entry.scope)));
    let mut seen: BTreeMap<&str, &Scope> = BTreeMap::new();
    for (path, scope) in paths {
        if seen.insert(&path.value, scope).is_some_and(|before| before.roles.is_none() || scope.roles.is_none()) {
            return Err(refuse(
                path.place.clone(),
                format!("path: '{}' is listed twice", path.value),
                fix::mistake::PATH_TWICE,
            ));
        }
    }
    Ok(())
}

/// Refuses a variable that is set by `[env]` or a role and also by `[secrets]`: one would silently replace the other.
fn check_secrets(config: &Config) -> Result<()> {
    let check = |variables: &BTreeMap<String, At<String>>, role: Option<&str>| {
        for (name, secret) in &config.secrets {
            let set = variables.get(name).or_else(|| variables.get(&format!("{name}_FILE")));
            if let Some(value) = set.filter(|_| role.is_none() || secret.scope.has(role)) {
                return Err(refuse(
                    value.place.clone(),
                    format!("{name} is one of [secrets] too"),
                    fix::mistake::VARIABLE_TWICE,
                ));
            }
        }
        Ok(())
    };
    check(&config.env, None)?;
    config.roles.iter().try_for_each(|(name, role)| check(&role.env, Some(name)))
}
