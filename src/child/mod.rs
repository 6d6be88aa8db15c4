//! Children: started, waited for, their status mapped.
//!
//! The callers decide what a signal or an exit means. `fork(2)`, `setpgid(2)`, `waitpid(2)`, `signalfd(2)`.

pub mod fork;
pub mod leftovers;
pub mod run;
pub mod start;
pub mod systemd;
pub mod terminal;
pub mod wait;

use nix::errno::Errno;
use rustix::process::{Pid, WaitOptions, WaitStatus, getpid};

use crate::error::errno;

/// How the state of a child changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It ended with this exit code.
    Exited(u8),
    /// A signal ended it.
    Killed(i32),
    /// A signal stopped it.
    Stopped(i32),
}

impl Change {
    /// The exit code as a shell reports it: the child's own, or 128 plus the signal's number. None for a stopped child.
    pub fn code(self) -> Option<u8> {
        match self {
            Change::Exited(code) => Some(code),
            Change::Killed(signal) => Some(u8::try_from(128 + signal).unwrap_or(u8::MAX)),
            Change::Stopped(_) => None,
        }
    }
}

/// The next child whose state changed, without waiting. None if no state changed; [`Errno::ECHILD`] if there is no
/// child.
///
/// # Errors
/// `ECHILD`.
pub fn next_change() -> std::result::Result<Option<(Pid, Change)>, Errno> {
    loop {
        match rustix::process::wait(WaitOptions::NOHANG | WaitOptions::UNTRACED) {
            Ok(Some((pid, status))) => {
                if let Some(change) = change(status) {
                    return Ok(Some((pid, change)));
                }
            }
            Ok(None) => return Ok(None),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(errno(error)),
        }
    }
}

fn change(status: WaitStatus) -> Option<Change> {
    if let Some(signal) = status.stopping_signal() {
        return Some(Change::Stopped(signal));
    }
    if let Some(signal) = status.terminating_signal() {
        return Some(Change::Killed(signal));
    }
    status.exit_status().map(|code| Change::Exited(u8::try_from(code).unwrap_or(u8::MAX)))
}

/// Whether orphaned descendants become children of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Orphans {
    /// They become children of this process.
    Adopt,
    /// They become children of PID 1.
    Leave,
}

/// Sets or clears `PR_SET_CHILD_SUBREAPER` of `prctl(2)`. It survives an exec, so it is cleared before the app replaces
/// this process. A failure is only logged: orphans then go to PID 1, as without `/init`.
pub fn set_subreaper(orphans: Orphans) {
    if getpid().is_init() {
        return;
    }
    let adopter = (orphans == Orphans::Adopt).then(getpid);
    if let Err(error) = rustix::process::set_child_subreaper(adopter) {
        log::warn!("orphans will not be reaped here: prctl(PR_SET_CHILD_SUBREAPER): {error}");
    }
}
