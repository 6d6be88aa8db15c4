//! Which entries of the configuration are part of this boot.

use crate::config::Scope;
use crate::config::environment::Environment;

/// What `roles`, `when` and `unless` of an entry are compared with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Boot<'a> {
    pub(super) role: Option<&'a str>,
    pub(super) environment: &'a Environment,
}

impl Boot<'_> {
    /// Whether an entry of this scope is part of this boot.
    pub(super) fn includes(&self, scope: &Scope) -> bool {
        let equal = |(name, value): (&String, &String)| self.environment.get(name) == Some(value.as_bytes());
        scope.roles.as_ref().is_none_or(|roles| roles.iter().any(|listed| Some(listed.value.as_str()) == self.role))
            && scope.when.iter().all(equal)
            && !scope.unless.iter().any(equal)
    }
}
