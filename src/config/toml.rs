//! The parsed file, and the refusals of what is in it, with line and column.
//!
//! Only the parser of the library is used: it keeps positions, and errors of a derived decoder would be less
//! specific.

use std::rc::Rc;

use toml_spanner::{Arena, Array, Document, Item as Node, Span, Table, Value};

use super::keys::{self, Form, Kind, Table as Keys};
use super::mistakes;
use crate::error::{Error, Place, Result, TextFile, fix};

/// The file that positions refer to.
#[derive(Clone, Copy)]
pub(super) struct Source<'a>(pub(super) &'a Rc<TextFile>);

impl<'a> Source<'a> {
    /// Its first byte.
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

/// One key of a table with its value, or one of the values of its array.
pub(super) struct Item<'a> {
    pub(super) source: Source<'a>,
    /// The keys of its table.
    pub(super) keys: &'static Keys,
    pub(super) key: &'a str,
    pub(super) key_at: Span,
    pub(super) node: &'a Node<'a>,
    /// Whether it may contain `${`.
    pub(super) expands: bool,
}

impl<'a> Item<'a> {
    pub(super) fn place(&self) -> Place {
        self.source.place(self.node.span())
    }

    /// The refusal of a key that the table does not have.
    pub(super) fn unknown(&self) -> Error {
        let table =
            if self.keys.name.is_empty() { "at the top level".to_owned() } else { format!("in {}", self.keys.name) };
        let renamed = mistakes::RENAMED.iter().find(|(table, key, _)| (*table, *key) == (self.keys.name, self.key));
        let renamed = renamed.map(|(_, _, instead)| *instead);
        let is_table = match self.node.value() {
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

    /// Its value as the file has it.
    fn written(&self) -> &str {
        self.source.0.text.get(self.node.span().range()).unwrap_or_default()
    }

    /// The refusal of a value of another type.
    pub(super) fn expected(&self, what: &str) -> Error {
        let (article, kind) = match self.node.value() {
            Value::String(_) => ("a", "string"),
            Value::Integer(_) => ("an", "integer"),
            Value::Float(_) => ("a", "float"),
            Value::Boolean(_) => ("a", "boolean"),
            Value::DateTime(_) => ("a", "date or time"),
            Value::Array(_) => ("an", "array"),
            Value::Table(_) => ("a", "table"),
        };
        let written = self.written();
        let fix = match self.node.value() {
            Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::DateTime(_) if what == "a string" => {
                let kind = self.keys.get(self.key).map(|key| key.kind);
                fix::mistake::unquoted(&mistakes::quoted(written, kind))
            }
            Value::String(text)
                if what == "an integer" && text.bytes().all(|byte| byte.is_ascii_digit())
                    || what.starts_with("true") && matches!(*text, "true" | "false") =>
            {
                fix::mistake::in_quotes(text)
            }
            Value::Array(array)
                if what == "a table" && array.iter().all(|item| matches!(item.value(), Value::Table(_))) =>
            {
                fix::mistake::several_tables(&self.header())
            }
            Value::Table(_) if what.starts_with("an array of tables") => fix::mistake::one_table(self.key),
            Value::String(text) if what == "an array of strings" => fix::mistake::one_string(text),
            _ if what.contains("table") => self.as_table(),
            _ => fix::mistake::other_type(what),
        };
        self.refuse(format!("{article} {kind} where {what} belongs"), &fix)
    }

    /// How to write the table, or an entry of the array of tables, that belongs here.
    fn as_table(&self) -> String {
        let kind = self.keys.get(self.key).map(|key| key.kind);
        let around = match kind {
            Some(Kind::Tables(_)) => ("[[", "]]"),
            _ if self.keys.name.is_empty() => ("[", "]"),
            _ => ("", " = { … }"),
        };
        let keys = match kind {
            Some(Kind::Tables(keys) | Kind::Table(keys)) => keys.names(),
            Some(Kind::Map(of, _)) if !matches!(of, Form::Role) => "KEY = …".to_owned(),
            _ => keys::A_ROLE.names(),
        };
        fix::mistake::no_table(around, &self.header(), &keys)
    }

    /// The name of the table that this key holds.
    fn header(&self) -> String {
        match self.keys.get(self.key) {
            Some(key) if matches!(key.kind, Kind::Map(Form::Role, _)) => "roles.NAME".to_owned(),
            Some(_) => self.key.to_owned(),
            None => format!("roles.{}", self.key),
        }
    }

    /// Whether it is of the type of this kind.
    pub(super) fn is(&self, kind: &Kind) -> bool {
        match (kind, self.node.value()) {
            (Kind::Text, Value::String(_))
            | (Kind::Texts, Value::Array(_))
            | (Kind::Boolean, Value::Boolean(_))
            | (Kind::Table(_), Value::Table(_)) => true,
            (Kind::Word(word), Value::String(text)) => word == text,
            _ => false,
        }
    }

    /// A string.
    pub(super) fn text(&self) -> Result<&'a str> {
        let Some(text) = self.node.as_str() else {
            return Err(self.expected("a string"));
        };
        if text.contains('\0') {
            return Err(self.refuse("a NUL in a string".into(), fix::mistake::NUL));
        }
        if !self.expands && text.contains("${") {
            return Err(self.refuse("${…} is not expanded here".into(), fix::mistake::EXPANDED_TOO_EARLY));
        }
        Ok(text)
    }

    /// Refuses a path that is followed by mount options, which are separate keys.
    pub(super) fn refuse_mount_options(&self) -> Result<()> {
        match self.node.as_str().and_then(|path| Some((path, mistakes::mount_options(path)?))) {
            Some((path, fix)) => Err(self.refuse(format!("'{path}' is a path with mount options"), &fix)),
            None => Ok(()),
        }
    }

    /// `true` or `false`.
    pub(super) fn boolean(&self) -> Result<()> {
        self.node.as_bool().map(drop).ok_or_else(|| self.expected("true or false"))
    }

    /// An integer within bounds.
    pub(super) fn integer(&self, least: i64, most: i64) -> Result<i64> {
        let Value::Integer(number) = self.node.value() else {
            return Err(self.expected("an integer"));
        };
        number.as_i64().filter(|value| (least..=most).contains(value)).ok_or_else(|| {
            let allowed = fix::mistake::out_of_range(least, most);
            self.refuse(format!("{} is out of range", self.written()), &allowed)
        })
    }

    /// An array.
    pub(super) fn array(&self, what: &str) -> Result<&'a Array<'a>> {
        self.node.as_array().ok_or_else(|| self.expected(what))
    }

    /// A table.
    pub(super) fn table(&self) -> Result<&'a Table<'a>> {
        self.node.as_table().ok_or_else(|| self.expected("a table"))
    }
}

/// The refusal of a value at this place.
pub(super) fn refuse(place: Place, what: String, allowed: &str) -> Error {
    Error::Config { place, what, allowed: allowed.to_owned() }
}
