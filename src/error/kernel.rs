//! Errnos in errors: conversion and text.

use std::fmt;

use nix::errno::Errno;

/// An errno as text with its name: `Permission denied (EACCES)`.
pub struct Kernel(pub Errno);

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:?})", self.0.desc(), self.0)
    }
}

/// Converts an errno of rustix.
pub fn errno(of: rustix::io::Errno) -> Errno {
    Errno::from_raw(of.raw_os_error())
}

/// Converts an I/O error of the standard library; one without an errno becomes `EIO`.
pub fn io_errno(of: &std::io::Error) -> Errno {
    of.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}
