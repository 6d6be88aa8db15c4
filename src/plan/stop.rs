//! How the container is stopped: `[stop]`, overridden by the role's `stop`.

use std::time::Duration;

use libc::SIGTERM;

use crate::config::{Config, Role};

/// The default grace period, the same as the engines'.
const GRACE: Duration = Duration::from_secs(10);

/// How the container is stopped, for the check, supervision and the rendered flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StopPlan {
    /// The configured signal; None if the image's `STOPSIGNAL` applies.
    pub configured: Option<i32>,
    /// From that signal to `SIGKILL`.
    pub grace: Duration,
}

impl StopPlan {
    /// The signal that the engine sends: the configured one, else `SIGTERM`.
    pub fn signal(&self) -> i32 {
        self.configured.unwrap_or(SIGTERM)
    }
}

/// Resolves it for the selected role.
pub(super) fn resolve(config: &Config, role: Option<&Role>) -> StopPlan {
    let own = role.map(|role| role.stop).unwrap_or_default();
    StopPlan { configured: own.signal.or(config.stop.signal), grace: own.grace.or(config.stop.grace).unwrap_or(GRACE) }
}
