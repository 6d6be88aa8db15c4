//! `[supervise]` to numbers: the rewriting of signals and exit codes.

use super::health::HealthPlan;
use super::stop::StopPlan;
use crate::config::{At, Config, signals};
use crate::error::{Error, Result, fix};

/// The configuration of supervision.
#[derive(Clone, Debug)]
pub struct Supervision {
    /// How the container is stopped.
    pub stop: StopPlan,
    /// The recipient of signals.
    pub recipient: Recipient,
    /// The health check that shows that the app is ready, if the role has one.
    pub health: Option<HealthPlan>,
    /// Signals by number: from, to; 0 drops one.
    pub rewrite: Vec<(i32, i32)>,
    /// Exit codes: from, to.
    pub exit_codes: Vec<(u8, u8)>,
}

/// The recipient of signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recipient {
    /// The app alone.
    App,
    /// The app's process group.
    Group,
}

/// The rewriting of one signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forwarded {
    /// It is sent as this one.
    As(i32),
    /// It is dropped.
    Dropped,
}

impl Supervision {
    /// The rewriting of this signal.
    pub fn forwarded(&self, signal: i32) -> Forwarded {
        match self.rewrite.iter().find(|(from, _)| *from == signal) {
            Some((_, 0)) => Forwarded::Dropped,
            Some((_, to)) => Forwarded::As(*to),
            None => Forwarded::As(signal),
        }
    }
}

/// Resolves it.
///
/// # Errors
/// [`Error::Config`] for an unknown signal, or one that cannot be caught.
pub(super) fn resolve(config: &Config, stop: StopPlan, health: Option<HealthPlan>) -> Result<Supervision> {
    let given = &config.supervise;
    let mut rewrite = Vec::new();
    for (from, to) in &given.signals {
        rewrite.push((caught(from, to)?, if to.value.is_empty() { 0 } else { known(&to.value, to)? }));
    }
    let byte = |number: i64| u8::try_from(number).unwrap_or(u8::MAX);
    let exit_codes =
        given.exit_codes.iter().filter_map(|(from, to)| Some((from.parse().ok()?, byte(to.value)))).collect();
    let recipient = if given.group { Recipient::Group } else { Recipient::App };
    Ok(Supervision { stop, recipient, health, rewrite, exit_codes })
}

/// A signal that can be caught, to be rewritten.
fn caught(name: &str, at: &At<String>) -> Result<i32> {
    match known(name, at)? {
        number @ (9 | 17 | 19) => Err(no_signal(at, format!("signal {name} ({number}) cannot be rewritten"))),
        number => Ok(number),
    }
}

fn known(name: &str, at: &At<String>) -> Result<i32> {
    signals::number(name).ok_or_else(|| no_signal(at, format!("'{name}' is no signal")))
}

fn no_signal(at: &At<String>, what: String) -> Error {
    Error::Config { place: at.place.clone(), what, allowed: fix::mistake::SIGNAL.into() }
}
