//! Waits for signals, and for a point in time if there is one. Nothing else wakes it: it does not poll.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Instant;

use nix::errno::Errno;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::error::{Error, Result, errno};
use crate::sys::{SignalMask, signal_descriptor};

/// A signal, and what came with it.
#[derive(Clone, Copy, Debug)]
pub struct Signal {
    /// Its number, from 1 to 64.
    pub number: i32,
    /// How it was sent (`si_code`).
    pub code: i32,
    /// Who sent it: pid and uid.
    pub sender: (u32, u32),
    /// The value of a queued one.
    pub value: u64,
}

/// What woke the wait.
#[derive(Clone, Copy, Debug)]
pub enum Event {
    /// A signal.
    Signal(Signal),
    /// The descriptor that was watched has something to read, or has come to its end.
    Readable,
    /// The time came.
    Deadline,
}

/// Receives signals of the process, which must be blocked. Those outside of the set go on waiting for whoever comes after.
#[derive(Debug)]
pub struct Signals(OwnedFd);

impl Signals {
    /// Starts to receive those of the set; what waited before is received too.
    ///
    /// # Errors
    /// [`Error::Child`].
    pub fn receive(set: SignalMask) -> Result<Signals> {
        signal_descriptor(set).map(Signals).map_err(|errno| Error::Child { call: "signalfd4", errno })
    }

    /// Sleeps until the next signal or the deadline.
    ///
    /// # Errors
    /// [`Error::Child`].
    pub fn next(&self, deadline: Option<Instant>) -> Result<Event> {
        self.next_or(deadline, None)
    }

    /// The same, or until there is something to read. Signals come first.
    ///
    /// # Errors
    /// [`Error::Child`].
    pub fn next_or(&self, deadline: Option<Instant>, watched: Option<BorrowedFd<'_>>) -> Result<Event> {
        let failed = |call, errno| Error::Child { call, errno };
        loop {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let timeout =
                left.map(|left| Timespec { tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX), tv_nsec: left.subsec_nanos().into() });
            let mut polled = vec![PollFd::new(&self.0, PollFlags::IN)];
            polled.extend(watched.map(|descriptor| PollFd::from_borrowed_fd(descriptor, PollFlags::IN)));
            match poll(&mut polled, timeout.as_ref()).map_err(errno) {
                Ok(0) => return Ok(Event::Deadline),
                Ok(_) if polled.first().is_none_or(|signals| signals.revents().is_empty()) => return Ok(Event::Readable),
                Ok(_) => {}
                Err(Errno::EINTR) => continue,
                Err(reason) => return Err(failed("ppoll", reason)),
            }
            let mut info = [0_u8; 128];
            match rustix::io::read(&self.0, &mut info).map_err(errno) {
                Ok(_) => return Ok(Event::Signal(signal(&info))),
                Err(Errno::EINTR | Errno::EAGAIN) => {}
                Err(reason) => return Err(failed("read of signals", reason)),
            }
        }
    }
}

/// `struct signalfd_siginfo` of `signalfd(2)`: fixed offsets on every architecture.
fn signal(info: &[u8; 128]) -> Signal {
    let word = |at: usize| info.get(at..).and_then(|rest| rest.first_chunk::<4>()).map_or(0, |bytes| u32::from_ne_bytes(*bytes));
    let value = info.get(48..).and_then(|rest| rest.first_chunk::<8>()).map_or(0, |bytes| u64::from_ne_bytes(*bytes));
    Signal { number: word(0).cast_signed(), code: word(8).cast_signed(), sender: (word(12), word(16)), value }
}
