//! Runs a command to its end: a timeout, its output line by line, a stop signal that ends it, nothing left behind.

use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use libc::SIGCHLD;
use nix::errno::Errno;
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, setpgid};

use super::leftovers::Leftovers;
use super::wait::{Event, Signals};
use super::{Change, next_change};
use crate::error::{Error, Result, errno};
use crate::exec::{self, App, STOPS};
use crate::logger;
use crate::privilege::{Dropped, Root};
use crate::sys::{self, Side, SignalMask};

/// Between SIGTERM and SIGKILL for what a command leaves behind, or for one that took too long.
const GRACE: Duration = Duration::from_secs(2);

/// How much of the last line a message holds.
const LAST: usize = 200;

/// A longer line is passed on in parts.
const LONGEST_LINE: usize = 4096;

/// As whom a command runs.
#[derive(Clone, Copy, Debug)]
pub enum Runner<'a> {
    /// As root, with the capabilities that the container has.
    Root(&'a Root),
    /// As the user, with none.
    User(&'a Dropped),
}

/// How a command ended.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    /// By itself, or by a signal.
    Changed(Change),
    /// It took too long.
    TimedOut,
    /// The container was told to stop.
    Stopped(i32),
    /// It could not be started.
    NotStarted(String),
}

/// Runs it. Its output goes to standard error, each line with the name; the last one comes back as well.
///
/// # Errors
/// [`Error::Child`].
pub fn run(
    runner: Runner<'_>,
    name: &str,
    app: &App,
    timeout: Option<Duration>,
    mask: SignalMask,
) -> Result<(End, String)> {
    let failed = |call, errno| Error::Child { call, errno };
    let pipe = || pipe_with(PipeFlags::CLOEXEC).map_err(|error| failed("pipe2", errno(error)));
    let ((output, into_output), (refusal, into_refusal)) = (pipe()?, pipe()?);
    // Only what ends a step: the rest is the app's, and waits for it.
    let signals = Signals::receive(
        STOPS.into_iter().fold(SignalMask::only(SIGCHLD), |set, stop| set.with(SignalMask::only(stop))),
    );
    let pid = match sys::fork().map_err(|errno| failed("fork", errno))? {
        Side::Child => {
            let _ = setpgid(None, None);
            let redirected = redirect(&into_output);
            // Sockets of an activation are the app's.
            let _ = sys::close_on_exec_from(3);
            let error = match (redirected, runner) {
                (Err(reason), _) => failed("dup2", errno(reason)),
                (Ok(()), Runner::Root(root)) => exec::exec_root_step(root, app, mask),
                (Ok(()), Runner::User(dropped)) => exec::exec_app(dropped, app, mask),
            };
            let _ = rustix::io::write(&into_refusal, error.to_string().as_bytes());
            sys::exit_now(error.exit_code())
        }
        Side::Parent(child) => Pid::from_raw(child).ok_or_else(|| failed("fork", Errno::ECHILD))?,
    };
    let _ = setpgid(Some(pid), Some(pid));
    drop((into_output, into_refusal));
    let mut relay = Relay { name, output, line: Vec::new(), last: String::new(), open: true };
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let end = wait(pid, &signals, &mut relay, deadline, mask)?;
    Leftovers { everyone: false, grace: GRACE }.end(&signals)?;
    relay.rest();
    // Whoever could say something is gone.
    let _ = rustix::io::ioctl_fionbio(&refusal, true);
    let mut said = [0_u8; 1024];
    let length = rustix::io::read(&refusal, &mut said).unwrap_or(0);
    let said = String::from_utf8_lossy(said.get(..length).unwrap_or(&[])).into_owned();
    Ok((if said.is_empty() { end } else { End::NotStarted(said) }, relay.last))
}

/// Nothing to read, and both outputs to where the lines are read.
fn redirect(output: &OwnedFd) -> rustix::io::Result<()> {
    if let Ok(null) = openat(CWD, "/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()) {
        rustix::stdio::dup2_stdin(null)?;
    }
    rustix::stdio::dup2_stdout(output)?;
    rustix::stdio::dup2_stderr(output)
}

fn wait(
    pid: Pid,
    signals: &Signals,
    relay: &mut Relay<'_>,
    deadline: Option<Instant>,
    mask: SignalMask,
) -> Result<End> {
    loop {
        // Before every wait, not only when SIGCHLD came: one that was lost is not missed.
        while let Some((changed, change)) = next_change().map_err(|errno| Error::Child { call: "wait4", errno })? {
            if changed == pid && change.code().is_some() {
                return Ok(End::Changed(change));
            }
        }
        match signals.next_or(deadline, relay.open.then(|| relay.output.as_fd()))? {
            Event::Readable => relay.some(),
            Event::Deadline => return Ok(End::TimedOut),
            Event::Signal(signal) if exec::is_stop(signal.number, mask) => {
                return Ok(End::Stopped(signal.number));
            }
            Event::Signal(_) => {}
        }
    }
}

/// The lines of a command's output, on their way to standard error.
struct Relay<'a> {
    name: &'a str,
    output: OwnedFd,
    line: Vec<u8>,
    last: String,
    open: bool,
}

impl Relay<'_> {
    /// One read's worth.
    fn some(&mut self) {
        let mut bytes = [0_u8; 4096];
        let length = rustix::io::read(&self.output, &mut bytes).unwrap_or(0);
        self.open = length > 0;
        for byte in bytes.get(..length).unwrap_or(&[]) {
            if *byte == b'\n' || self.line.len() >= LONGEST_LINE {
                self.flush();
            }
            if *byte != b'\n' {
                self.line.push(*byte);
            }
        }
    }

    /// What is there now that everything that could write is gone; a process that could not be ended must not hold it.
    fn rest(&mut self) {
        let _ = rustix::io::ioctl_fionbio(&self.output, true);
        while self.open {
            self.some();
        }
        if !self.line.is_empty() {
            self.flush();
        }
    }

    fn flush(&mut self) {
        logger::relay(self.name, &self.line);
        if !self.line.trim_ascii().is_empty() {
            self.last = String::from_utf8_lossy(self.line.get(..LAST).unwrap_or(&self.line)).into_owned();
        }
        self.line.clear();
    }
}
