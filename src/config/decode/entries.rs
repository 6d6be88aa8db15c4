//! The entries of arrays of tables: surfaces, required variables, steps.

use std::collections::BTreeMap;

use toml_spanner::Table;

use super::needed;
use super::roles::health;
use crate::config::toml::{Item, Source, items, refuse};
use crate::config::{Condition, Directory, Refusal, Requirement, Scope, Secret, Step, Tmpfs, Volume, keys, values};
use crate::error::{Place, Result};

/// Takes `roles`, `when` and `unless`, which every entry has; says whether the key was one of them.
fn scoped(item: &Item<'_>, scope: &mut Scope) -> Result<bool> {
    match item.key {
        "roles" => scope.roles = Some(item.strings()?),
        "when" => scope.when = item.named(values::name, Item::condition)?,
        "unless" => scope.unless = item.named(values::name, Item::condition)?,
        _ => return Ok(false),
    }
    Ok(true)
}

pub(super) fn tmpfs<'a>(source: Source<'a>, table: &'a Table<'a>, place: Place) -> Result<Tmpfs> {
    let (mut path, mut mode, mut size, mut recursive, mut scope) = (None, 0o755, None, false, Scope::default());
    for item in items(source, &keys::TMPFS, table) {
        let item = item?;
        match item.key {
            "path" => path = Some(item.mount_path()?),
            "mode" => mode = item.parsed(values::mode)?.value,
            "size" => size = Some(item.parsed(values::size)?.value),
            "recursive" => recursive = item.boolean()?.value,
            _ if scoped(&item, &mut scope)? => {}
            _ => return Err(item.unknown()),
        }
    }
    Ok(Tmpfs { path: needed(path, "[[tmpfs]]", "path", &place)?, mode, size, recursive, scope })
}

pub(super) fn volume<'a>(source: Source<'a>, table: &'a Table<'a>, place: Place) -> Result<Volume> {
    let (mut path, mut recursive, mut always, mut scope) = (None, false, false, Scope::default());
    for item in items(source, &keys::VOLUME, table) {
        let item = item?;
        match item.key {
            "path" => path = Some(item.expandable_path()?),
            "recursive" => {
                always = item.text() == Some("always");
                recursive = always || item.boolean_or("true, false or \"always\"")?;
            }
            _ if scoped(&item, &mut scope)? => {}
            _ => return Err(item.unknown()),
        }
    }
    Ok(Volume { path: needed(path, "[[volume]]", "path", &place)?, recursive, always, scope })
}

pub(super) fn directory<'a>(source: Source<'a>, table: &'a Table<'a>, place: Place) -> Result<Directory> {
    let (mut path, mut mode, mut scope) = (None, 0o755, Scope::default());
    for item in items(source, &keys::DIRECTORY, table) {
        let item = item?;
        match item.key {
            "path" => path = Some(item.string()?),
            "mode" => mode = item.parsed(values::mode)?.value,
            _ if scoped(&item, &mut scope)? => {}
            _ => return Err(item.unknown()),
        }
    }
    Ok(Directory { path: needed(path, "[[directory]]", "path", &place)?, mode, scope })
}

pub(super) fn requirement<'a>(source: Source<'a>, table: &'a Table<'a>, place: Place) -> Result<Requirement> {
    let (mut env, mut hint, mut scope) = (None, None, Scope::default());
    for item in items(source, &keys::REQUIRE, table) {
        let item = item?;
        match item.key {
            "env" => env = Some(item.parsed(values::name)?.value),
            "hint" => hint = Some(item.string()?.value),
            _ if scoped(&item, &mut scope)? => {}
            _ => return Err(item.unknown()),
        }
    }
    Ok(Requirement { env: needed(env, "[[require]]", "env", &place)?, hint, scope })
}

pub(super) fn refusal<'a>(source: Source<'a>, table: &'a Table<'a>, place: Place) -> Result<Refusal> {
    let (mut env, mut value, mut hint, mut scope) = (None, Condition::Set(true), None, Scope::default());
    for item in items(source, &keys::REFUSE, table) {
        let item = item?;
        match item.key {
            "env" => env = Some(item.parsed(values::name)?.value),
            "value" => value = item.condition()?,
            "hint" => hint = Some(item.string()?.value),
            _ if scoped(&item, &mut scope)? => {}
            _ => return Err(item.unknown()),
        }
    }
    Ok(Refusal { env: needed(env, "[[refuse]]", "env", &place)?, value, hint, scope })
}

/// A secret: the path of its file, or a table with it.
pub(super) fn secret<'a>(source: Source<'a>, secret: &Item<'a>) -> Result<Secret> {
    let (mut path, mut optional, mut scope) = (None, false, Scope::default());
    if !secret.is_table() {
        return Ok(Secret { path: secret.string()?, optional, scope });
    }
    for item in items(source, &keys::SECRET, secret.table()?) {
        let item = item?;
        match item.key {
            "path" => path = Some(item.string()?),
            "optional" => optional = item.boolean()?.value,
            "roles" => scope.roles = Some(item.strings()?),
            _ => return Err(item.unknown()),
        }
    }
    Ok(Secret { path: needed(path, secret.key, "path", &secret.place())?, optional, scope })
}

pub(super) fn step<'a>(source: Source<'a>, table: &'a Table<'a>, place: Place, root: bool) -> Result<Step> {
    let keys = if root { &keys::ROOT_STEP } else { &keys::STEP };
    let entry = keys.name;
    let (mut name, mut command, mut capabilities, mut timeout, mut scope) =
        (None, None, Vec::new(), None, Scope::default());
    let mut env = BTreeMap::new();
    let (mut wait, mut optional, mut when_exists, mut unless_exists) = (None, false, None, None);
    for item in items(source, keys, table) {
        let item = item?;
        match item.key {
            "name" => name = Some(item.string()?),
            "command" => command = Some(item.command()?),
            "capabilities" if root => capabilities = item.strings()?,
            "env" if root => env = item.variables()?,
            "timeout" => timeout = Some(item.expandable(values::duration)?),
            "wait" => wait = Some(Box::new(health(source, &keys::WAIT, &item)?)),
            "optional" => optional = item.boolean()?.value,
            "when_exists" => when_exists = Some(item.string()?),
            "unless_exists" => unless_exists = Some(item.string()?),
            _ if scoped(&item, &mut scope)? => {}
            _ => return Err(item.unknown()),
        }
    }
    if wait.is_some() && command.is_some() {
        return Err(refuse(place, format!("{entry} with wait and a command"), "one of command and wait"));
    }
    let command = match wait {
        Some(_) => Vec::new(),
        None => needed(command, entry, "command", &place)?,
    };
    let name = needed(name, entry, "name", &place)?;
    Ok(Step { name, command, wait, optional, when_exists, unless_exists, capabilities, env, timeout, scope })
}
