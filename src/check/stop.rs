//! Stops the app as in production: with the role's signal, as rewritten by supervision, within the grace period.
//!
//! In the check the app is a child, for which the kernel applies a signal's default action. For PID 1 it discards a
//! signal that is neither caught nor blocked, so the check fails for an app that becomes PID 1 and ended by a default
//! action. `pid_namespaces(7)`, `signal(7)`.

use libc::SIGKILL;
use rustix::process::getpid;

use super::report::Report;
use crate::child::Change;
use crate::config::signals;
use crate::error::fix;
use crate::facts::processes::Dispositions;
use crate::plan::Plan;
use crate::plan::supervision::{Forwarded, Recipient};

/// How the app is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Way {
    /// The signal that the engine sends.
    asked: i32,
    /// The signal that the app gets; None if supervision drops it.
    pub(super) sent: Option<i32>,
    /// Who gets it.
    pub(super) recipient: Recipient,
    /// Whether the app is PID 1 in production.
    is_first: bool,
}

impl Way {
    pub(super) fn of(plan: &Plan) -> Way {
        let asked = plan.stop.signal();
        match &plan.supervision {
            None => Way { asked, sent: Some(asked), recipient: Recipient::App, is_first: getpid().is_init() },
            Some(how) => {
                let sent = match how.forwarded(asked) {
                    Forwarded::As(number) => Some(number),
                    Forwarded::Dropped => None,
                };
                Way { asked, sent, recipient: how.recipient, is_first: false }
            }
        }
    }

    /// The signal that the app gets, for a message.
    pub(super) fn text(self) -> String {
        match self.sent {
            Some(sent) if sent == self.asked => signals::name(sent),
            Some(sent) => format!("{}, which {} becomes", signals::name(sent), signals::name(self.asked)),
            None => signals::name(self.asked),
        }
    }

    /// Reports a stop that is dropped before it reaches the app.
    pub(super) fn report_dropped(self, report: &mut Report) {
        let name = signals::name(self.asked);
        let what = format!("{name} is dropped by [supervise] signals: the app never gets it");
        report.fail("stop", what, fix::check::STOP_DROPPED);
    }

    /// Checks how an app ended on the signal. `before` are its dispositions before the stop.
    pub(super) fn judge(self, change: Change, took: u64, before: Option<Dispositions>, report: &mut Report) {
        let end = match change {
            Change::Exited(0) => String::new(),
            Change::Exited(code) => format!(", with exit code {code}"),
            Change::Killed(signal) | Change::Stopped(signal) => format!(", by {}", signals::name(signal)),
        };
        let what = format!("ended {took} ms after {}{end}", self.text());
        // In PID 1 the kernel would have discarded the signal that ended this child. The exit status decides, not the
        // signal masks: a signal that a thread waits for in sigwait(3) is neither caught nor shown as blocked.
        let by_default = self.is_first && matches!(change, Change::Killed(signal) if Some(signal) == self.sent);
        if !by_default || self.sent == Some(SIGKILL) {
            report.ok("stop", what);
        } else if before.is_some_and(|before| self.sent.is_some_and(|sent| before.caught.contains(sent))) {
            report.warn(
                "stop",
                format!(
                    "{what}, which it raised again: the kernel discards that for PID 1, and the app must exit by itself"
                ),
                fix::check::SIGNAL_RAISED,
            );
        } else {
            report.fail(
                "stop",
                format!(
                    "{what}, which it does not catch: the kernel discards it for PID 1, and nothing would stop the app"
                ),
                fix::check::SIGNAL_NOT_CAUGHT,
            );
        }
    }
}
