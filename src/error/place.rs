//! The source of a value: messages begin with it, so that the reader knows what to edit.

use std::fmt;
use std::rc::Rc;

/// A text file.
#[derive(Debug, PartialEq, Eq)]
pub struct TextFile {
    /// Its path, as given.
    pub path: String,
    /// Its content.
    pub text: String,
}

/// The source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A byte of a configuration file. Line and column are computed only for messages, since every value has a place.
    File {
        /// The file.
        file: Rc<TextFile>,
        /// The byte, from 0.
        offset: usize,
    },
    /// An option of the command line.
    Option(&'static str),
    /// A variable of the environment.
    Variable(String),
    /// The built-in default.
    Default,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::File { file, offset } => {
                let (line, column) = line_and_column(&file.text, *offset);
                write!(f, "{}:{line}:{column}", file.path)
            }
            Place::Option(name) => f.write_str(name),
            Place::Variable(name) => write!(f, "the variable {name}"),
            Place::Default => f.write_str("the default"),
        }
    }
}

/// Both from 1; the column in characters.
fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before.get(line_start..).unwrap_or("").chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_from_one_and_columns_in_characters() {
        let text = "a = 1\nü = 'é'\n";
        let counted = [0, 4, 6, 8, text.len(), 99].map(|offset| line_and_column(text, offset));
        assert_eq!(counted, [(1, 1), (1, 5), (2, 1), (2, 2), (3, 1), (3, 1)]);
    }
}
