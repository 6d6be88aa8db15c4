//! Values that depend on the environment: conditions on variables, and texts that are expanded first.

use std::fmt;

use super::At;
use crate::text::joined;

/// A literal value, or a text that expands to one.
#[derive(Clone, Debug)]
pub enum Expandable<T> {
    /// A literal value.
    Given(T),
    /// A text with `${…}`.
    Text(At<String>),
}

/// A condition on a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It has one of these values.
    OneOf(Vec<String>),
    /// It is set and not empty (`true`), or unset or empty (`false`).
    Set(bool),
}

impl Condition {
    /// Whether it holds for this value; None if the variable is unset.
    pub fn holds(&self, value: Option<&[u8]>) -> bool {
        match self {
            Condition::OneOf(values) => value.is_some_and(|value| values.iter().any(|one| one.as_bytes() == value)),
            Condition::Set(set) => value.is_some_and(|value| !value.is_empty()) == *set,
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Condition::OneOf(values) => write!(f, "'{}'", joined(values, "' or '")),
            Condition::Set(true) => f.write_str("set"),
            Condition::Set(false) => f.write_str("unset"),
        }
    }
}
