//! The socket for the app's notifications where `/init` notifies the service manager: the app's `STATUS=` and similar
//! are passed on, its readiness only after the health check has passed.
//!
//! It is an abstract socket, since there may be no writable directory. In a shared network namespace other processes
//! can send to it, so only notifications from this uid are passed on. `unix(7)`, `sd_notify(3)`.

use std::io::Result;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg, sockopt};
use rustix::process::getuid;

use crate::facts::random;
use crate::text::joined;

/// The longest notification that is read.
const LONGEST: usize = 4096;

/// The variables that only `/init` sends. Descriptors (`FDSTORE=1`) are not passed on; closing them answers
/// `BARRIER=1`.
const OWN: [&str; 7] = ["MAINPID", "WATCHDOG", "NOTIFYACCESS", "FDSTORE", "FDNAME", "FDSTOREREMOVE", "BARRIER"];

/// The receiving socket.
#[derive(Debug)]
pub(super) struct Relay {
    socket: UnixDatagram,
    name: String,
}

impl Relay {
    /// Binds it to a random name.
    pub(super) fn open() -> Result<Relay> {
        let name = format!("stepdown/{:032x}", random::number());
        let socket = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name)?)?;
        socket.set_nonblocking(true)?;
        sockopt::set_socket_passcred(&socket, true)?;
        Ok(Relay { socket, name })
    }

    /// The value of `NOTIFY_SOCKET`.
    pub(super) fn address(&self) -> String {
        format!("@{}", self.name)
    }

    /// The number of its descriptor.
    pub(super) fn number(&self) -> i32 {
        self.socket.as_raw_fd()
    }

    /// Reads one notification and returns the lines to pass on; none if nothing was received.
    pub(super) fn receive(&self, ready: bool) -> Option<String> {
        let mut bytes = [0_u8; LONGEST];
        let mut space = [MaybeUninit::uninit(); 256];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut parts = [std::io::IoSliceMut::new(&mut bytes)];
        // Descriptors that come with it are closed when the buffer is dropped.
        let length = recvmsg(&self.socket, &mut parts, &mut ancillary, RecvFlags::CMSG_CLOEXEC).ok()?.bytes;
        let ours = ancillary.drain().any(|message| match message {
            RecvAncillaryMessage::ScmCredentials(sender) => sender.uid == getuid(),
            _ => false,
        });
        let text = String::from_utf8_lossy(bytes.get(..length)?);
        passed_on(&text, ready).filter(|_| ours)
    }
}

impl AsFd for Relay {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// The lines of a report that are passed on.
fn passed_on(report: &str, ready: bool) -> Option<String> {
    let is_passed_on = |line: &&str| {
        let name = line.split('=').next().unwrap_or_default();
        !OWN.contains(&name) && (ready || name != "READY") && line.contains('=')
    };
    let lines: Vec<&str> = report.lines().filter(is_passed_on).collect();
    (!lines.is_empty()).then(|| joined(&lines, "\n") + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_is_passed_on_only_once_the_check_passed() {
        let report = "READY=1\nMAINPID=5\nSTATUS=up\nWATCHDOG=1\n";
        assert_eq!(passed_on(report, false).as_deref(), Some("STATUS=up\n"));
        assert_eq!(passed_on(report, true).as_deref(), Some("READY=1\nSTATUS=up\n"));
        assert_eq!(passed_on("WATCHDOG=1", true), None);
        assert_eq!(passed_on("READY=1", false), None);
        assert_eq!(passed_on("", true), None);
    }
}
