//! Decides which entries of the configuration apply to this boot.

use crate::config::environment::Environment;
use crate::config::{Condition, Scope};

/// What `roles`, `when` and `unless` of an entry are compared with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Boot<'a> {
    pub(super) role: Option<&'a str>,
    pub(super) environment: &'a Environment,
}

impl Boot<'_> {
    /// Whether an entry of this scope applies to this boot.
    pub(super) fn includes(&self, scope: &Scope) -> bool {
        let holds = |(name, condition): (&String, &Condition)| condition.holds(self.environment.get(name));
        scope.roles.as_ref().is_none_or(|roles| roles.iter().any(|listed| Some(listed.value.as_str()) == self.role))
            && scope.when.iter().all(holds)
            && (scope.unless.is_empty() || !scope.unless.iter().all(holds))
    }
}
