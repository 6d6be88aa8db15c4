//! Reads values that [`super::judge`] has accepted. Every present key has the type in the key table, so nothing can
//! fail.

use std::collections::BTreeMap;
use std::time::Duration;

use toml_spanner::{Array, Item as Node, Table};

use crate::config::toml::Source;
use crate::config::{At, Condition, Expandable, Scope, values};
use crate::error::Place;

/// A value, or a table of values; an absent table has no keys.
#[derive(Clone, Copy)]
pub(super) struct Accepted<'a> {
    source: Source<'a>,
    node: Option<&'a Node<'a>>,
}

impl<'a> Accepted<'a> {
    pub(super) fn new(source: Source<'a>, table: &'a Table<'a>) -> Accepted<'a> {
        Accepted { source, node: Some(table.as_item()) }
    }

    fn with(self, node: Option<&'a Node<'a>>) -> Accepted<'a> {
        Accepted { source: self.source, node }
    }

    /// The place of the value.
    pub(super) fn place(self) -> Place {
        self.node.map_or(Place::Default, |node| self.source.place(node.span()))
    }

    /// The value as a string; empty if it is none.
    pub(super) fn text(self) -> At<String> {
        let text = self.node.and_then(Node::as_str).unwrap_or_default();
        At { value: text.to_owned(), place: self.place() }
    }

    /// The value as an integer.
    pub(super) fn number(self) -> At<i64> {
        At { value: self.node.and_then(Node::as_i64).unwrap_or_default(), place: self.place() }
    }

    fn condition(self) -> Condition {
        match self.node.and_then(Node::as_bool) {
            Some(set) => Condition::Set(set),
            None if self.node.is_some_and(|node| node.as_str().is_some()) => Condition::OneOf(vec![self.text().value]),
            None => Condition::OneOf(self.strings()),
        }
    }

    /// The value as an array of strings, each with its place.
    fn all(self) -> Vec<At<String>> {
        self.elements().iter().map(|node| self.with(Some(node)).text()).collect()
    }

    fn strings(self) -> Vec<String> {
        self.elements().iter().map(|node| node.as_str().unwrap_or_default().to_owned()).collect()
    }

    fn elements(self) -> &'a [Node<'a>] {
        self.node.and_then(Node::as_array).map_or(&[], Array::as_slice)
    }

    /// Whether it is an array.
    pub(super) fn is_array(self) -> bool {
        self.node.is_some_and(|node| node.as_array().is_some())
    }

    /// Whether it is a table.
    pub(super) fn is_table(self) -> bool {
        self.node.is_some_and(|node| node.as_table().is_some())
    }

    /// The value of a key.
    pub(super) fn get(self, key: &str) -> Option<Accepted<'a>> {
        let node = self.node.and_then(Node::as_table)?.get(key)?;
        Some(self.with(Some(node)))
    }

    /// The table of a key; an empty one if it is absent.
    pub(super) fn table(self, key: &str) -> Accepted<'a> {
        self.get(key).unwrap_or_else(|| self.with(None))
    }

    /// A string that is required.
    pub(super) fn needed(self, key: &str) -> At<String> {
        self.table(key).text()
    }

    /// A string with its place.
    pub(super) fn at(self, key: &str) -> Option<At<String>> {
        self.get(key).map(Accepted::text)
    }

    /// A string.
    pub(super) fn string(self, key: &str) -> Option<String> {
        self.at(key).map(|at| at.value)
    }

    /// A string of a form.
    pub(super) fn parsed<T>(self, key: &str, parse: fn(&str) -> Result<T, String>) -> Option<T> {
        parse(self.get(key)?.node?.as_str()?).ok()
    }

    /// A string of a form, or one that is expanded into that form.
    pub(super) fn expandable<T>(self, key: &str, parse: fn(&str) -> Result<T, String>) -> Option<Expandable<T>> {
        match self.parsed(key, parse) {
            Some(value) => Some(Expandable::Given(value)),
            None => self.at(key).map(Expandable::Text),
        }
    }

    /// A path in its plain form.
    pub(super) fn path(self, key: &str) -> At<String> {
        let At { value, place } = self.needed(key);
        At { value: values::path(&value).unwrap_or(value), place }
    }

    /// A duration.
    pub(super) fn duration(self, key: &str) -> Option<Duration> {
        self.parsed(key, values::duration)
    }

    /// `true` or `false`.
    pub(super) fn boolean(self, key: &str) -> Option<bool> {
        self.get(key)?.node?.as_bool()
    }

    /// The same, with its place.
    pub(super) fn flag(self, key: &str) -> Option<At<bool>> {
        self.boolean(key).map(|value| At { value, place: self.table(key).place() })
    }

    /// Whether it is there and `true`.
    pub(super) fn is(self, key: &str) -> bool {
        self.boolean(key) == Some(true)
    }

    /// An integer.
    pub(super) fn integer(self, key: &str) -> Option<i64> {
        self.get(key)?.node?.as_i64()
    }

    /// An array of integers.
    pub(super) fn integers(self, key: &str) -> impl Iterator<Item = i64> {
        self.table(key).elements().iter().filter_map(Node::as_i64)
    }

    /// An array of strings, each with its place.
    pub(super) fn texts(self, key: &str) -> Vec<At<String>> {
        self.table(key).all()
    }

    /// An array of strings.
    pub(super) fn names(self, key: &str) -> Vec<String> {
        self.table(key).strings()
    }

    /// A condition.
    pub(super) fn condition_of(self, key: &str) -> Option<Condition> {
        self.get(key).map(Accepted::condition)
    }

    /// The roles and conditions of an entry.
    pub(super) fn scope(self) -> Scope {
        Scope {
            roles: self.get("roles").map(Accepted::all),
            when: self.map("when", Accepted::condition),
            unless: self.map("unless", Accepted::condition),
        }
    }

    /// Variables with their values.
    pub(super) fn variables(self, key: &str) -> BTreeMap<String, At<String>> {
        self.map(key, Accepted::text)
    }

    /// A table of free names, by name.
    pub(super) fn map<T>(self, key: &str, value: fn(Accepted<'a>) -> T) -> BTreeMap<String, T> {
        let mut all = BTreeMap::new();
        for (name, value) in self.listed(key, value) {
            all.insert(name, value);
        }
        all
    }

    /// A table of free names, in the order of the file.
    pub(super) fn listed<T>(self, key: &str, value: fn(Accepted<'a>) -> T) -> Vec<(String, T)> {
        let Some(table) = self.table(key).node.and_then(Node::as_table) else { return Vec::new() };
        table.iter().map(|(name, node)| (name.name.to_owned(), value(self.with(Some(node))))).collect()
    }

    /// An array of tables.
    pub(super) fn each<T>(self, key: &str, entry: fn(Accepted<'a>) -> T) -> Vec<T> {
        self.table(key).elements().iter().map(|node| entry(self.with(Some(node)))).collect()
    }
}
