//! TOML values to Rust ones, with line and column in every refusal.
//!
//! Only the parser of the library is used: it keeps positions, and a derived decoder would say less. What is written first
//! is refused first.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use toml_spanner::{Arena, Array, Document, Item as Node, Key, Span, Table, Value};

use super::keys::{Form, Kind, Table as Keys};
use super::{At, Condition, Expandable, mistakes, values};
use crate::error::{Error, Place, Result, TextFile};

/// The file that positions are in.
#[derive(Clone, Copy)]
pub(super) struct Source<'a>(pub(super) &'a Rc<TextFile>);

impl<'a> Source<'a> {
    /// Where it begins.
    pub(super) fn place(self, span: Span) -> Place {
        Place::File { file: Rc::clone(self.0), offset: span.range().start }
    }

    /// Parses the text as a whole.
    pub(super) fn parse(self, arena: &'a Arena) -> Result<Document<'a>> {
        toml_spanner::parse(&self.0.text, arena).map_err(|error| Error::Config {
            place: self.place(error.span()),
            what: format!("not TOML: {}", error.message(&self.0.text)),
            allowed: mistakes::in_syntax(&self.0.text, error.span().range().start),
        })
    }
}

/// One key of a table with its value.
pub(super) struct Item<'a> {
    source: Source<'a>,
    /// The keys of the table it stands in.
    keys: &'static Keys,
    pub(super) key: &'a str,
    key_at: Span,
    value: &'a Node<'a>,
    /// Whether `${` may be in it.
    expands: bool,
}

/// The keys of a table, in the order of the file; a refusal for one that the table does not have.
pub(super) fn items<'a>(
    source: Source<'a>,
    keys: &'static Keys,
    entries: &'a Table<'a>,
) -> impl Iterator<Item = Result<Item<'a>>> {
    entries.iter().map(move |(Key { name, span }, value)| {
        let rule = keys.get(name);
        let expands = rule.is_some_and(|rule| rule.expands);
        let item = Item { source, keys, key: name, key_at: *span, value, expands };
        if rule.is_some() { Ok(item) } else { Err(item.unknown()) }
    })
}

impl<'a> Item<'a> {
    pub(super) fn place(&self) -> Place {
        self.source.place(self.value.span())
    }

    /// The refusal of a key that the table does not have.
    pub(super) fn unknown(&self) -> Error {
        let table =
            if self.keys.name.is_empty() { "at the top level".to_owned() } else { format!("in {}", self.keys.name) };
        let renamed = mistakes::RENAMED.iter().find(|(table, key, _)| (*table, *key) == (self.keys.name, self.key));
        let renamed = renamed.map(|(_, _, instead)| *instead);
        let is_table = match self.value.value() {
            Value::Array(array) => array.iter().any(|item| matches!(item.value(), Value::Table(_))),
            value => matches!(value, Value::Table(_)),
        };
        Error::Config {
            place: self.source.place(self.key_at),
            what: format!("unknown key '{}' {table}", self.key),
            allowed: renamed.map_or_else(|| mistakes::in_key(self.key, is_table, self.keys), str::to_owned),
        }
    }

    /// The refusal of this value.
    pub(super) fn refuse(&self, what: String, allowed: &str) -> Error {
        refuse(self.place(), format!("{}: {what}", self.key), allowed)
    }

    fn expected(&self, what: &str, value: &Node<'_>) -> Error {
        let (article, kind) = match value.value() {
            Value::String(_) => ("a", "string"),
            Value::Integer(_) => ("an", "integer"),
            Value::Float(_) => ("a", "float"),
            Value::Boolean(_) => ("a", "boolean"),
            Value::DateTime(_) => ("a", "date or time"),
            Value::Array(_) => ("an", "array"),
            Value::Table(_) => ("a", "table"),
        };
        let written = self.source.0.text.get(value.span().range()).unwrap_or_default();
        let fix = match value.value() {
            Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::DateTime(_) if what == "a string" => {
                let kind = self.keys.get(self.key).map(|key| key.kind);
                format!("write it in quotes: \"{}\"", mistakes::quoted(written, kind))
            }
            Value::String(text)
                if what == "an integer" && text.bytes().all(|byte| byte.is_ascii_digit())
                    || what.starts_with("true") && matches!(*text, "true" | "false") =>
            {
                format!("write it without quotes: {text}")
            }
            Value::Array(array)
                if what == "a table" && array.iter().all(|item| matches!(item.value(), Value::Table(_))) =>
            {
                format!("write it once, in single brackets: [{}]", self.header())
            }
            Value::Table(_) if what.starts_with("an array of tables") => {
                format!("write it in double brackets: [[{}]]", self.key)
            }
            Value::String(text) if what == "an array of strings" => {
                let words: Vec<String> = text.split_ascii_whitespace().map(|word| format!("\"{word}\"")).collect();
                format!("write an array, each word its own string: [{}]", words.join(", "))
            }
            _ => format!("write {what}"),
        };
        let place = self.source.place(value.span());
        refuse(place, format!("{}: {article} {kind} where {what} belongs", self.key), &fix)
    }

    /// The name of the table that this key holds.
    fn header(&self) -> String {
        match self.keys.get(self.key) {
            Some(key) if matches!(key.kind, Kind::Map(Form::Role, _)) => "roles.NAME".to_owned(),
            Some(_) => self.key.to_owned(),
            None => format!("roles.{}", self.key),
        }
    }

    /// The text, if it is a string.
    pub(super) fn text(&self) -> Option<&'a str> {
        match self.value.value() {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// Whether it is a table.
    pub(super) fn is_table(&self) -> bool {
        matches!(self.value.value(), Value::Table(_))
    }

    /// A string.
    pub(super) fn string(&self) -> Result<At<String>> {
        self.string_of(self.value)
    }

    fn string_of(&self, value: &Node<'_>) -> Result<At<String>> {
        let Value::String(text) = value.value() else {
            return Err(self.expected("a string", value));
        };
        let place = self.source.place(value.span());
        if text.contains('\0') {
            return Err(refuse(
                place,
                format!("{}: a NUL in a string", self.key),
                "leave it out: neither paths nor arguments can hold one",
            ));
        }
        if !self.expands && text.contains("${") {
            return Err(refuse(
                place,
                format!("{}: ${{…}} is not expanded here", self.key),
                "write the value itself: it must be known before the environment is",
            ));
        }
        Ok(At { value: (*text).to_owned(), place })
    }

    /// Refuses a path with the options of a mount behind it: they are keys of their own.
    fn refuse_mount_options(&self) -> Result<()> {
        match self.text().and_then(|path| Some((path, mistakes::mount_options(path)?))) {
            Some((path, fix)) => Err(self.refuse(format!("'{path}' is a path with mount options"), &fix)),
            None => Ok(()),
        }
    }

    /// The path of a mount point.
    pub(super) fn mount_path(&self) -> Result<At<String>> {
        self.refuse_mount_options()?;
        self.parsed(values::path)
    }

    /// A string of a small language of its own.
    pub(super) fn parsed<T>(&self, parse: impl Fn(&str) -> std::result::Result<T, String>) -> Result<At<T>> {
        let At { value, place } = self.string()?;
        match parse(&value) {
            Ok(value) => Ok(At { value, place }),
            Err(what) => Err(refuse(place, format!("{}: {what}", self.key), "write it in that form")),
        }
    }

    /// The same, or one that is expanded into that form.
    pub(super) fn expandable<T>(
        &self,
        parse: impl Fn(&str) -> std::result::Result<T, String>,
    ) -> Result<Expandable<T>> {
        let text = self.string()?;
        if text.value.contains('$') {
            return Ok(Expandable::Text(text));
        }
        self.parsed(parse).map(|at| Expandable::Given(at.value))
    }

    pub(super) fn duration(&self) -> Result<Duration> {
        self.parsed(values::duration).map(|at| at.value)
    }

    /// `true` or `false`.
    pub(super) fn boolean(&self) -> Result<At<bool>> {
        Ok(At { value: self.boolean_or("true or false")?, place: self.place() })
    }

    /// The same, where the key takes something else as well: a refusal names both.
    pub(super) fn boolean_or(&self, what: &str) -> Result<bool> {
        match self.value.value() {
            Value::Boolean(value) => Ok(*value),
            _ => Err(self.expected(what, self.value)),
        }
    }

    /// An integer within bounds.
    pub(super) fn integer(&self, least: i64, most: i64) -> Result<At<i64>> {
        self.integer_of(self.value, least, most)
    }

    fn integer_of(&self, value: &Node<'_>, least: i64, most: i64) -> Result<At<i64>> {
        let Value::Integer(number) = value.value() else {
            return Err(self.expected("an integer", value));
        };
        let place = self.source.place(value.span());
        match number.as_i64() {
            Some(value) if (least..=most).contains(&value) => Ok(At { value, place }),
            _ => Err(refuse(
                place,
                format!("{}: {} is out of range", self.key, number.as_i128()),
                &format!("an integer from {least} to {most}"),
            )),
        }
    }

    /// An array of different integers within bounds.
    pub(super) fn integers(&self, least: i64, most: i64) -> Result<Vec<i64>> {
        let mut all = Vec::new();
        for value in self.array("an array of integers")?.iter() {
            let At { value, place } = self.integer_of(value, least, most)?;
            if all.contains(&value) {
                return Err(refuse(place, format!("{}: {value} is listed twice", self.key), "list it once"));
            }
            all.push(value);
        }
        if all.is_empty() { Err(self.refuse("an empty array".into(), "leave it out")) } else { Ok(all) }
    }

    /// An array of strings.
    pub(super) fn strings(&self) -> Result<Vec<At<String>>> {
        let array = self.array("an array of strings")?;
        // Collected, it would have room for more words than most commands have.
        let mut all = Vec::with_capacity(array.len());
        for value in array.iter() {
            all.push(self.string_of(value)?);
        }
        Ok(all)
    }

    /// A condition on a variable: a value, one of several, `true` or `false`.
    pub(super) fn condition(&self) -> Result<Condition> {
        match self.value.value() {
            Value::Boolean(set) => Ok(Condition::Set(*set)),
            Value::Array(_) => Ok(Condition::OneOf(self.strings()?.into_iter().map(|at| at.value).collect())),
            Value::String(_) => Ok(Condition::OneOf(vec![self.string()?.value])),
            _ => Err(self.expected("a string, an array of strings, true or false", self.value)),
        }
    }

    /// The names of variables.
    pub(super) fn variable_names(&self) -> Result<Vec<String>> {
        let judged = self.strings()?.into_iter().map(|At { value, place }| {
            values::name(&value).map_err(|what| refuse(place, format!("{}: {what}", self.key), "write it in that form"))
        });
        judged.collect()
    }

    /// An absolute path, or one that is expanded into one.
    pub(super) fn expandable_path(&self) -> Result<At<String>> {
        self.refuse_mount_options()?;
        let text = self.string()?;
        if text.value.contains('$') { Ok(text) } else { self.parsed(values::path) }
    }

    /// A command: an array of strings, the first not empty.
    pub(super) fn command(&self) -> Result<Vec<At<String>>> {
        let words = self.command_or_none()?;
        if words.is_empty() { Err(self.empty_command()) } else { Ok(words) }
    }

    /// The same, or an empty array.
    pub(super) fn command_or_none(&self) -> Result<Vec<At<String>>> {
        let words = self.strings()?;
        match words.first() {
            None => Ok(words),
            Some(first) if !first.value.is_empty() => Ok(words),
            Some(_) => Err(self.empty_command()),
        }
    }

    fn empty_command(&self) -> Error {
        self.refuse("an empty command".into(), "write the program and its arguments, each a string")
    }

    fn array(&self, what: &str) -> Result<&'a Array<'a>> {
        match self.value.value() {
            Value::Array(array) => Ok(array),
            _ => Err(self.expected(what, self.value)),
        }
    }

    /// A table.
    pub(super) fn table(&self) -> Result<&'a Table<'a>> {
        self.table_of(self.value)
    }

    fn table_of(&self, value: &'a Node<'a>) -> Result<&'a Table<'a>> {
        match value.value() {
            Value::Table(table) => Ok(table),
            _ => Err(self.expected("a table", value)),
        }
    }

    /// An array of tables, each with where it begins.
    pub(super) fn tables(&self) -> Result<Vec<(&'a Table<'a>, Place)>> {
        let array = self.array("an array of tables ([[…]])")?;
        array.iter().map(|value| Ok((self.table_of(value)?, self.source.place(value.span())))).collect()
    }

    /// A table of variables, each with a string.
    pub(super) fn variables(&self) -> Result<BTreeMap<String, At<String>>> {
        self.named(values::name, Item::string)
    }

    /// A table of names of a form and values of a kind, in the order of the file.
    pub(super) fn listed<T>(
        &self,
        name: impl Fn(&str) -> std::result::Result<String, String>,
        value: impl Fn(&Item<'a>) -> Result<T>,
    ) -> Result<Vec<(String, T)>> {
        let table = self.table()?;
        let mut all = Vec::with_capacity(table.len());
        for (key, value_of) in table {
            let item = Item { key: key.name, key_at: key.span, value: value_of, ..*self };
            all.push((self.judged(name(item.key), item.key_at)?, value(&item)?));
        }
        Ok(all)
    }

    /// The name of a free key, or its refusal. Apart from its caller, which the compiler copies for each kind of value.
    #[inline(never)]
    fn judged(&self, name: std::result::Result<String, String>, at: Span) -> Result<String> {
        name.map_err(|what| refuse(self.source.place(at), format!("{}: {what}", self.key), "write it in that form"))
    }

    /// The same, by name.
    pub(super) fn named<T>(
        &self,
        name: impl Fn(&str) -> std::result::Result<String, String>,
        value: impl Fn(&Item<'a>) -> Result<T>,
    ) -> Result<BTreeMap<String, T>> {
        let mut all = BTreeMap::new();
        for (name, value) in self.listed(name, value)? {
            all.insert(name, value);
        }
        Ok(all)
    }
}

/// A refusal of something that stands at a place.
pub(super) fn refuse(place: Place, what: String, allowed: &str) -> Error {
    Error::Config { place, what, allowed: allowed.to_owned() }
}
