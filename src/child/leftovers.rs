//! What a child leaves behind: SIGTERM, a grace, SIGKILL. A grandchild with a trap gets its time.

use std::time::{Duration, Instant};

use libc::{SIGKILL, SIGTERM};
use nix::errno::Errno;

use super::wait::{Event, Signals};
use super::{descendants, next_change};
use crate::error::Result;
use crate::sys;

/// How long killed processes may take to go: one that sleeps in the kernel goes when its device answers, which may be
/// never.
const LAST: Duration = Duration::from_secs(2);

/// The processes that are left.
#[derive(Clone, Copy, Debug)]
pub struct Leftovers {
    /// Every process of the PID namespace, for its PID 1 about to end; else the descendants of this process.
    pub everyone: bool,
    /// From SIGTERM to SIGKILL.
    pub grace: Duration,
}

impl Leftovers {
    /// Ends them all, or as many as end.
    ///
    /// # Errors
    /// [`crate::error::Error::Child`].
    pub fn end(&self, signals: &Signals) -> Result<()> {
        let mut told = Vec::new();
        let mut deadline = Instant::now().checked_add(self.grace);
        let mut killing = false;
        loop {
            if reaped_all() {
                return Ok(());
            }
            self.tell(if killing { SIGKILL } else { SIGTERM }, &mut told);
            match signals.next(deadline)? {
                Event::Signal(_) | Event::Readable => {}
                Event::Deadline if killing => {
                    log::warn!("processes are left that even SIGKILL does not end now");
                    return Ok(());
                }
                Event::Deadline => {
                    log::warn!("processes are left after {:?} of SIGTERM: SIGKILL", self.grace);
                    (killing, deadline) = (true, Instant::now().checked_add(LAST));
                    told.clear();
                }
            }
        }
    }

    /// Signals each of them once; those that come up later when they do.
    fn tell(&self, signal: i32, told: &mut Vec<i32>) {
        if self.everyone {
            if told.is_empty() {
                told.push(-1);
                // Everything but ourselves, wherever it hangs in the tree.
                report(signal, -1);
            }
            return;
        }
        for process in descendants() {
            if !told.contains(&process) {
                told.push(process);
                report(signal, process);
            }
        }
    }
}

fn report(signal: i32, process: i32) {
    match sys::send_signal(process, signal) {
        Ok(()) | Err(Errno::ESRCH) => {}
        Err(reason) => log::warn!("signal {signal} to {process}: {}", crate::error::Kernel(reason)),
    }
}

/// Reaps what has ended; whether nothing is left.
fn reaped_all() -> bool {
    loop {
        match next_change() {
            Ok(Some(_)) => {}
            Ok(None) => return false,
            Err(_) => return true,
        }
    }
}
