//! Sends `READY=1` to the service manager when the health check first passes: `sd_notify(3)`.
//!
//! Written by hand, since the small crates for it do not support abstract sockets, which systemd itself uses. After the
//! first answer that passes, no further question is asked.

use std::time::Instant;

use std::io::{Error, ErrorKind};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use rustix::process::Pid;

use crate::child::Change;
use crate::error::Result;
use crate::exec::Launch;
use crate::health::{Answer, Poll};
use crate::plan::health::HealthPlan;
use crate::privilege::Dropped;

/// Waits until the app is healthy, and reports it.
pub(super) struct Readiness<'a> {
    poll: Poll<'a>,
    manager: Manager,
}

impl<'a> Readiness<'a> {
    pub(super) fn new(health: &'a HealthPlan, manager: Manager) -> Readiness<'a> {
        Readiness { poll: Poll::new(health), manager }
    }

    /// When it is to be woken.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        self.poll.wake_at()
    }

    /// The time came.
    pub(super) fn woken(&mut self, launch: Launch<'_, Dropped>) -> Result<()> {
        if let Some(answer) = self.poll.woken(launch)? {
            self.judge(&answer);
        }
        Ok(())
    }

    /// A process ended; whether the app is ready now.
    pub(super) fn ended(&mut self, pid: Pid, change: Change) -> bool {
        self.poll.ended(pid, change).is_some_and(|answer| self.judge(&answer))
    }

    fn judge(&self, answer: &Answer) -> bool {
        match answer {
            Ok(()) => {
                self.manager.tell(&format!("READY=1\nMAINPID={}\n", std::process::id()));
                log::info!("ready: the health check passes");
            }
            Err(reason) => log::debug!("not ready: {reason}"),
        }
        answer.is_ok()
    }

    /// The app has ended: no more questions.
    pub(super) fn give_up(self) {
        self.poll.end();
    }
}

/// The service manager that waits for the app to be ready, by the socket of `NOTIFY_SOCKET`.
#[derive(Clone, Debug)]
pub struct Manager(Vec<u8>);

impl Manager {
    /// The socket that this value names; none for an empty one.
    pub fn named(socket: &[u8]) -> Option<Manager> {
        (!socket.is_empty()).then(|| Manager(socket.to_vec()))
    }

    /// Sends one message. A manager that is gone is no reason to stop the app.
    pub fn tell(&self, message: &str) {
        if let Err(error) = self.send(message) {
            log::warn!("NOTIFY_SOCKET: {error}");
        }
    }

    /// Its address.
    ///
    /// # Errors
    /// What no address can hold: too many bytes, or a NUL in a path.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        match self.0.strip_prefix(b"@") {
            Some(name) => SocketAddr::from_abstract_name(name),
            None => SocketAddr::from_pathname(std::ffi::OsStr::from_bytes(&self.0)),
        }
    }

    fn send(&self, message: &str) -> std::io::Result<()> {
        let sent = UnixDatagram::unbound()?.send_to_addr(message.as_bytes(), &self.address()?)?;
        if sent == message.len() { Ok(()) } else { Err(Error::from(ErrorKind::WriteZero)) }
    }
}
