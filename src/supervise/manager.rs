//! The service manager that started the container, by the socket of `NOTIFY_SOCKET`: `sd_notify(3)`.
//!
//! Written by hand, since the small crates for it do not support abstract sockets, which systemd itself uses.

use std::cell::Cell;
use std::io::{Error, ErrorKind};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// The time limit of one message.
const PATIENCE: Duration = Duration::from_secs(1);

/// The socket's address.
#[derive(Clone, Debug)]
pub struct Manager {
    socket: Vec<u8>,
    /// Whether the last message could not be sent, which is logged once.
    gone: Cell<bool>,
}

impl Manager {
    /// The manager at this socket; none for an empty value.
    pub fn named(socket: &[u8]) -> Option<Manager> {
        (!socket.is_empty()).then(|| Manager { socket: socket.to_vec(), gone: Cell::new(false) })
    }

    /// Sends one message. A failure does not stop the app.
    pub fn tell(&self, message: &str) {
        let sent = self.send(message);
        if !self.gone.replace(sent.is_err())
            && let Err(error) = sent
        {
            log::warn!("NOTIFY_SOCKET: {error}");
        }
    }

    /// Its address.
    ///
    /// # Errors
    /// The value is too long for an address, or has a NUL in a path.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        match self.socket.strip_prefix(b"@") {
            Some(name) => SocketAddr::from_abstract_name(name),
            None => SocketAddr::from_pathname(std::ffi::OsStr::from_bytes(&self.socket)),
        }
    }

    fn send(&self, message: &str) -> std::io::Result<()> {
        let socket = UnixDatagram::unbound()?;
        // A manager that does not read must not block PID 1.
        socket.set_write_timeout(Some(PATIENCE))?;
        let sent = socket.send_to_addr(message.as_bytes(), &self.address()?)?;
        if sent == message.len() { Ok(()) } else { Err(Error::from(ErrorKind::WriteZero)) }
    }
}
