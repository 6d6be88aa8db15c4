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
    /// Ids, groups, sets, `no_new_privs`, securebits or a descriptor that is not the clean boot's.
    Privilege,
    /// Mask, dispositions, umask, working directory, environment or arguments.
    State,
    /// The app has no standard input.
    NoInput,
    /// Files that stay as they were before the boot.
    LeftAsTheyWere,
    /// A file that was the user's before the boot keeps its mode.
    OwnMode,
    /// Any other difference of files.
    Files,
    /// What a step prints is printed where the app prints.
    StepsOutput,
    /// A report without one of its warnings.
    Warning,
    /// A report that differs otherwise.
    Report,
    /// Not exactly one fatal record.
    Record,
    /// An exit code that means something else.
    Code,
    /// The app does not say all that it should.
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

/// The crate has no name for it here.
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

pub const TABLE: [Row; 11] = [
    Row {
        calls: &[SYS_newfstatat, SYS_fchmodat],
        claimed: false,
        allowed: &[Deviation::OwnMode],
        reason: "a tmpfs that is the user's already keeps its mode where that cannot be set, which is no refusal",
    },
    Row {
        calls: ACCESS,
        claimed: true,
        allowed: &[Deviation::Report],
        reason: "an /init that is said to be readable is a warning instead of an ok",
    },
    Row {
        calls: &[SYS_newfstatat],
        claimed: false,
        allowed: &[Deviation::State],
        reason: "a place of root's that cannot be looked at is left out of the PATH of a root step",
    },
    Row {
        calls: START,
        claimed: false,
        allowed: &[Deviation::Signal, Deviation::Record],
        reason: "the C library's start and its memory: without them there is no program that could say anything, and none runs",
    },
    Row {
        calls: &[SYS_write, PWRITEV2],
        claimed: false,
        allowed: &[Deviation::Record, Deviation::Report],
        reason: "a record or report that cannot be written is not read; the exit code tells",
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
        reason: "a call that claims the descriptor 0, which is another's: it is closed as if it were its own, and nothing is gained",
    },
    Row {
        calls: &[SYS_fstat, SYS_statx, SYS_getdents64],
        claimed: true,
        allowed: &[Deviation::LeftAsTheyWere],
        reason: "a volume's file that the kernel hides or calls handed over already stays root's: less for the app, not more",
    },
    Row {
        calls: DUPLICATORS,
        claimed: true,
        allowed: &[Deviation::StepsOutput],
        reason: "what a step says goes to the engine's streams at once, instead of by way of the log",
    },
    Row {
        calls: &[SYS_read],
        claimed: true,
        allowed: &[Deviation::Warning],
        reason: "a mount table that ends early has no size to warn of",
    },
    Row {
        calls: &[SYS_close],
        claimed: false,
        allowed: &[Deviation::Hang, Deviation::Record],
        reason: "close(2) of Linux releases the descriptor whatever it says; where a filter keeps it, supervision waits for the end of its own pipe",
    },
    Row {
        calls: &[SYS_wait4],
        claimed: false,
        allowed: &[Deviation::Hang, Deviation::Record, Deviation::LeftBehind],
        reason: "nobody but wait4(2) knows of an end: where it says that there is none yet, that is waited for; where it always fails, nothing is",
    },
];

/// The row that covers it, if one does.
pub fn covering(case: &Case, deviation: Deviation) -> Option<usize> {
    let claimed = case.fault.answer == Answer::Done;
    TABLE.iter().position(|row| {
        row.calls.contains(&case.fault.call) && (claimed || !row.claimed) && row.allowed.contains(&deviation)
    })
}
