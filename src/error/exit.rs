//! The exit code of every error.

use super::Error;

/// The exit codes: those of `sysexits.h`, which `systemctl status` shows by name, and the shell's for commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// The command line or the gate variable is wrong (`EX_USAGE`).
    Usage = 64,
    /// A step failed or timed out (`EX_SOFTWARE`).
    Step = 70,
    /// A system call failed (`EX_OSERR`).
    System = 71,
    /// A capability is missing, or the drop could not be proved (`EX_NOPERM`).
    Privilege = 77,
    /// The configuration is wrong, or it names something that does not exist (`EX_CONFIG`).
    Config = 78,
    /// The command is not executable.
    NotExecutable = 126,
    /// The command is not found.
    NotFound = 127,
}

impl Error {
    /// Its exit code.
    pub fn exit_code(&self) -> u8 {
        let exit = match self {
            Error::CommandLine { .. } | Error::OwnVariable { .. } | Error::NothingBeside => Exit::Usage,
            Error::Descriptors { .. }
            | Error::Signals { .. }
            | Error::NotDone { .. }
            | Error::HandOver { .. }
            | Error::HandOverUnproved { .. }
            | Error::Create { .. }
            | Error::Child { .. }
            | Error::WorkingDirectory { .. }
            | Error::Output { .. } => Exit::System,
            Error::PrivilegedInstall { .. }
            | Error::CapabilityMissing { .. }
            | Error::Credentials { .. }
            | Error::Drop { .. }
            | Error::ProofUnreadable { .. }
            | Error::NotProved { .. }
            | Error::SealUnavailable { .. }
            | Error::SealNotProved { .. }
            | Error::Threads { .. } => Exit::Privilege,
            Error::ConfigRead { .. }
            | Error::ConfigKind { .. }
            | Error::ConfigEncoding { .. }
            | Error::NotRoots { .. }
            | Error::Config { .. }
            | Error::Identity { .. }
            | Error::Unmapped { .. }
            | Error::Accounts { .. }
            | Error::Role { .. }
            | Error::NoCommand { .. }
            | Error::NoHealth { .. }
            | Error::Unset { .. }
            | Error::Required { .. }
            | Error::Refused { .. }
            | Error::Secret { .. }
            | Error::Inexpressible { .. }
            | Error::RootStepsWithoutRoot { .. }
            | Error::Linked(_)
            | Error::MountPoint { .. }
            | Error::NotWritable { .. } => Exit::Config,
            Error::Step { .. } => Exit::Step,
            Error::NotExecutable { .. } => Exit::NotExecutable,
            Error::NotFound { .. } => Exit::NotFound,
            Error::Part { error, .. } | Error::Hindered { error, .. } => return error.exit_code(),
            Error::Stopped { signal, .. } => return u8::try_from(128 + signal).unwrap_or(255),
        };
        exit as u8
    }
}
