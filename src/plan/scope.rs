//! Decides which entries of the configuration apply to this boot.

use crate::config::environment::Environment;
use crate::config::{Condition, Scope};
use crate::text::joined;

/// The values that `roles`, `when` and `unless` of an entry are compared with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Boot<'a> {
    pub(super) role: Option<&'a str>,
    pub(super) environment: &'a Environment,
}

impl Boot<'_> {
    /// Whether an entry of this scope applies to this boot.
    pub(super) fn includes(&self, scope: &Scope) -> bool {
        let holds = |(name, condition): (&String, &Condition)| condition.holds(self.environment.get(name));
        scope.has(self.role)
            && scope.when.iter().all(holds)
            && (scope.unless.is_empty() || !scope.unless.iter().all(holds))
    }

    /// Why an entry of this scope does not apply to this boot, without the values of variables.
    pub(super) fn why_not(&self, scope: &Scope) -> Option<String> {
        if self.includes(scope) {
            return None;
        }
        if !scope.has(self.role) {
            return Some("for other roles".into());
        }
        let failed = scope.when.iter().find(|(name, condition)| !condition.holds(self.environment.get(name))).map(
            |(name, condition)| match (condition, self.environment.get(name)) {
                (Condition::OneOf(_), None) => format!("when {name} is unset"),
                _ => format!("when {name} is not {condition}"),
            },
        );
        Some(failed.unwrap_or_else(|| {
            let all: Vec<_> = scope.unless.iter().map(|(name, condition)| format!("{name} is {condition}")).collect();
            format!("unless {}", joined(&all, " and "))
        }))
    }
}
