//! Runs a command until it ends, with a timeout. Its output is logged line by line, a stop signal ends it, and none of
//! its processes is left running.

use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use libc::SIGCHLD;
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::process::Pid;

use super::fork::{fork, pipe};
use super::leftovers::{Leftovers, Reach};
use super::systemd;
use super::wait::{Event, Signals};
use super::{Change, next_change};
use crate::error::{Error, Result, errno};
use crate::exec::{self, App, Launch, STOPS};
use crate::logger;
use crate::privilege::{Dropped, Root};
use crate::sys::{self, SignalMask};

/// The time from SIGTERM to SIGKILL, for processes that a command leaves behind and for a command that timed out.
const GRACE: Duration = Duration::from_secs(2);

/// How many bytes of the last line an error message contains.
const LAST: usize = 200;

/// A longer line is logged in parts.
const LONGEST_LINE: usize = 4096;

/// The user that a command runs as.
#[derive(Clone, Copy, Debug)]
pub enum Runner<'a> {
    /// Root, with the container's capabilities.
    Root(Launch<'a, Root>),
    /// The app's user, with the app's capabilities.
    User(Launch<'a, Dropped>),
}

impl Runner<'_> {
    fn is_stop(self, signal: i32) -> bool {
        match self {
            Runner::Root(launch) => launch.is_stop(signal),
            Runner::User(launch) => launch.is_stop(signal),
        }
    }
}

/// How a command ended.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    /// By itself, or by a signal.
    Changed(Change),
    /// It timed out.
    TimedOut,
    /// The container was told to stop.
    Stopped(i32),
    /// It could not be started.
    NotStarted {
        /// What failed and why.
        what: String,
        /// What to do about it.
        fix: String,
    },
}

/// Runs the command. Its output goes to standard error, each line after the name. Also returns its last line.
///
/// # Errors
/// [`Error::Child`].
pub fn run(runner: Runner<'_>, name: &str, app: &App, timeout: Option<Duration>) -> Result<(End, String)> {
    let ((output, into_output), (refusal, into_refusal)) = (pipe()?, pipe()?);
    // Only what can end a step. All other signals stay pending for the app.
    let signals = Signals::receive(
        STOPS.into_iter().fold(SignalMask::only(SIGCHLD), |set, stop| set.with(SignalMask::only(stop))),
    );
    let pid = fork(|| {
        let redirected = redirect(&into_output);
        // The descriptors of socket activation are the app's.
        let _ = sys::close_on_exec_from(3);
        let mut app = app.clone();
        systemd::without(&mut app.environment);
        let error = match (redirected, runner) {
            (Err(reason), _) => Error::Child { call: "dup2", errno: errno(reason) },
            (Ok(()), Runner::Root(launch)) => exec::exec_root_step(launch, &app),
            (Ok(()), Runner::User(launch)) => exec::exec_app(launch, &app),
        };
        let _ = rustix::io::write(&into_refusal, format!("{error}\0{}", error.fix()).as_bytes());
        error.exit_code()
    })?;
    drop((into_output, into_refusal));
    let mut relay = Relay { name, output, line: Vec::new(), last: String::new(), open: true };
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let end = wait(pid, &signals, &mut relay, deadline, runner)?;
    // After a timeout or a stop, leftover processes are expected and not reported.
    let by_itself = matches!(end, End::Changed(_));
    let who = by_itself.then(|| format!("step {name}"));
    let report = who.as_deref().map(|who| (who, "let the step wait for what it starts"));
    Leftovers { reach: Reach::Descendants, grace: GRACE, report }.end(&signals)?;
    relay.rest();
    // Every process that could write to it has ended, so this read need not wait.
    let _ = rustix::io::ioctl_fionbio(&refusal, true);
    let mut said = [0_u8; 4096];
    let length = rustix::io::read(&refusal, &mut said).unwrap_or(0);
    let said = String::from_utf8_lossy(said.get(..length).unwrap_or(&[])).into_owned();
    let end = match said.split_once('\0') {
        Some((what, fix)) => End::NotStarted { what: what.to_owned(), fix: fix.to_owned() },
        None => end,
    };
    Ok((end, relay.last))
}

/// Connects standard input to `/dev/null` and both outputs to the pipe.
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
    runner: Runner<'_>,
) -> Result<End> {
    loop {
        // Before every wait, not only after SIGCHLD, in case one was lost.
        while let Some((changed, change)) = next_change().map_err(|errno| Error::Child { call: "wait4", errno })? {
            if changed == pid && change.code().is_some() {
                return Ok(End::Changed(change));
            }
        }
        match signals.next_or(deadline, relay.open.then(|| relay.output.as_fd()))? {
            Event::Readable => relay.some(),
            Event::Deadline => return Ok(End::TimedOut),
            Event::Signal(signal) if runner.is_stop(signal.number) => return Ok(End::Stopped(signal.number)),
            Event::Signal(_) => {}
        }
    }
}

/// Logs the lines of a command's output.
struct Relay<'a> {
    name: &'a str,
    output: OwnedFd,
    line: Vec<u8>,
    last: String,
    open: bool,
}

impl Relay<'_> {
    /// Reads once and logs the complete lines.
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

    /// Reads the rest, without waiting for a process that SIGKILL did not end.
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
