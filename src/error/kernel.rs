//! Errnos in errors: conversion and text.

use std::fmt;

use nix::errno::Errno;

use super::{Denied, Error, NoSecret, Unfit};

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

impl Error {
    /// The kernel's reason. Without a wildcard, so that no variant with a reason is forgotten.
    pub(super) fn errno(&self) -> Option<Errno> {
        match self {
            Error::Signals { errno, .. }
            | Error::Descriptors { errno, .. }
            | Error::ConfigRead { errno, .. }
            | Error::NotRoots { cause: Denied::Call(_, errno), .. }
            | Error::Credentials { errno, .. }
            | Error::Accounts { errno, .. }
            | Error::Secret { cause: NoSecret::Refused(errno), .. }
            | Error::NotExecutable { cause: Unfit::Other(errno), .. }
            | Error::HandOver { errno, .. }
            | Error::NotWritable { errno, .. }
            | Error::Drop { errno, .. }
            | Error::ProofUnreadable { errno, .. }
            | Error::SealUnavailable { errno, .. }
            | Error::Create { errno, .. }
            | Error::Child { errno, .. }
            | Error::WorkingDirectory { errno, .. }
            | Error::Output { errno } => Some(*errno),
            Error::Part { error, .. } | Error::Hindered { error, .. } => error.errno(),
            Error::CommandLine { .. }
            | Error::OwnVariable { .. }
            | Error::PrivilegedInstall { .. }
            | Error::NotDone { .. }
            | Error::ConfigKind { .. }
            | Error::ConfigEncoding { .. }
            | Error::NotRoots { .. }
            | Error::Config { .. }
            | Error::Identity { .. }
            | Error::Unmapped { .. }
            | Error::Role { .. }
            | Error::NoCommand { .. }
            | Error::NoHealth { .. }
            | Error::NothingBeside
            | Error::Unset { .. }
            | Error::Secret { .. }
            | Error::Step { .. }
            | Error::Inexpressible { .. }
            | Error::Required { .. }
            | Error::Refused { .. }
            | Error::NotFound { .. }
            | Error::NotExecutable { .. }
            | Error::CapabilityMissing { .. }
            | Error::RootStepsWithoutRoot { .. }
            | Error::MountPoint { .. }
            | Error::HandOverUnproved { .. }
            | Error::NotProved { .. }
            | Error::Threads { .. }
            | Error::Linked(_)
            | Error::SealNotProved { .. }
            | Error::Stopped { .. } => None,
        }
    }
}
