//! The grammar of a release tag, as registries define it.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A tag of the grammar `[A-Za-z0-9_][A-Za-z0-9._-]{0,127}`: never an option, a path or several lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Tag(String);

pub(crate) const LONGEST: usize = 128;

impl FromStr for Tag {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        match text.as_bytes() {
            [] => Err("it is empty".to_owned()),
            bytes if bytes.len() > LONGEST => Err(format!("it is longer than {LONGEST} bytes")),
            [first, rest @ ..] if word(*first) && rest.iter().all(|&b| word(b) || b == b'.' || b == b'-') => {
                Ok(Self(text.to_owned()))
            }
            _ => Err("allowed: a letter, digit or _, then letters, digits, '.', '_' and '-'".to_owned()),
        }
    }
}

impl TryFrom<String> for Tag {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Tag> for String {
    fn from(tag: Tag) -> Self {
        tag.0
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn release_tags_are_accepted() {
        for good in ["v1", "V0.2.9", "_x", "1.0-rc.1", &"a".repeat(128)] {
            assert!(good.parse::<Tag>().is_ok(), "{good}");
        }
    }

    #[test]
    fn options_paths_and_lines_are_refused() {
        for bad in ["", "../x", "--help", ".x", "-x", "a/b", "a:b", "a b", "a\n", "a\nb", "a@sha256", "ä"] {
            assert!(bad.parse::<Tag>().is_err(), "{bad:?}");
        }
        assert!("a".repeat(129).parse::<Tag>().is_err());
    }
}
