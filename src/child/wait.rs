//! Waits for signals, with an optional deadline. It does not poll.
//!
//! It uses a descriptor only if there is output to read as well: the app can lower the descriptor limit of `/init`,
//! which has the same uid, and that must not end `/init`. A frequent event never starves the others.
//! `rt_sigtimedwait(2)`, `signalfd(2)`.

use std::cell::{Cell, OnceCell};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::error::{Error, Result, errno};
use crate::sys::{Signal, SignalMask, signal_descriptor, wait_for_signal};

/// The reason why the wait ended.
#[derive(Clone, Copy, Debug)]
pub enum Event {
    /// A signal.
    Signal(Signal),
    /// The watched descriptor is readable or at end of file.
    Readable,
    /// The deadline has passed.
    Deadline,
}

/// Receives signals of the process, which must be blocked. Signals outside of the set stay pending.
#[derive(Debug)]
pub struct Signals {
    set: SignalMask,
    /// The number of the last signal; the next wait looks above it first.
    last: Cell<i32>,
    /// Whether the last event was a deadline.
    was_deadline: Cell<bool>,
    descriptor: OnceCell<OwnedFd>,
}

impl Signals {
    /// Starts to receive the signals of the set, including pending ones.
    pub fn receive(set: SignalMask) -> Signals {
        Signals { set, last: Cell::new(0), was_deadline: Cell::new(false), descriptor: OnceCell::new() }
    }

    /// Sleeps until the next signal or the deadline.
    ///
    /// # Errors
    /// [`Error::Child`].
    pub fn next(&self, deadline: Option<Instant>) -> Result<Event> {
        self.next_or(deadline, [None, None])
    }

    /// The same, or until one of the descriptors is readable.
    ///
    /// # Errors
    /// [`Error::Child`].
    pub fn next_or(&self, deadline: Option<Instant>, watched: [Option<BorrowedFd<'_>>; 2]) -> Result<Event> {
        let [one, other] = watched;
        let watched = one.or(other).map(|one| [one, other.unwrap_or(one)]);
        loop {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            // A deadline in the past alternates with the other events.
            if left == Some(Duration::ZERO) && !self.was_deadline.replace(true) {
                return Ok(Event::Deadline);
            }
            self.was_deadline.set(false);
            // The kernel returns the lowest number first; a flood of one signal would starve those above it.
            let above = wait_for_signal(self.set.above(self.last.get()), Some(Duration::ZERO));
            let patience = if watched.is_some() { Some(Duration::ZERO) } else { left };
            match above.or_else(|_| wait_for_signal(self.set, patience)) {
                Ok(signal) => {
                    self.last.set(signal.number);
                    return Ok(Event::Signal(signal));
                }
                Err(Errno::EAGAIN) => {
                    let Some(watched) = watched else { return Ok(Event::Deadline) };
                    if let Some(event) = self.beside(left, watched)? {
                        return Ok(event);
                    }
                }
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(Error::Child { call: "rt_sigtimedwait", errno }),
            }
        }
    }

    /// Sleeps until one of the descriptors is readable or the deadline has passed; returns None if a signal is
    /// pending, which the caller reads.
    fn beside(&self, left: Option<Duration>, [one, other]: [BorrowedFd<'_>; 2]) -> Result<Option<Event>> {
        let failed = |call, errno| Error::Child { call, errno };
        let descriptor = match self.descriptor.get() {
            Some(descriptor) => descriptor,
            None => {
                let made = signal_descriptor(self.set).map_err(|errno| failed("signalfd4", errno))?;
                self.descriptor.get_or_init(|| made)
            }
        };
        let timeout = left.map(|left| Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: left.subsec_nanos().into(),
        });
        let watch = |descriptor| PollFd::from_borrowed_fd(descriptor, PollFlags::IN);
        let mut polled = [watch(descriptor.as_fd()), watch(one), watch(other)];
        match poll(&mut polled, timeout.as_ref()).map_err(errno) {
            Ok(0) => Ok(Some(Event::Deadline)),
            Ok(_) => Ok(polled.first().is_some_and(|signals| signals.revents().is_empty()).then_some(Event::Readable)),
            Err(Errno::EINTR) => Ok(None),
            Err(reason) => Err(failed("ppoll", reason)),
        }
    }
}
