//! Starts the app as the boot would, waits until it is healthy, and stops it.

use std::time::{Duration, Instant};

use libc::{SIGKILL, SIGTERM};
use rustix::process::Pid;

use super::report::Report;
use crate::child::leftovers::{Leftovers, Reach};
use crate::child::start::{Output, Started, start};
use crate::child::wait::{Event, Signals};
use crate::child::{self, Change};
use crate::config::BootCheck;
use crate::error::{Error, Result};
use crate::exec::Launch;
use crate::health::{Answer, Poll};
use crate::plan::Plan;
use crate::plan::health::HealthPlan;
use crate::privilege::Dropped;
use crate::sys::{self, SignalMask};

/// How long to wait for a killed process to end.
const LAST: Duration = Duration::from_secs(2);

/// Checks the app.
pub(super) fn check(launch: Launch<'_, Dropped>, plan: &Plan, how: &BootCheck, report: &mut Report) -> Result<()> {
    let mut app = plan.app.clone();
    // A checked app is not the service: it must not report to the service manager.
    app.environment.remove("NOTIFY_SOCKET");
    let main = match start(launch, &app, Output::ToStandardError, None)? {
        Started::Running(main) => main,
        Started::Refused(code) => {
            report.fail(
                "app",
                format!("could not be started (exit code {code})"),
                "see the line above on standard error",
            );
            return Ok(());
        }
    };
    let signals = Signals::receive(SignalMask::ALL);
    let mut watch = Watch { launch, main, signals, ended: None, poll: None, answer: None };
    let healthy = match &plan.health {
        Some(health) => watch.until_healthy(health, how, report),
        None => watch.until_settled(how, report),
    };
    // Whatever the result, no process is left running.
    let stopped = watch.stop(how, report);
    Leftovers { reach: Reach::Descendants, grace: how.grace.min(LAST) }.end(&watch.signals)?;
    healthy.and(stopped)
}

struct Watch<'a> {
    launch: Launch<'a, Dropped>,
    main: Pid,
    signals: Signals,
    /// What became of the app, once it ended.
    ended: Option<Change>,
    /// The health check, while it is asked.
    poll: Option<Poll<'a>>,
    /// Its last answer that was not looked at yet.
    answer: Option<Answer>,
}

impl<'a> Watch<'a> {
    fn until_healthy(&mut self, health: &'a HealthPlan, how: &BootCheck, report: &mut Report) -> Result<()> {
        let began = Instant::now();
        let deadline = began.checked_add(how.timeout).unwrap_or(began);
        let mut last = None;
        self.poll = Some(Poll::new(health));
        loop {
            if let Some(change) = self.ended {
                report.fail(
                    "app",
                    format!("{} before it was healthy", told(change)),
                    "see its own lines on standard error",
                );
                return Ok(());
            }
            match self.answer.take() {
                Some(Ok(())) => {
                    report.ok("health", format!("passed after {} ms", began.elapsed().as_millis()));
                    return Ok(());
                }
                Some(Err(reason)) => {
                    log::debug!("not healthy: {reason}");
                    last = Some(reason);
                }
                None => {}
            }
            if Instant::now() >= deadline {
                // A question that the end of the time cut short has no answer: the one before it counts.
                let reason = last.unwrap_or_else(|| "no answer yet".into());
                report.fail(
                    "health",
                    format!("not within {:?}: {reason}", how.timeout),
                    "see the app's own lines on standard error, or raise boot_check.timeout",
                );
                return Ok(());
            }
            let wake_at = self.poll.as_ref().and_then(Poll::wake_at).map_or(deadline, |at| at.min(deadline));
            if !self.next(wake_at)?
                && let Some(poll) = &mut self.poll
                && let Some(answer) = poll.woken(self.launch)?
            {
                self.answer = Some(answer);
            }
        }
    }

    fn until_settled(&mut self, how: &BootCheck, report: &mut Report) -> Result<()> {
        let deadline = Instant::now().checked_add(how.settle).unwrap_or_else(Instant::now);
        while self.ended.is_none() && self.next(deadline)? {}
        match self.ended {
            Some(change) => report.fail(
                "app",
                format!("{} within {:?}", told(change), how.settle),
                "see its own lines on standard error",
            ),
            None => report.ok("app", format!("up for {:?}; the role has no health check", how.settle)),
        }
        Ok(())
    }

    /// SIGTERM, and after the grace SIGKILL: an app that needs that loses its work at every deploy.
    fn stop(&mut self, how: &BootCheck, report: &mut Report) -> Result<()> {
        if let Some(poll) = self.poll.take() {
            poll.end();
        }
        if self.ended.is_some() {
            return Ok(());
        }
        let began = Instant::now();
        self.send(SIGTERM);
        let mut interrupted = self.until_ended(began, how.grace);
        if self.ended.is_some() {
            report.ok("stop", format!("ended {} ms after SIGTERM", began.elapsed().as_millis()));
            return interrupted;
        }
        report.fail(
            "stop",
            format!("still running {:?} after SIGTERM; killed", how.grace),
            "let the app end on SIGTERM, or raise boot_check.grace",
        );
        self.send(SIGKILL);
        interrupted = interrupted.and(self.until_ended(Instant::now(), LAST));
        interrupted
    }

    /// A stop of the container does not cut the app's own stop short; it is passed on when that is done.
    fn until_ended(&mut self, began: Instant, time: Duration) -> Result<()> {
        let deadline = began.checked_add(time).unwrap_or(began);
        let mut interrupted = Ok(());
        while self.ended.is_none() {
            match self.next(deadline) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => interrupted = Err(error),
            }
        }
        interrupted
    }

    /// Waits for the next news: true if there may be some, false if the time came.
    fn next(&mut self, wake_at: Instant) -> Result<bool> {
        match self.signals.next(Some(wake_at))? {
            Event::Deadline => return Ok(false),
            Event::Readable => {}
            Event::Signal(signal) if self.launch.is_stop(signal.number) => {
                return Err(Error::Stopped { signal: signal.number, during: "while the app was being checked" });
            }
            Event::Signal(_) => {
                while let Ok(Some((pid, change))) = child::next_change() {
                    if pid == self.main && change.code().is_some() {
                        self.ended = Some(change);
                    } else if let Some(answer) = self.poll.as_mut().and_then(|poll| poll.ended(pid, change)) {
                        self.answer = Some(answer);
                    }
                }
            }
        }
        Ok(true)
    }

    fn send(&self, signal: i32) {
        if let Err(reason) = sys::send_signal(self.main.as_raw_nonzero().get(), signal) {
            log::warn!("signal {signal} to the app: {}", crate::error::Kernel(reason));
        }
    }
}

fn told(change: Change) -> String {
    match change {
        Change::Exited(code) => format!("exited with {code}"),
        Change::Killed(signal) | Change::Stopped(signal) => format!("was ended by signal {signal}"),
    }
}
