//! The tables of a configuration, for tests that read whole files.

use toml::{Table, Value};

/// The entries of an array of tables.
pub(crate) fn tables<'a>(document: &'a Table, key: &str) -> impl Iterator<Item = &'a Table> {
    document.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_table)
}

/// The roles with their names.
pub(crate) fn roles(document: &Table) -> impl Iterator<Item = (&String, &Table)> {
    let roles = document.get("roles").and_then(Value::as_table);
    roles.into_iter().flatten().filter_map(|(name, role)| Some((name, role.as_table()?)))
}
