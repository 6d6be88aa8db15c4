//! Children: started, waited for, their status mapped. Supervision uses it; so will whatever else runs a child.
//!
//! It decides nothing about what a signal or an end means. `fork(2)`, `setpgid(2)`, `waitpid(2)`, `signalfd(2)`.

pub mod leftovers;
pub mod run;
pub mod terminal;
pub mod wait;

use std::io::{ErrorKind, Read};

use libc::{SIGCHLD, SIGKILL};
use nix::errno::Errno;
use rustix::process::{Pid, WaitOptions, WaitStatus, getpid, setpgid};

use crate::error::{Error, Result, errno};
use crate::exec::{self, App};
use crate::logger;
use crate::privilege::Dropped;
use crate::sys::{self, Side, SignalMask};
use terminal::Terminal;

/// How a child came to be, or not.
#[derive(Clone, Copy, Debug)]
pub enum Started {
    /// It runs its program.
    Running(Pid),
    /// It could not, said why, and this is the exit code of that.
    Refused(u8),
}

/// Where a child's standard output goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Where that of `/init` goes.
    Inherited,
    /// To standard error, since a report has standard output for itself.
    ToStandardError,
}

/// Starts the app in a process group of its own, which gets the terminal's foreground where `/init` had it. Comes back
/// when the kernel has the app's program, so that no signal can reach the child before it is the app.
///
/// # Errors
/// [`Error::Child`].
pub fn start(
    dropped: &Dropped,
    app: &App,
    mask: SignalMask,
    output: Output,
    terminal: Option<&Terminal>,
) -> Result<Started> {
    let failed = |call, errno| Error::Child { call, errno };
    // Close-on-exec: its end closes by itself when the program is there.
    let (report, reporter) =
        rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).map_err(|error| failed("pipe2", errno(error)))?;
    // With SIGCHLD ignored the kernel would reap in our place and the status be lost; the app gets it back as it was.
    let ignored = sys::is_ignored(SIGCHLD);
    if ignored {
        sys::set_ignored(SIGCHLD, false).map_err(|errno| failed("sigaction", errno))?;
    }
    match sys::fork().map_err(|errno| failed("fork", errno))? {
        Side::Child => {
            // Here and in the parent: whoever comes second finds it done, and no one finds it missing.
            let _ = setpgid(None, None);
            if let Some(terminal) = terminal {
                terminal.give_to(getpid());
            }
            if ignored {
                let _ = sys::set_ignored(SIGCHLD, true);
            }
            let redirected = if output == Output::ToStandardError {
                rustix::stdio::dup2_stdout(rustix::stdio::stderr())
            } else {
                Ok(())
            };
            let error = match redirected {
                Ok(()) => exec::exec_app(dropped, &with_own_pid(app), mask),
                Err(reason) => failed("dup2", errno(reason)),
            };
            logger::fatal(&error);
            let _ = rustix::io::write(&reporter, &[error.exit_code()]);
            sys::exit_now(error.exit_code())
        }
        Side::Parent(child) => {
            drop(reporter);
            let pid = Pid::from_raw(child).ok_or_else(|| failed("fork", Errno::ECHILD))?;
            // EACCES: it has its program already; ESRCH: it is gone already. It did the same itself.
            let _ = setpgid(Some(pid), Some(pid));
            let mut code = [0_u8];
            let mut report = std::fs::File::from(report);
            let read = loop {
                match report.read(&mut code) {
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    other => break other,
                }
            };
            match read {
                Ok(1..) => {
                    // Reaped here: it never was the app.
                    let _ = rustix::process::waitpid(Some(pid), WaitOptions::empty());
                    Ok(Started::Refused(code[0]))
                }
                Ok(_) => Ok(Started::Running(pid)),
                Err(error) => {
                    abandon(pid);
                    Err(failed("read", crate::error::io_errno(&error)))
                }
            }
        }
    }
}

/// Ends a child that there is no way to stay with: it does not stay alone.
pub fn abandon(child: Pid) {
    let _ = sys::send_signal(child.as_raw_nonzero().get(), SIGKILL);
    let _ = rustix::process::waitpid(Some(child), WaitOptions::empty());
}

/// The app with `LISTEN_PID` naming the process that has the descriptors, where it named this one: `sd_listen_fds(3)`.
fn with_own_pid(app: &App) -> App {
    let mut app = app.clone();
    let ours = rustix::process::getppid().map_or(0, |parent| parent.as_raw_nonzero().get());
    if app.environment.get("LISTEN_PID") == Some(ours.to_string().as_bytes()) {
        let own = getpid().as_raw_nonzero().to_string();
        // Digits hold no NUL.
        let _ = app.environment.set("LISTEN_PID", own.as_bytes());
    }
    app
}

/// What became of one child.
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
    /// What a shell would call its exit code: its own, or 128 and the signal's number. None while it lives.
    pub fn code(self) -> Option<u8> {
        match self {
            Change::Exited(code) => Some(code),
            Change::Killed(signal) => Some(u8::try_from(128 + signal).unwrap_or(u8::MAX)),
            Change::Stopped(_) => None,
        }
    }
}

/// The next child whose state changed, without waiting for one. None when there is no news; [`Errno::ECHILD`] when there
/// is no child.
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

/// Whether a signal would do to this process what the kernel does by default: it neither ignores nor catches it, as
/// `/proc/PID/status` tells. A process that is gone does nothing.
pub fn acts_by_default(pid: Pid, signal: i32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero())).unwrap_or_default();
    let set =
        |name: &str| status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix(name)?.trim(), 16).ok());
    match (set("SigIgn:"), set("SigCgt:")) {
        (Some(ignored), Some(caught)) => (ignored | caught) & (1 << (signal - 1)) == 0,
        _ => false,
    }
}

/// Takes orphans from below, or leaves them to whoever is PID 1: `PR_SET_CHILD_SUBREAPER` of `prctl(2)`. It outlives an
/// exec, so whoever becomes the app stops it first. Without it orphans are no worse off than before: logged, not fatal.
pub fn adopt_orphans(adopt: bool) {
    if getpid().is_init() {
        return;
    }
    if let Err(error) = rustix::process::set_child_subreaper(adopt.then(getpid)) {
        log::warn!("orphans will not be reaped here: prctl(PR_SET_CHILD_SUBREAPER): {error}");
    }
}

/// Keeps processes of the same uid from reading or tracing this one, and what it forks until that executes something:
/// `PR_SET_DUMPABLE` of `prctl(2)`. A drop from root does it by itself where the kernel's `suid_dumpable` is 0.
///
/// # Errors
/// [`Error::Child`].
pub fn keep_out_of_reach() -> Result<()> {
    use rustix::process::{DumpableBehavior, dumpable_behavior, set_dumpable_behavior};
    let failed = |call| move |error| Error::Child { call, errno: errno(error) };
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(failed("prctl(PR_SET_DUMPABLE)"))?;
    match dumpable_behavior().map_err(failed("prctl(PR_GET_DUMPABLE)"))? {
        DumpableBehavior::NotDumpable => Ok(()),
        _ => Err(Error::NotDone { call: "prctl(PR_SET_DUMPABLE)", object: "this process apart from the app".into() }),
    }
}

/// The processes below this one, as far down as the kernel lists them: `/proc/PID/task/TID/children`.
pub fn descendants() -> Vec<i32> {
    let mut all = Vec::new();
    let mut unread = vec![getpid().as_raw_nonzero().get()];
    while let Some(process) = unread.pop() {
        let text = std::fs::read_to_string(format!("/proc/{process}/task/{process}/children")).unwrap_or_default();
        let children: Vec<i32> =
            text.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).filter(|pid| !all.contains(pid)).collect();
        all.extend(&children);
        unread.extend(children);
    }
    all
}
