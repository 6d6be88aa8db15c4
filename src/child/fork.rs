//! The only way to fork a child: into a new process group. `fork(2)`, `setpgid(2)`, `pipe(2)`.

use std::os::fd::OwnedFd;

use nix::errno::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, setpgid};

use crate::error::{Error, Result, errno};
use crate::exec;
use crate::sys::{self, Side};

/// Forks a child into a new process group. It runs `work` and exits with the returned code.
///
/// # Errors
/// [`Error::Child`].
pub fn fork(work: impl FnOnce() -> u8) -> Result<Pid> {
    exec::keep_exit_codes()?;
    let failed = |errno| Error::Child { call: "fork", errno };
    match sys::fork().map_err(failed)? {
        Side::Child => {
            // Both processes set it, so that it is set before either continues.
            let _ = setpgid(None, None);
            sys::exit_now(work())
        }
        Side::Parent(child) => {
            let pid = Pid::from_raw(child).ok_or_else(|| failed(Errno::ECHILD))?;
            // EACCES: it has executed its program; ESRCH: it has ended. It set its group itself.
            let _ = setpgid(Some(pid), Some(pid));
            Ok(pid)
        }
    }
}

/// A pipe, both ends close-on-exec: the end to read, the end to write.
///
/// # Errors
/// [`Error::Child`].
pub fn pipe() -> Result<(OwnedFd, OwnedFd)> {
    pipe_with(PipeFlags::CLOEXEC).map_err(|error| Error::Child { call: "pipe2", errno: errno(error) })
}
