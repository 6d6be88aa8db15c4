//! `READY=1` to whoever started the container, when the health check first passes: `sd_notify(3)`.
//!
//! It asks in a process of its own, and not at all once the answer was yes: from then on nothing wakes `/init` but a
//! signal.

use std::time::{Duration, Instant};

use rustix::process::Pid;
use sd_notify::NotifyState;

use crate::child::Change;
use crate::error::Result;
use crate::health::{Asked, ask};
use crate::plan::health::HealthPlan;
use crate::privilege::Dropped;
use crate::sys::SignalMask;

/// Between two questions.
const PAUSE: Duration = Duration::from_millis(250);

/// The way to ready.
pub(super) struct Readiness {
    health: HealthPlan,
    asked: Option<Asked>,
    again_at: Instant,
}

impl Readiness {
    pub(super) fn new(health: HealthPlan) -> Readiness {
        Readiness { health, asked: None, again_at: Instant::now() }
    }

    /// When it wants to be woken.
    pub(super) fn wake_at(&self) -> Instant {
        self.asked.as_ref().map_or(self.again_at, |asked| asked.deadline)
    }

    /// The time came: ask, or end a question that takes too long.
    pub(super) fn woken(&mut self, dropped: &Dropped, mask: SignalMask) -> Result<()> {
        let now = Instant::now();
        match &self.asked {
            Some(asked) if now >= asked.deadline => asked.end(),
            None if now >= self.again_at => self.asked = Some(ask(dropped, &self.health, mask)?),
            _ => {}
        }
        Ok(())
    }

    /// A process ended; whether the app is ready now.
    pub(super) fn ended(&mut self, pid: Pid, change: Change) -> bool {
        let Some(asked) = self.asked.take_if(|asked| asked.pid == pid) else { return false };
        match asked.conclude(change) {
            Ok(()) => {
                tell(&[NotifyState::Ready, NotifyState::MainPid(std::process::id())]);
                log::info!("ready: the health check passes");
                true
            }
            Err(reason) => {
                log::debug!("not ready: {reason}");
                self.again_at = Instant::now().checked_add(PAUSE).unwrap_or(self.again_at);
                false
            }
        }
    }

    /// The app is about to end: no more questions.
    pub(super) fn give_up(&self) {
        if let Some(asked) = &self.asked {
            asked.end();
        }
    }
}

/// Tells the service manager, if there is one.
pub(super) fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        log::warn!("NOTIFY_SOCKET: {error}");
    }
}
