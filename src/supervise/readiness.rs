//! `READY=1` to whoever started the container, when the health check first passes: `sd_notify(3)`.
//!
//! By hand, since the small crates for it know no abstract sockets, which is what systemd itself uses. It asks in a process of its own, and not at all once the answer was yes: from then on nothing wakes `/init` but a
//! signal.

use std::time::{Duration, Instant};

use std::io::{Error, ErrorKind};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use rustix::process::Pid;

use crate::child::Change;
use crate::error::Result;
use crate::health::{Asked, ask};
use crate::plan::health::HealthPlan;
use crate::privilege::Dropped;
use crate::sys::SignalMask;

/// Between two questions.
const PAUSE: Duration = Duration::from_millis(250);

/// The way to ready.
pub(super) struct Readiness {
    health: HealthPlan,
    manager: Manager,
    asked: Option<Asked>,
    again_at: Instant,
}

impl Readiness {
    pub(super) fn new(health: HealthPlan, manager: Manager) -> Readiness {
        Readiness { health, manager, asked: None, again_at: Instant::now() }
    }

    /// When it wants to be woken.
    pub(super) fn wake_at(&self) -> Instant {
        self.asked.as_ref().map_or(self.again_at, |asked| asked.deadline)
    }

    /// The time came: ask, or end a question that takes too long.
    pub(super) fn woken(&mut self, dropped: &Dropped, mask: SignalMask) -> Result<()> {
        let now = Instant::now();
        match &self.asked {
            Some(asked) if now >= asked.deadline => asked.end(),
            None if now >= self.again_at => self.asked = Some(ask(dropped, &self.health, mask)?),
            _ => {}
        }
        Ok(())
    }

    /// A process ended; whether the app is ready now.
    pub(super) fn ended(&mut self, pid: Pid, change: Change) -> bool {
        let Some(asked) = self.asked.take_if(|asked| asked.pid == pid) else { return false };
        match asked.conclude(change) {
            Ok(()) => {
                self.manager.tell(&format!("READY=1\nMAINPID={}\n", std::process::id()));
                log::info!("ready: the health check passes");
                true
            }
            Err(reason) => {
                log::debug!("not ready: {reason}");
                self.again_at = Instant::now().checked_add(PAUSE).unwrap_or(self.again_at);
                false
            }
        }
    }

    /// The app is about to end: no more questions.
    pub(super) fn give_up(&self) {
        if let Some(asked) = &self.asked {
            asked.end();
        }
    }
}

/// Who waits to hear that the app is ready: the socket of `NOTIFY_SOCKET`.
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
