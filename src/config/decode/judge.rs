//! Checks a configuration against the key table, in the order of the file: its keys, their values, and the
//! requirements between keys of a table. [`super::accepted`] reads what is accepted here.

use toml_spanner::{Key, Table};

use crate::config::keys::{self, Form, Kind};
use crate::config::toml::{Item, Source, refuse};
use crate::config::{signals, values};
use crate::error::{Error, Result, fix};

/// Checks a document.
///
/// # Errors
/// [`Error::Config`]: the first mistake in the order of the file.
pub(super) fn document<'a>(source: Source<'a>, entries: &'a Table<'a>) -> Result<()> {
    each_key(source, &keys::TOP, entries)
}

/// Every key of a table with its value.
fn each_key<'a>(source: Source<'a>, keys: &'static keys::Table, entries: &'a Table<'a>) -> Result<()> {
    for (Key { name, span }, node) in entries {
        let rule = keys.get(name);
        let item =
            Item { source, keys, key: name, key_at: *span, node, expands: rule.is_some_and(|rule| rule.expands) };
        match rule {
            Some(rule) => value(&item, &rule.kind)?,
            None => return Err(item.unknown()),
        }
    }
    Ok(())
}

/// A value of a kind.
fn value(item: &Item<'_>, kind: &'static Kind) -> Result<()> {
    match *kind {
        Kind::Text => item.text().map(drop),
        Kind::Form(of) => form(item, of),
        Kind::Boolean => item.boolean(),
        Kind::Integer(least, most) => item.integer(least, most).map(drop),
        Kind::Integers(least, most) => integers(item, least, most),
        Kind::Texts => texts(item),
        Kind::Forms(of) => {
            texts(item)?;
            item.array("an array of strings")?.iter().try_for_each(|node| form(&Item { node, ..*item }, of))
        }
        Kind::Command | Kind::CommandOrNone => command(item, matches!(kind, Kind::Command)),
        Kind::Map(names, of) => map(item, names, of),
        Kind::Table(keys) => table(item, keys),
        Kind::Tables(keys) => {
            let all = item.array("an array of tables ([[…]])")?;
            all.iter().try_for_each(|node| Item { node, ..*item }.table().map(drop))?;
            all.iter().try_for_each(|node| table(&Item { node, ..*item }, keys))
        }
        Kind::Either(kinds, what) => match kinds.iter().find(|kind| item.is(kind)) {
            Some(kind) => value(item, kind),
            None => Err(neither(item, what)),
        },
        Kind::Word(_) => Ok(()),
    }
}

/// A string of a form, or one that is expanded into that form.
fn form(item: &Item<'_>, form: Form) -> Result<()> {
    if form == Form::Path {
        item.refuse_mount_options()?;
    }
    let text = item.text()?;
    if item.expands && text.contains('$') {
        return Ok(());
    }
    let allowed = if form == Form::StopSignal { fix::mistake::SIGNAL } else { fix::mistake::FORM };
    in_form(form, text).map_err(|what| item.refuse(what, allowed))
}

/// Whether a text has a form; if not, what is wrong.
fn in_form(form: Form, text: &str) -> std::result::Result<(), String> {
    match form {
        Form::Any => Ok(()),
        Form::Path => values::path(text).map(drop),
        Form::Directory => values::directory(text).map(drop),
        Form::Mode => values::mode(text).map(drop),
        Form::DirectoryMode => values::directory_mode(text).map(drop),
        Form::Umask => values::umask(text).map(drop),
        Form::Duration => values::duration(text).map(drop),
        Form::Size => values::size(text).map(drop),
        Form::Variable => values::variable(text).map(drop),
        Form::Name => values::name(text).map(drop),
        Form::Role => values::role(text),
        Form::ExitCode => values::exit_code(text),
        Form::StopSignal => signals::stop(text).map(drop),
    }
}

/// An array of strings.
fn texts(item: &Item<'_>) -> Result<()> {
    item.array("an array of strings")?.iter().try_for_each(|node| Item { node, ..*item }.text().map(drop))
}

/// An array of different integers within bounds, not empty.
fn integers(item: &Item<'_>, least: i64, most: i64) -> Result<()> {
    let mut seen = Vec::new();
    for node in item.array("an array of integers")? {
        let one = Item { node, ..*item };
        let number = one.integer(least, most)?;
        if seen.contains(&number) {
            return Err(one.refuse(format!("{number} is listed twice"), fix::mistake::NUMBER_TWICE));
        }
        seen.push(number);
    }
    if seen.is_empty() { Err(item.refuse("an empty array".into(), fix::mistake::NEVER)) } else { Ok(()) }
}

/// An array of strings, the first not empty.
fn command(item: &Item<'_>, needed: bool) -> Result<()> {
    texts(item)?;
    match item.array("an array of strings")?.get(0).map(|first| first.as_str()) {
        None if !needed => Ok(()),
        None | Some(Some("")) => Err(item.refuse("an empty command".into(), fix::mistake::NO_COMMAND)),
        Some(_) => Ok(()),
    }
}

/// A table of free names of a form.
fn map(item: &Item<'_>, names: Form, kind: &'static Kind) -> Result<()> {
    for (Key { name, span }, node) in item.table()? {
        in_form(names, name)
            .map_err(|what| refuse(item.source.place(*span), format!("{}: {what}", item.key), fix::mistake::FORM))?;
        value(&Item { key: name, key_at: *span, node, ..*item }, kind)?;
    }
    Ok(())
}

/// A table of known keys.
fn table(item: &Item<'_>, keys: &'static keys::Table) -> Result<()> {
    let entries = item.table()?;
    each_key(item.source, keys, entries)?;
    let given = |key: &str| entries.contains_key(key);
    let chosen = keys.one_of.iter().filter(|key| given(key)).count();
    if !keys.one_of.is_empty() && chosen != 1 {
        return Err(not_one(item, keys, chosen));
    }
    together(item, keys, entries)?;
    match keys.all().find(|key| key.required && !given(key.name)) {
        Some(key) => Err(lacks(item, keys, key.name)),
        None => Ok(()),
    }
}

/// The refusal of a table without a key that it needs.
fn lacks(item: &Item<'_>, keys: &keys::Table, key: &str) -> Error {
    let table = if keys.name.starts_with('[') { keys.name } else { item.key };
    refuse(item.place(), format!("{table} without {key}"), &fix::mistake::lacks(key))
}

/// The refusal of a table with none or several of the keys of which it needs exactly one.
fn not_one(item: &Item<'_>, keys: &keys::Table, chosen: usize) -> Error {
    if keys.name != keys::STEP.name {
        return item.refuse("not exactly one check".into(), fix::mistake::NOT_ONE_CHECK);
    }
    match chosen {
        0 => lacks(item, keys, "command"),
        _ => refuse(item.place(), format!("{} with wait and a command", keys.name), fix::mistake::COMMAND_AND_WAIT),
    }
}

/// Keys that go only with another one.
fn together<'a>(item: &Item<'a>, keys: &keys::Table, entries: &'a Table<'a>) -> Result<()> {
    if keys.name == keys::SEAL.name {
        let listed = entries.get("also").and_then(|also| also.as_array()).is_some_and(|also| !also.is_empty());
        let writes = entries.get("writes").and_then(|writes| writes.as_bool());
        return match listed && writes != Some(true) {
            true => Err(item.refuse("also without writes = true".into(), fix::mistake::NOT_SEALED)),
            false => Ok(()),
        };
    }
    let given = |key: &str| entries.contains_key(key);
    match keys.with.iter().find(|(key, other)| given(key) && !given(other)) {
        None => Ok(()),
        Some((key, _)) if keys.name == keys::A_ROLE.name || keys.name == keys::STEP.name => {
            let place = entries.get(key).map_or_else(|| item.place(), |node| item.source.place(node.span()));
            let (what, allowed) = match *key {
                "output" => ("a step that waits", fix::mistake::OUTPUT_OF_WAIT),
                _ => ("a role without ports", fix::mistake::NO_PORTS),
            };
            Err(refuse(place, format!("{key}: {what}"), allowed))
        }
        Some(_) => Err(item.refuse("a key that its check does not have".into(), fix::mistake::KEY_OF_OTHER_CHECK)),
    }
}

/// The refusal of a value of a type that its key does not accept.
fn neither(item: &Item<'_>, what: &str) -> Error {
    match item.node.as_str() {
        Some(other) if item.key == "groups" => {
            item.refuse(format!("'{other}' is neither an array nor \"engine\""), &fix::mistake::groups(other))
        }
        _ => item.expected(what),
    }
}
