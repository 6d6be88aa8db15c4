//! Stops the app as production will: the role's signal, through its rewriting, within its grace period.
//!
//! A child has what PID 1 has not: the default action of a signal. The kernel discards a signal to PID 1 that it neither
//! catches nor blocks, so an app that becomes PID 1 is judged by its dispositions too. `pid_namespaces(7)`, `signal(7)`.

use libc::{SIGCHLD, SIGCONT, SIGKILL, SIGURG, SIGWINCH};
use rustix::process::getpid;

use super::report::Report;
use crate::child::Change;
use crate::config::signals;
use crate::facts::processes::Dispositions;
use crate::plan::Plan;
use crate::plan::supervision::{Forwarded, Recipient};

/// The signals whose default action does nothing.
const HARMLESS: [i32; 4] = [SIGCHLD, SIGCONT, SIGURG, SIGWINCH];

/// How the app is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Way {
    /// What the engine sends.
    asked: i32,
    /// What the app gets; nothing where it is dropped on the way.
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

    /// What the app gets, in words.
    pub(super) fn text(self) -> String {
        match self.sent {
            Some(sent) if sent == self.asked => signals::name(sent),
            Some(sent) => format!("{}, which {} becomes", signals::name(sent), signals::name(self.asked)),
            None => signals::name(self.asked),
        }
    }

    /// Whether the stop cannot reach the app, which fails the check without trying.
    pub(super) fn is_lost(self, app: Option<Dispositions>, report: &mut Report) -> bool {
        let Some(sent) = self.sent else {
            let name = signals::name(self.asked);
            let fix = "take it out of supervise.signals, or name the signal that stops the app in [stop] signal";
            report.fail("stop", format!("{name} is dropped by [supervise] signals: the app never gets it"), fix);
            return true;
        };
        let discarded = |app: Dispositions| app.is_default(sent) && !app.blocked.contains(sent);
        if !self.is_first || sent == SIGKILL || !app.is_some_and(discarded) {
            return false;
        }
        let what = format!("the app does not catch {}, which the kernel discards for PID 1", signals::name(sent));
        report.fail("stop", what, self.remedy(sent));
        true
    }

    fn remedy(self, sent: i32) -> &'static str {
        if HARMLESS.contains(&sent) {
            "let the app catch it, or name another signal in [stop] signal"
        } else {
            "supervise = true for the role, or let the app catch the signal"
        }
    }

    /// Judges an app that ended on the signal. `before` are its dispositions before that.
    pub(super) fn judge(self, change: Change, took: u128, before: Option<Dispositions>, report: &mut Report) {
        let end = match change {
            Change::Exited(0) => String::new(),
            Change::Exited(code) => format!(", with exit code {code}"),
            Change::Killed(signal) | Change::Stopped(signal) => format!(", by {}", signals::name(signal)),
        };
        let what = format!("ended {took} ms after {}{end}", self.text());
        // In PID 1 the kernel would have discarded the signal that ended this child.
        let by_default = self.is_first && matches!(change, Change::Killed(signal) if Some(signal) == self.sent);
        if !by_default || self.sent == Some(SIGKILL) {
            report.ok("stop", what);
        } else if before.is_some_and(|before| self.sent.is_some_and(|sent| before.caught.contains(sent))) {
            report.warn(
                "stop",
                format!(
                    "{what}, which it raised again: the kernel discards that for PID 1, and the app must exit by itself"
                ),
                "supervise = true for the role, or let the app exit instead of raising the signal again",
            );
        } else {
            let remedy = self.sent.map_or("", |sent| self.remedy(sent));
            report.fail("stop", format!("{what}, which it does not catch: the kernel discards it for PID 1"), remedy);
        }
    }
}
