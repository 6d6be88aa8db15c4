//! Ends the processes that a child left behind: SIGTERM, a grace period, SIGKILL.

use std::time::{Duration, Instant};

use libc::{SIGKILL, SIGTERM};
use nix::errno::Errno;
use rustix::process::{Pid, getpgid};

use super::next_change;
use super::wait::{Event, Signals};
use crate::error::{Result, fix};
use crate::facts::processes::{self, descendants};
use crate::sys;
use crate::text::{Time, joined};

/// How long to wait after SIGKILL: a process in uninterruptible sleep may never end.
const LAST: Duration = Duration::from_secs(2);

/// How long processes may take to end on their own before they are reported: many outlive their parent by a moment.
const AFTERMATH: Duration = Duration::from_millis(50);

/// How many of them a message names.
const NAMED: usize = 3;

/// Which processes to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Every other process of the PID namespace; for its PID 1, before it exits.
    Namespace,
    /// The descendants of this process.
    Descendants,
}

/// The processes that are left.
#[derive(Clone, Debug)]
pub struct Leftovers<'a> {
    /// Which.
    pub reach: Reach,
    /// From SIGTERM to SIGKILL.
    pub grace: Duration,
    /// The beginning of the warning and its fix, where leftovers are logged.
    pub report: Option<(&'a str, &'a str)>,
}

impl Leftovers<'_> {
    /// Ends the processes. One that does not end after SIGKILL is left behind.
    ///
    /// # Errors
    /// [`crate::error::Error::Child`].
    pub fn end(&self, signals: &Signals) -> Result<()> {
        if self.is_over(signals)? {
            return Ok(());
        }
        let mut signalled = Vec::new();
        let mut deadline = Instant::now().checked_add(self.grace);
        let mut killing = false;
        loop {
            if reaped_all() {
                return Ok(());
            }
            self.signal(if killing { SIGKILL } else { SIGTERM }, &mut signalled);
            match signals.next(deadline)? {
                Event::Signal(_) | Event::Readable => {}
                Event::Deadline if killing => {
                    let names = names(None).unwrap_or_else(|| "some processes".into());
                    log::warn!("SIGKILL does not end {names}; fix: {}", fix::running::NOT_KILLED);
                    return Ok(());
                }
                Event::Deadline => {
                    log::warn!("processes are left after {} of SIGTERM: SIGKILL", Time(self.grace));
                    (killing, deadline) = (true, Instant::now().checked_add(LAST));
                    signalled.clear();
                }
            }
        }
    }

    /// Whether no process is left. Before a report, processes that are about to end get a moment to do so.
    fn is_over(&self, signals: &Signals) -> Result<bool> {
        let Some((who, fix)) = self.report else { return Ok(false) };
        let deadline = Instant::now().checked_add(AFTERMATH);
        loop {
            if reaped_all() {
                return Ok(true);
            }
            if let Event::Deadline = signals.next(deadline)? {
                if let Some(names) = names(None) {
                    log::warn!("{who} left {names} running, which is ended now; fix: {fix}");
                }
                return Ok(false);
            }
        }
    }

    /// Signals each of them once, also those that appear later.
    fn signal(&self, signal: i32, signalled: &mut Vec<i32>) {
        match self.reach {
            Reach::Namespace if signalled.is_empty() => {
                signalled.push(-1);
                // All processes but this one, whoever their parent is.
                send(signal, -1);
            }
            Reach::Namespace => {}
            Reach::Descendants => {
                for process in descendants() {
                    if !signalled.contains(&process) {
                        signalled.push(process);
                        send(signal, process);
                    }
                }
            }
        }
    }
}

/// The descendants of this process that still run, by name and pid: `nginx (pid 7)`. None where there is none.
/// Those of the process group `except` do not count.
pub fn names(except: Option<Pid>) -> Option<String> {
    let running: Vec<String> = descendants()
        .into_iter()
        .filter(|pid| except.is_none() || getpgid(Pid::from_raw(*pid)).ok() != except)
        .filter_map(|pid| Some(format!("{} (pid {pid})", processes::name_of_running(pid)?)))
        .collect();
    let shown = joined(running.get(..NAMED).unwrap_or(&running), ", ");
    match running.len() {
        0 => None,
        count if count > NAMED => Some(format!("{shown} and {} more", count - NAMED)),
        _ => Some(shown),
    }
}

fn send(signal: i32, process: i32) {
    match sys::send_signal(process, signal) {
        Ok(()) | Err(Errno::ESRCH) => {}
        Err(reason) => log::warn!("signal {signal} to {process}: {}", crate::error::Kernel(reason)),
    }
}

/// Reaps the children that have ended. True if no child is left.
fn reaped_all() -> bool {
    loop {
        match next_change() {
            Ok(Some(_)) => {}
            Ok(None) => return false,
            Err(_) => return true,
        }
    }
}
