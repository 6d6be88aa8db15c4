//! The entries of arrays of tables: surfaces, required variables, steps.

use super::accepted::Accepted;
use super::roles::health;
use crate::config::{Condition, Directory, Refusal, Requirement, Secret, Step, Template, Tmpfs, Volume, values};

pub(super) fn tmpfs(entry: Accepted<'_>) -> Tmpfs {
    Tmpfs {
        path: entry.path("path"),
        mode: entry.parsed("mode", values::mode).unwrap_or(0o755),
        size: entry.string("size"),
        recursive: entry.is("recursive"),
        scope: entry.scope(),
    }
}

pub(super) fn volume(entry: Accepted<'_>) -> Volume {
    let text = entry.needed("path");
    let path = if text.value.contains('$') { text } else { entry.path("path") };
    let always = entry.string("recursive").is_some_and(|word| word == "always");
    Volume { path, recursive: always || entry.is("recursive"), always, scope: entry.scope() }
}

pub(super) fn directory(entry: Accepted<'_>) -> Directory {
    Directory {
        path: entry.needed("path"),
        mode: entry.parsed("mode", values::mode).unwrap_or(0o755),
        scope: entry.scope(),
    }
}

pub(super) fn file(entry: Accepted<'_>) -> Template {
    Template {
        path: entry.needed("path"),
        template: entry.needed("template"),
        variables: entry.texts("variables"),
        when_exists: entry.at("when_exists"),
        unless_exists: entry.at("unless_exists"),
        mode: entry.parsed("mode", values::mode).unwrap_or(0o644),
        scope: entry.scope(),
    }
}

pub(super) fn requirement(entry: Accepted<'_>) -> Requirement {
    Requirement { env: entry.needed("env").value, hint: entry.string("hint"), scope: entry.scope() }
}

pub(super) fn refusal(entry: Accepted<'_>) -> Refusal {
    Refusal {
        env: entry.needed("env").value,
        value: entry.condition_of("value").unwrap_or(Condition::Set(true)),
        hint: entry.string("hint"),
        scope: entry.scope(),
    }
}

/// A secret: the path of its file, or a table with it.
pub(super) fn secret(secret: Accepted<'_>) -> Secret {
    let path = if secret.is_table() { secret.needed("path") } else { secret.text() };
    Secret { path, optional: secret.is("optional"), scope: secret.scope() }
}

pub(super) fn step(entry: Accepted<'_>) -> Step {
    Step {
        name: entry.needed("name"),
        command: entry.texts("command"),
        wait: entry.get("wait").map(|wait| Box::new(health(wait))),
        output: entry.string("output"),
        optional: entry.is("optional"),
        when_exists: entry.at("when_exists"),
        unless_exists: entry.at("unless_exists"),
        capabilities: entry.texts("capabilities"),
        env: entry.variables("env"),
        timeout: entry.expandable("timeout", values::duration),
        scope: entry.scope(),
    }
}
