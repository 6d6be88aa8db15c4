//! Notifies the service manager: ready when the health check first passes, alive as long as it passes.
//!
//! Without `WATCHDOG_USEC` the health check ends after it first passes, so that only signals wake `/init`.

use std::time::{Duration, Instant};

use rustix::process::Pid;

use super::manager::Manager;
use super::relay::Relay;
use crate::child::{Change, systemd};
use crate::config::environment::Environment;
use crate::exec::Launch;
use crate::health::{Answer, Poll};
use crate::logger;
use crate::plan::health::HealthPlan;
use crate::privilege::Dropped;

/// After this time an unhealthy start is logged, and again after twice as long each time.
const PATIENCE: Duration = Duration::from_secs(10);

/// How many bytes of a reason `STATUS=` shows.
const SHOWN: usize = 200;

/// The state of the app.
#[derive(Clone, Copy, Debug)]
enum Health {
    /// It never passed the check.
    Waiting {
        since: Instant,
        /// When it is logged next, and the current interval.
        log_at: Duration,
    },
    /// It was reported as ready.
    Ready,
    /// It is being stopped.
    Stopping,
}

/// The app as a service of a manager.
pub(super) struct Service<'a> {
    manager: Manager,
    /// The health check; none if no further answer is needed.
    poll: Option<Poll<'a>>,
    /// The interval of the watchdog notifications, if the manager wants them.
    watchdog: Option<Duration>,
    health: Health,
    /// The reason of the last answer, if that was a failure.
    failure: Option<String>,
    relay: Option<Relay>,
}

impl<'a> Service<'a> {
    /// The service of the manager that the environment names, if any. The app's notifications go to `/init` instead:
    /// the manager would accept `READY=1` from an app before its health check passes.
    pub(super) fn new(health: &'a HealthPlan, environment: &mut Environment) -> Option<Service<'a>> {
        let manager = environment.get("NOTIFY_SOCKET").and_then(Manager::named)?;
        // Three attempts in the manager's timeout, so that one may fail.
        let watchdog = systemd::watchdog(environment).map(|time| Duration::from_micros(time / 3));
        let relay = Relay::open().inspect_err(|error| log::warn!("a socket for the app's reports: {error}")).ok();
        match &relay {
            Some(relay) => {
                let _ = environment.set("NOTIFY_SOCKET", relay.address().as_bytes());
            }
            None => systemd::without_notification(environment),
        }
        let poll = Some(Poll::new(health));
        let health = Health::Waiting { since: Instant::now(), log_at: PATIENCE };
        Some(Service { manager, poll, watchdog, health, failure: None, relay })
    }

    /// The socket for the app's notifications.
    pub(super) fn relay(&self) -> Option<&Relay> {
        self.relay.as_ref()
    }

    /// Whether the health check depends on the working directory.
    pub(super) fn depends_on_directory(&self) -> bool {
        self.poll.as_ref().is_some_and(Poll::depends_on_directory)
    }

    /// Stops taking notifications from the app.
    pub(super) fn close_relay(&mut self) {
        self.relay = None;
    }

    /// Passes on one notification from the app.
    pub(super) fn pass_on(&self) {
        let ready = matches!(self.health, Health::Ready);
        if let Some(report) = self.relay.as_ref().and_then(|relay| relay.receive(ready)) {
            self.manager.tell(&report);
        }
    }

    /// When to call [`Service::woken`].
    pub(super) fn wake_at(&self) -> Option<Instant> {
        self.poll.as_ref().and_then(Poll::wake_at)
    }

    /// Handles a deadline.
    pub(super) fn woken(&mut self, launch: Launch<'_, Dropped>) {
        // An attempt that cannot be started counts as a failed one: the app keeps running.
        let answer = self.poll.as_mut().and_then(|poll| match poll.woken(launch) {
            Ok(answer) => answer,
            Err(error) => {
                poll.put_off();
                Some(Err(error.to_string()))
            }
        });
        self.judge(answer);
    }

    /// Handles the end of a process other than the app.
    pub(super) fn ended(&mut self, pid: Pid, change: Change) {
        let answer = self.poll.as_mut().and_then(|poll| poll.ended(pid, change));
        self.judge(answer);
    }

    fn judge(&mut self, answer: Option<Answer>) {
        let Some(answer) = answer else { return };
        let failed_before = self.failure.is_some();
        let waits = match &mut self.health {
            Health::Stopping => return,
            Health::Waiting { since, log_at } => Some((*since, log_at)),
            Health::Ready => None,
        };
        match (waits, answer) {
            (waits, Err(reason)) => {
                let state = match waits {
                    Some((since, log_at)) => {
                        log::debug!("not healthy: {reason}");
                        if since.elapsed() >= *log_at {
                            log::warn!("not healthy after {} s: {reason}", since.elapsed().as_secs());
                            *log_at *= 2;
                        }
                        "waiting for the health check"
                    }
                    None => {
                        if !failed_before {
                            log::warn!("the health check fails, so the watchdog hears nothing: {reason}");
                        }
                        "unhealthy"
                    }
                };
                if self.failure.as_ref() != Some(&reason) {
                    self.manager.tell(&format!("STATUS={state}: {}\n", shown(&reason)));
                    self.failure = Some(reason);
                }
            }
            (Some(_), Ok(())) => {
                self.manager.tell(&format!("READY=1\nMAINPID={}\nSTATUS=healthy\n", std::process::id()));
                log::info!("ready: the health check passes");
                (self.health, self.failure) = (Health::Ready, None);
                let watchdog = self.watchdog;
                self.poll = self.poll.take().and_then(|poll| watchdog.map(|time| poll.every(time)));
            }
            (None, Ok(())) => {
                self.manager.tell("WATCHDOG=1\n");
                if failed_before {
                    log::info!("the health check passes again");
                    self.manager.tell("STATUS=healthy\n");
                    self.failure = None;
                }
            }
        }
    }

    /// Handles a stop of the app.
    pub(super) fn stopping(&mut self) {
        self.manager.tell("STOPPING=1\n");
        self.end("stopped");
    }

    /// Handles the end of the app.
    pub(super) fn app_ended(&mut self) {
        self.end("ended");
    }

    /// Ends the health check. Logs why a start failed, since the manager only knows that its time ran out.
    fn end(&mut self, how: &str) {
        if let Some(poll) = self.poll.take() {
            poll.end();
        }
        if let Health::Waiting { since, .. } = &self.health {
            let last = self.failure.as_deref().unwrap_or("no answer yet");
            log::warn!("{how} after {} s, before the app was healthy: {last}", since.elapsed().as_secs());
        }
        self.health = Health::Stopping;
    }
}

/// The reason as one line of limited length.
fn shown(reason: &str) -> String {
    let mut line = logger::escaped(&logger::masked(reason));
    let end = (0..=SHOWN.min(line.len())).rev().find(|at| line.is_char_boundary(*at)).unwrap_or(0);
    line.truncate(end);
    line
}
