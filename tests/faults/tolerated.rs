//! The exceptions from the rule for disturbed boots, each with the reason why it is harmless. No row allows more
//! privilege.

use libc::{
    SYS_brk, SYS_close, SYS_dup, SYS_dup3, SYS_faccessat, SYS_fchmodat, SYS_fstat, SYS_getdents64, SYS_mmap,
    SYS_mprotect, SYS_munmap, SYS_newfstatat, SYS_openat, SYS_openat2, SYS_pipe2, SYS_read, SYS_set_tid_address,
    SYS_signalfd4, SYS_statx, SYS_wait4, SYS_write,
};

use crate::cases::Case;
use crate::support::protocol::Answer;

/// A kind of deviation from the rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Deviation {
    /// Ids, groups, sets, `no_new_privs`, securebits or a descriptor that differ from the clean boot.
    Privilege,
    /// Mask, dispositions, umask, working directory, environment or arguments.
    State,
    /// The app has no standard input.
    NoInput,
    /// Files that were not changed by the boot.
    LeftAsTheyWere,
    /// A file that was the user's before the boot keeps its mode.
    OwnMode,
    /// Any other difference of files.
    Files,
    /// A step's output goes to the app's stream.
    StepsOutput,
    /// A report without one of its warnings.
    Warning,
    /// A report that differs otherwise.
    Report,
    /// Not exactly one fatal record.
    Record,
    /// An exit code with another meaning.
    Code,
    /// The app's output is incomplete.
    Cut,
    /// A process outlives `/init`.
    LeftBehind,
    Hang,
    Signal,
}

/// A deviation that is allowed for these calls.
pub struct Row {
    calls: &'static [i64],
    /// Allowed only for a call that reports false success.
    claimed: bool,
    pub allowed: &'static [Deviation],
    pub reason: &'static str,
}

/// The libc crate lacks this constant.
const PWRITEV2: i64 = if cfg!(target_arch = "x86_64") { 328 } else { 287 };

#[cfg(target_arch = "x86_64")]
const START: &[i64] = &[libc::SYS_arch_prctl, SYS_set_tid_address, SYS_mmap, SYS_munmap, SYS_mprotect, SYS_brk];
#[cfg(not(target_arch = "x86_64"))]
const START: &[i64] = &[SYS_set_tid_address, SYS_mmap, SYS_munmap, SYS_mprotect, SYS_brk];
#[cfg(target_arch = "x86_64")]
const OPENERS: &[i64] = &[libc::SYS_open, SYS_openat, SYS_openat2, SYS_dup, SYS_pipe2, SYS_signalfd4];
#[cfg(not(target_arch = "x86_64"))]
const OPENERS: &[i64] = &[SYS_openat, SYS_openat2, SYS_dup, SYS_pipe2, SYS_signalfd4];
#[cfg(target_arch = "x86_64")]
const DUPLICATORS: &[i64] = &[libc::SYS_dup2, SYS_dup3];
#[cfg(not(target_arch = "x86_64"))]
const DUPLICATORS: &[i64] = &[SYS_dup3];

#[cfg(target_arch = "x86_64")]
const ACCESS: &[i64] = &[libc::SYS_access, SYS_faccessat];
#[cfg(not(target_arch = "x86_64"))]
const ACCESS: &[i64] = &[SYS_faccessat];

pub const TABLE: [Row; 12] = [
    Row {
        calls: &[SYS_newfstatat, SYS_fchmodat],
        claimed: false,
        allowed: &[Deviation::OwnMode],
        reason: "a tmpfs that the user already owns keeps its mode if it cannot be set; this is not refused",
    },
    Row {
        calls: ACCESS,
        claimed: true,
        allowed: &[Deviation::Report],
        reason: "a check warns about an /init that the kernel reports as readable",
    },
    Row {
        calls: &[SYS_newfstatat],
        claimed: false,
        allowed: &[Deviation::State],
        reason: "a directory that cannot be verified is left out of the PATH of a root step",
    },
    Row {
        calls: START,
        claimed: false,
        allowed: &[Deviation::Signal, Deviation::Record],
        reason: "the start of the C library and its memory: without them no program runs, so none can print a record",
    },
    Row {
        calls: &[SYS_write, PWRITEV2],
        claimed: false,
        allowed: &[Deviation::Record, Deviation::Report],
        reason: "nobody reads a record or report that cannot be written; the exit code still shows the result",
    },
    Row {
        calls: OPENERS,
        claimed: true,
        allowed: &[
            Deviation::NoInput,
            Deviation::LeftAsTheyWere,
            Deviation::OwnMode,
            Deviation::Warning,
            Deviation::State,
        ],
        reason: "a call that falsely returns descriptor 0: /init closes it as its own, and nothing gains privilege",
    },
    Row {
        calls: &[SYS_pipe2],
        claimed: true,
        allowed: &[Deviation::Report],
        reason: "a call that falsely succeeds leaves any numbers for the ends of the pipe: if one is that of standard \
                 output, /init closes it as its own and the report is lost; the exit code still shows the result",
    },
    Row {
        calls: &[SYS_fstat, SYS_statx, SYS_getdents64],
        claimed: true,
        allowed: &[Deviation::LeftAsTheyWere],
        reason: "a file of a volume that the kernel hides or reports as handed over stays owned by root: \
                 the app gets less, not more",
    },
    Row {
        calls: DUPLICATORS,
        claimed: true,
        allowed: &[Deviation::StepsOutput],
        reason: "the output of a step goes to the engine's streams directly instead of through the log",
    },
    Row {
        calls: &[SYS_read],
        claimed: true,
        allowed: &[Deviation::Warning],
        reason: "a mount table that ends early lacks the size, so no warning is printed",
    },
    Row {
        calls: &[SYS_close],
        claimed: false,
        allowed: &[Deviation::Hang, Deviation::Record],
        reason: "close(2) on Linux releases the descriptor even if it fails; if a filter prevents that, \
                 supervision waits on its own pipe",
    },
    Row {
        calls: &[SYS_wait4],
        claimed: false,
        allowed: &[Deviation::Hang, Deviation::Record, Deviation::LeftBehind],
        reason: "only wait4(2) reports the end of a child: if it reports none yet, /init waits; \
                 if it always fails, /init does not",
    },
];

/// The row that covers the deviation, if any.
pub fn covering(case: &Case, deviation: Deviation) -> Option<usize> {
    let claimed = case.fault.answer == Answer::Done;
    TABLE.iter().position(|row| {
        row.calls.contains(&case.fault.call) && (claimed || !row.claimed) && row.allowed.contains(&deviation)
    })
}
