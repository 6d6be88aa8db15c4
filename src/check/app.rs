//! Starts the app as the boot would, waits until it is healthy, and stops it.

use std::time::{Duration, Instant};

use libc::SIGKILL;
use rustix::process::Pid;

use super::ports;
use super::report::Report;
use super::stop::Way;
use crate::child::leftovers::{self, Leftovers, Reach};
use crate::child::start::{Output, Started, start};
use crate::child::terminal::Terminal;
use crate::child::wait::{Event, Signals};
use crate::child::{self, Change, systemd};
use crate::config::{BootCheck, signals};
use crate::error::{Error, Result, fix};
use crate::exec::Launch;
use crate::facts::listening;
use crate::facts::processes::Dispositions;
use crate::health::{self, Answer, Poll};
use crate::plan::Plan;
use crate::plan::health::{HealthPlan, Question};
use crate::plan::supervision::Recipient;
use crate::privilege::Dropped;
use crate::sys::{self, SignalMask};
use crate::text::Time;

/// How long to wait for a killed process to end.
const LAST: Duration = Duration::from_secs(2);

/// Checks the app; `open` are the ports that it should listen on.
pub(super) fn check(
    launch: Launch<'_, Dropped>,
    plan: &Plan,
    how: &BootCheck,
    open: &[u16],
    report: &mut Report,
) -> Result<()> {
    let mut app = plan.app.clone();
    // A checked app is not the service: it must not report to the service manager.
    systemd::without_notification(&mut app.environment);
    let signals = Signals::receive(SignalMask::ALL);
    let mut watch = Watch { launch, main: None, signals, ended: None, poll: None, answer: None };
    let answered_before = match &plan.health {
        Some(health) => watch.ask_once(health)?.is_ok(),
        None => false,
    };
    let listened_before = listening::tables();
    // As supervision does, and as an app that replaces /init has it.
    let terminal = Terminal::open().filter(Terminal::is_ours);
    let main = match start(launch, &app, Output::ToStandardError, terminal.as_ref())? {
        Started::Running(main) => main,
        Started::Refused(code) => {
            report.fail("app", format!("could not be started (exit code {code})"), fix::check::NOT_STARTED);
            return Ok(());
        }
    };
    watch.main = Some(main);
    let healthy = match &plan.health {
        Some(health) if answered_before => {
            let (who, fix) = match health.question {
                Question::File { .. } => ("the file is from another run", fix::check::OWN_FILES),
                Question::Http { unix: Some(_), .. } => ("something else answers it", fix::check::OWN_FILES),
                _ => ("something else answers it", fix::check::OWN_NETWORK),
            };
            report.fail("health", format!("passes before the app was started: {who}"), fix);
            watch.until_settled(how, "", report)
        }
        Some(health) => watch.until_healthy(health, how, report),
        None => watch.until_settled(how, "; the role has no health check", report),
    };
    if watch.ended.is_none() {
        ports::check(open, &listened_before, report);
    }
    // Whatever the result, no process is left running.
    let stopped = watch.stop(main, plan, report);
    if let Some(terminal) = terminal.filter(|terminal| terminal.is_of(main)) {
        terminal.take_back();
    }
    Leftovers { reach: Reach::Descendants, grace: plan.stop.grace.min(LAST), report: None }.end(&watch.signals)?;
    healthy.and(stopped)
}

struct Watch<'a> {
    launch: Launch<'a, Dropped>,
    /// The app, once it was started.
    main: Option<Pid>,
    signals: Signals,
    /// How the app ended, or was stopped (frozen) and killed, since nothing would continue it.
    ended: Option<Change>,
    /// The health check, while it runs.
    poll: Option<Poll<'a>>,
    /// Its last answer, until it is handled.
    answer: Option<Answer>,
}

impl<'a> Watch<'a> {
    /// Runs the health check once.
    fn ask_once(&mut self, health: &'a HealthPlan) -> Result<Answer> {
        self.poll = Some(Poll::new(health));
        loop {
            if let Some(answer) = self.answer.take() {
                if let Some(poll) = self.poll.take() {
                    poll.end();
                }
                return Ok(answer);
            }
            self.step(None)?;
        }
    }

    /// Waits for the next event of the app or its health check, until the deadline.
    fn step(&mut self, deadline: Option<Instant>) -> Result<()> {
        let ask_at = self.poll.as_ref().and_then(Poll::wake_at);
        if !self.next(deadline.into_iter().chain(ask_at).min())?
            && let Some(poll) = &mut self.poll
            && let Some(answer) = poll.woken(self.launch)?
        {
            self.answer = Some(answer);
        }
        Ok(())
    }

    fn until_healthy(&mut self, health: &'a HealthPlan, how: &BootCheck, report: &mut Report) -> Result<()> {
        let began = Instant::now();
        let deadline = began.checked_add(how.timeout).unwrap_or(began);
        let mut last = None;
        self.poll = Some(Poll::new(health));
        loop {
            if let Some(change) = self.ended {
                let group = self.poll.as_ref().and_then(Poll::group);
                ended_early(change, "before it was healthy", group, report);
                return Ok(());
            }
            match self.answer.take() {
                Some(Ok(())) => {
                    report.ok("health", format!("passed after {} ms", began.elapsed().as_millis() as u64));
                    return Ok(());
                }
                Some(Err(reason)) => {
                    log::debug!("not healthy: {reason}");
                    last = Some(reason);
                }
                None => {}
            }
            if Instant::now() >= deadline {
                // The attempt that the timeout interrupted has no answer: report the one before it.
                let reason = last.unwrap_or_else(|| "no answer yet".into());
                let (reason, fix) = health::and_fix(&reason, fix::check::NOT_HEALTHY);
                report.fail("health", format!("not within {}: {reason}", Time(how.timeout)), fix);
                return Ok(());
            }
            self.step(Some(deadline))?;
        }
    }

    fn until_settled(&mut self, how: &BootCheck, why: &str, report: &mut Report) -> Result<()> {
        let deadline = Instant::now().checked_add(how.settle).unwrap_or_else(Instant::now);
        while self.ended.is_none() && self.next(Some(deadline))? {}
        match self.ended {
            Some(change) => ended_early(change, &format!("within {}", Time(how.settle)), None, report),
            None => report.ok("app", format!("up for {}{why}", Time(how.settle))),
        }
        Ok(())
    }

    /// Stops it as the engine and `/init` will.
    fn stop(&mut self, main: Pid, plan: &Plan, report: &mut Report) -> Result<()> {
        if let Some(poll) = self.poll.take() {
            poll.end();
        }
        if self.ended.is_some() {
            return Ok(());
        }
        let way = Way::of(plan);
        let before = Dispositions::of(main);
        let Some(sent) = way.sent else {
            way.report_dropped(report);
            send(main.as_raw_nonzero().get(), SIGKILL);
            return self.until_ended(Instant::now(), LAST);
        };
        let app = main.as_raw_nonzero().get();
        let began = Instant::now();
        send(if way.recipient == Recipient::Group { -app } else { app }, sent);
        let interrupted = self.until_ended(began, plan.stop.grace);
        if let Some(change) = self.ended.filter(|change| change.code().is_some()) {
            way.judge(change, began.elapsed().as_millis() as u64, before, report);
            return interrupted;
        }
        let ignored = before.is_some_and(|before| before.ignored.contains(sent));
        report.fail(
            "stop",
            format!(
                "still running {} after {}{}; killed",
                Time(plan.stop.grace),
                way.text(),
                if ignored { ", which it ignores" } else { "" }
            ),
            fix::check::STOP_IGNORED,
        );
        send(app, SIGKILL);
        interrupted.and(self.until_ended(Instant::now(), LAST))
    }

    /// Waits until the app has ended. A stop of the container does not shorten that; it is returned as the error
    /// afterwards.
    fn until_ended(&mut self, began: Instant, time: Duration) -> Result<()> {
        let deadline = began.checked_add(time).unwrap_or(began);
        let mut interrupted = Ok(());
        while self.ended.is_none() {
            match self.next(Some(deadline)) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => interrupted = Err(error),
            }
        }
        interrupted
    }

    /// Waits for the next event: false at the deadline.
    fn next(&mut self, wake_at: Option<Instant>) -> Result<bool> {
        match self.signals.next(wake_at)? {
            Event::Deadline => return Ok(false),
            Event::Readable => {}
            Event::Signal(signal) if self.launch.is_stop(signal) => {
                return Err(Error::Stopped { signal: signal.number, during: "while the app was being checked".into() });
            }
            Event::Signal(_) => {
                while let Ok(Some((pid, change))) = child::next_change() {
                    if Some(pid) == self.main {
                        if change.code().is_none() {
                            send(pid.as_raw_nonzero().get(), SIGKILL);
                        }
                        self.ended = self.ended.or(Some(change));
                    } else if let Some(answer) = self.poll.as_mut().and_then(|poll| poll.ended(pid, change)) {
                        self.answer = Some(answer);
                    }
                }
            }
        }
        Ok(true)
    }
}

fn send(to: i32, signal: i32) {
    if let Err(reason) = sys::send_signal(to, signal) {
        log::warn!("signal {signal} to the app: {}", crate::error::Kernel(reason));
    }
}

/// Reports an app that ended too early. Processes that it left running are named, without those of the health check's
/// group: with an exit code of 0 it went to the background.
fn ended_early(change: Change, when: &str, health: Option<Pid>, report: &mut Report) {
    let how = match change {
        Change::Exited(code) => format!("exited with {code}"),
        Change::Killed(signal) => format!("was ended by {}", signals::name(signal)),
        Change::Stopped(signal) => {
            let name = signals::name(signal);
            return report.fail("app", format!("was stopped (frozen) by {name} {when}"), fix::check::FROZEN);
        }
    };
    let (left, mut fix) = (leftovers::names(health), fix::check::ENDED_EARLY);
    if left.is_some() && change == Change::Exited(0) {
        fix = fix::check::IN_BACKGROUND;
    }
    let left = left.map_or(String::new(), |names| format!(" and left {names} running"));
    report.fail("app", format!("{how} {when}{left}"), fix);
}
