//! Ends the processes that a child left behind: SIGTERM, a grace period, SIGKILL.

use std::time::{Duration, Instant};

use libc::{SIGKILL, SIGTERM};
use nix::errno::Errno;

use super::next_change;
use super::wait::{Event, Signals};
use crate::error::Result;
use crate::facts::processes::descendants;
use crate::sys;

/// How long to wait after SIGKILL: a process that waits in the kernel for a device may never end.
const LAST: Duration = Duration::from_secs(2);

/// Which processes are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Every other process of the PID namespace, when its PID 1 is about to end.
    Namespace,
    /// The descendants of this process.
    Descendants,
}

/// The processes that are left.
#[derive(Clone, Copy, Debug)]
pub struct Leftovers {
    /// Which.
    pub reach: Reach,
    /// From SIGTERM to SIGKILL.
    pub grace: Duration,
}

impl Leftovers {
    /// Ends them all, or as many as end.
    ///
    /// # Errors
    /// [`crate::error::Error::Child`].
    pub fn end(&self, signals: &Signals) -> Result<()> {
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
                    log::warn!("some processes do not end on SIGKILL");
                    return Ok(());
                }
                Event::Deadline => {
                    log::warn!("processes are left after {:?} of SIGTERM: SIGKILL", self.grace);
                    (killing, deadline) = (true, Instant::now().checked_add(LAST));
                    signalled.clear();
                }
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

fn send(signal: i32, process: i32) {
    match sys::send_signal(process, signal) {
        Ok(()) | Err(Errno::ESRCH) => {}
        Err(reason) => log::warn!("signal {signal} to {process}: {}", crate::error::Kernel(reason)),
    }
}

/// Reaps the children that have ended; whether there is no child any more.
fn reaped_all() -> bool {
    loop {
        match next_change() {
            Ok(Some(_)) => {}
            Ok(None) => return false,
            Err(_) => return true,
        }
    }
}
