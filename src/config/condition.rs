//! Values that depend on the environment: conditions on variables, and texts that are expanded first.

use std::fmt;

use super::At;

/// A value that is given, or a text that is expanded into one.
#[derive(Clone, Debug)]
pub enum Expandable<T> {
    /// Given.
    Given(T),
    /// A text with `${…}`.
    Text(At<String>),
}

/// What a variable must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// One of these values.
    OneOf(Vec<String>),
    /// Set and not empty, or not.
    Set(bool),
}

impl Condition {
    /// Whether a variable's value is so; none if it is unset.
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
            Condition::OneOf(values) => write!(f, "'{}'", values.join("' or '")),
            Condition::Set(true) => f.write_str("set"),
            Condition::Set(false) => f.write_str("unset"),
        }
    }
}
