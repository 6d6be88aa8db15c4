//! The kernel's reasons, as errors hold and show them.

use std::fmt;

use nix::errno::Errno;

/// An errno in words and by its name: `Permission denied (EACCES)`.
pub struct Kernel(pub Errno);

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:?})", self.0.desc(), self.0)
    }
}

/// rustix's errno as the one type that errors hold.
pub fn errno(of: rustix::io::Errno) -> Errno {
    Errno::from_raw(of.raw_os_error())
}

/// An I/O error of the standard library as an errno; one without a number is `EIO`.
pub fn io_errno(of: &std::io::Error) -> Errno {
    of.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}
