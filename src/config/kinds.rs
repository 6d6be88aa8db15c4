//! The types of the key table: its keys and tables, and the kinds of their values.

use crate::text::joined;

/// One key.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// The kind of its value.
    pub kind: Kind,
    /// Whether the table is refused without it.
    pub required: bool,
    /// Whether its value may contain `${`, which is refused elsewhere. A hint shows it, all others expand it.
    pub expands: bool,
    /// The default as JSON, or empty if there is none.
    pub default: &'static str,
    /// One line about it.
    pub about: &'static str,
}

/// A table.
#[derive(Debug)]
pub struct Table {
    /// The table's name in messages; empty for the top level.
    pub name: &'static str,
    /// Its own keys.
    pub keys: &'static [Key],
    /// The keys that it shares with other tables: `roles`, `when` and `unless`.
    pub scope: &'static [Key],
    /// Exactly one of these keys is required, unless the list is empty.
    pub one_of: &'static [&'static str],
    /// Keys that need another key: the key, the other.
    pub with: &'static [(&'static str, &'static str)],
}

impl Table {
    /// All its keys.
    pub fn all(&self) -> impl Iterator<Item = &'static Key> {
        self.keys.iter().chain(self.scope)
    }

    /// The key with this name.
    pub fn get(&self, name: &str) -> Option<&'static Key> {
        self.all().find(|key| key.name == name)
    }

    /// Its keys by name, for messages.
    pub fn names(&self) -> String {
        joined(&self.all().map(|key| key.name).collect::<Vec<_>>(), ", ")
    }
}

/// The kind of a value.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Any string.
    Text,
    /// A string of a form.
    Form(Form),
    /// `true` or `false`.
    Boolean,
    /// An integer within bounds.
    Integer(i64, i64),
    /// An array of strings.
    Texts,
    /// An array of different integers within bounds, not empty.
    Integers(i64, i64),
    /// An array of strings of a form.
    Forms(Form),
    /// An array of strings, the first not empty.
    Command,
    /// The same, or an empty array.
    CommandOrNone,
    /// A table of free names of a form; each value is of this kind.
    Map(Form, &'static Kind),
    /// A table.
    Table(&'static Table),
    /// An array of tables.
    Tables(&'static Table),
    /// One of several kinds of different types, and what messages call them.
    Either(&'static [Kind], &'static str),
    /// This string.
    Word(&'static str),
}

/// The form of a string, each with its parser in [`super::values`] or [`super::signals`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Any text.
    Any,
    /// An absolute path below `/`.
    Path,
    /// An absolute path, `/` included.
    Directory,
    /// An octal mode.
    Mode,
    /// The octal mode of a directory that its owner writes to.
    DirectoryMode,
    /// An octal umask.
    Umask,
    /// A duration.
    Duration,
    /// A size.
    Size,
    /// The name of a variable that `${…}` can refer to.
    Variable,
    /// The name of a variable.
    Name,
    /// The name of a role.
    Role,
    /// An exit code.
    ExitCode,
    /// A signal that stops an app.
    StopSignal,
}

/// The names and numbers that [`super::signals::stop`] takes, in any case.
const STOP_SIGNAL: &str = "^([Ss][Ii][Gg])?([Hh][Uu][Pp]|[Ii][Nn][Tt]|[Qq][Uu][Ii][Tt]|[Ii][Ll][Ll]|[Tt][Rr][Aa][Pp]|\
    [Aa][Bb][Rr][Tt]|[Ii][Oo][Tt]|[Bb][Uu][Ss]|[Ff][Pp][Ee]|[Kk][Ii][Ll][Ll]|[Uu][Ss][Rr]1|\
    [Ss][Ee][Gg][Vv]|[Uu][Ss][Rr]2|[Pp][Ii][Pp][Ee]|[Aa][Ll][Rr][Mm]|[Tt][Ee][Rr][Mm]|\
    [Ss][Tt][Kk][Ff][Ll][Tt]|[Cc][Oo][Nn][Tt]|[Tt][Ss][Tt][Pp]|[Tt][Tt][Ii][Nn]|[Tt][Tt][Oo][Uu]|\
    [Uu][Rr][Gg]|[Xx][Cc][Pp][Uu]|[Xx][Ff][Ss][Zz]|[Vv][Tt][Aa][Ll][Rr][Mm]|[Pp][Rr][Oo][Ff]|\
    [Ww][Ii][Nn][Cc][Hh]|[Ii][Oo]|[Pp][Oo][Ll][Ll]|[Pp][Ww][Rr]|[Ss][Yy][Ss]|\
    [Rr][Tt][Mm][Ii][Nn]([+]0*([12]?[0-9]|30))?|[Rr][Tt][Mm][Aa][Xx](-0*([12]?[0-9]|30))?|\
    0*([1-9]|1[0-6]|18|[2-5][0-9]|6[0-4]))$";

impl Form {
    /// The form as a regular expression that every engine of JSON Schema has.
    pub fn pattern(self) -> &'static str {
        match self {
            Form::Any => "",
            Form::Path => "^(/([^/.][^/]*|[.][^/.][^/]*|[.][.][^/]+))+/?$",
            Form::Directory => "^/$|^(/([^/.][^/]*|[.][^/.][^/]*|[.][.][^/]+))+/?$",
            Form::Mode => "^[0-3]?[0-7]{3}$",
            Form::DirectoryMode => "^[0-3]?[37][0-7]{2}$",
            Form::Umask => "^0?[0-7]{3}$",
            Form::Duration => "^0*([1-9][0-9]{0,7}ms|[1-9][0-9]{0,4}s|[1-9][0-9]{0,3}m)$",
            Form::Size => "^0*[1-9][0-9]{0,18}[kmgKMG]?$",
            Form::Variable => "^[A-Za-z_][A-Za-z0-9_]*$",
            Form::Name => "^[^=]+$",
            Form::Role => "^[A-Za-z0-9_.-]+$",
            Form::StopSignal => STOP_SIGNAL,
            Form::ExitCode => "^([0-9]|[1-9][0-9]|1[0-9][0-9]|2[0-4][0-9]|25[0-5])$",
        }
    }
}
