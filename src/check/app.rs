//! Starts the app as the boot would, waits until it is healthy, and stops it.

use std::time::{Duration, Instant};

use libc::{SIGKILL, SIGTERM};
use rustix::process::Pid;

use super::report::Report;
use crate::child::leftovers::Leftovers;
use crate::child::wait::{Event, Signals};
use crate::child::{self, Change, Output, Started};
use crate::config::BootCheck;
use crate::error::{Error, Result};
use crate::exec;
use crate::health::{self, Asked};
use crate::plan::Plan;
use crate::plan::health::HealthPlan;
use crate::privilege::Dropped;
use crate::sys::{self, SignalMask};

/// Between two questions.
const PAUSE: Duration = Duration::from_millis(250);

/// How long a killed process may take to go.
const LAST: Duration = Duration::from_secs(2);

/// Checks the app.
pub(super) fn check(
    dropped: &Dropped,
    plan: &Plan,
    how: &BootCheck,
    mask: SignalMask,
    report: &mut Report,
) -> Result<()> {
    let mut app = plan.app.clone();
    // The gate is nobody's service to announce.
    app.environment.remove("NOTIFY_SOCKET");
    let main = match child::start(dropped, &app, mask, Output::ToStandardError, None)? {
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
    let mut watch = Watch { dropped, mask, main, signals, ended: None, asked: None, answer: None };
    let healthy = match &plan.health {
        Some(health) => watch.until_healthy(health, how, report),
        None => watch.until_settled(how, report),
    };
    // Whatever was found, nothing is left running.
    let stopped = watch.stop(how, report);
    Leftovers { everyone: false, grace: how.grace.min(LAST) }.end(&watch.signals)?;
    healthy.and(stopped)
}

struct Watch<'a> {
    dropped: &'a Dropped,
    mask: SignalMask,
    main: Pid,
    signals: Signals,
    /// What became of the app, once it ended.
    ended: Option<Change>,
    /// The question that is asked now.
    asked: Option<Asked>,
    /// The last answer.
    answer: Option<std::result::Result<(), String>>,
}

impl Watch<'_> {
    fn until_healthy(&mut self, health: &HealthPlan, how: &BootCheck, report: &mut Report) -> Result<()> {
        let began = Instant::now();
        let deadline = began.checked_add(how.timeout).unwrap_or(began);
        let (mut again_at, mut last) = (began, None);
        loop {
            let now = Instant::now();
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
                Some(Err(reason)) if now >= deadline => {
                    report.fail(
                        "health",
                        format!("not within {:?}: {reason}", how.timeout),
                        "see the app's own lines on standard error, or raise boot_check.timeout",
                    );
                    return Ok(());
                }
                Some(Err(reason)) => {
                    log::debug!("not healthy: {reason}");
                    last = Some(reason);
                    again_at = now.checked_add(PAUSE).unwrap_or(now);
                }
                None => {}
            }
            let wake_at = match &self.asked {
                Some(asked) => asked.deadline.min(deadline),
                None if now >= again_at => {
                    self.asked = Some(health::ask(self.dropped, health, self.mask)?);
                    continue;
                }
                None => again_at,
            };
            if !self.next(wake_at)?
                && let Some(asked) = self.asked.take()
            {
                // Its process is reaped with what is left; no more is heard of it.
                asked.end();
                // Cut short by the end of the whole, it has not been heard: the answer before it counts.
                let heard = Instant::now() >= asked.deadline;
                let silence = format!("no answer within {:?}", health.timeout);
                self.answer = Some(Err(if heard { silence } else { last.clone().unwrap_or(silence) }));
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
        if let Some(asked) = self.asked.take() {
            asked.end();
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
            Event::Signal(signal) if exec::is_stop(signal.number, self.mask) => {
                return Err(Error::Stopped { signal: signal.number, during: "while the app was being checked" });
            }
            Event::Signal(_) => {
                while let Ok(Some((pid, change))) = child::next_change() {
                    if pid == self.main && change.code().is_some() {
                        self.ended = Some(change);
                    } else if let Some(asked) = self.asked.take_if(|asked| asked.pid == pid) {
                        self.answer = Some(asked.conclude(change));
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
