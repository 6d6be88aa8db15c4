//! Runs a command until it ends, with a timeout. Its output is logged line by line, a stop signal ends it, and none of
//! its processes is left running.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use libc::{SIGCHLD, SIGKILL};
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;
use rustix::pipe::fcntl_getpipe_size;
use rustix::process::Pid;

use super::fork::{fork, pipe};
use super::leftovers::{Leftovers, Reach};
use super::systemd;
use super::wait::{Event, Signals};
use super::{Change, next_change};
use crate::error::{Error, Result, errno, fix};
use crate::exec::{self, App, Launch};
use crate::logger;
use crate::privilege::{Dropped, Root};
use crate::sys::{self, Signal, SignalMask};

/// The time from SIGTERM to SIGKILL, for processes that a command leaves behind and for a command that timed out.
const GRACE: Duration = Duration::from_secs(2);

/// How many bytes of the last line an error message contains.
const LAST: usize = 200;

/// How many bytes of output are read at a time.
const PART: usize = 4096;

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
    fn is_stop(self, signal: Signal) -> bool {
        match self {
            Runner::Root(launch) => launch.is_stop(signal),
            Runner::User(launch) => launch.is_stop(signal),
        }
    }
}

/// How a command ended.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    /// On its own, or by a signal.
    Changed(Change),
    /// It timed out.
    TimedOut,
    /// The container was stopped.
    Stopped(i32),
    /// It could not be started.
    NotStarted {
        /// The failure and its reason.
        what: String,
        /// The fix.
        fix: String,
    },
}

/// Runs the command. Its output goes to standard error, each line prefixed with the name; with `captured`, standard
/// output goes there instead, at most two bytes more than [`MOST_CAPTURED`]. Also returns its last line.
///
/// # Errors
/// [`Error::Child`].
pub fn run(
    runner: Runner<'_>,
    name: &str,
    app: &App,
    timeout: Option<Duration>,
    captured: Option<&mut Vec<u8>>,
) -> Result<(End, String)> {
    let ((output, into_output), (refusal, into_refusal)) = (pipe()?, pipe()?);
    let capture = captured.is_some().then(pipe).transpose()?;
    let signals = Signals::receive(exec::signals_of_steps());
    let pid = fork(|| {
        let redirected = redirect(capture.as_ref().map_or(&into_output, |(_, into)| into), &into_output);
        // The descriptors of socket activation are the app's.
        let _ = sys::close_on_exec_from(3);
        let mut app = app.clone();
        systemd::without(&mut app.environment);
        let error = match (redirected, runner) {
            (Err(reason), _) => Error::Child { call: "dup2", errno: errno(reason) },
            (Ok(()), Runner::Root(launch)) => exec::exec_root_step(launch, &app),
            (Ok(()), Runner::User(launch)) => exec::exec_app(launch, &app),
        };
        // The fix first: a long PATH in the message must not cut it off, nor fill the pipe.
        let said = format!("{}\0{error}", error.fix());
        let _ = rustix::io::write(&into_refusal, said.as_bytes().get(..PART).unwrap_or(said.as_bytes()));
        error.exit_code()
    })?;
    drop((into_output, into_refusal));
    let capture = capture.map(|(output, into)| {
        drop(into);
        Output::new(output)
    });
    let output = Output::new(output);
    let mut relay = Relay { name, output, line: Vec::new(), last: String::new(), capture, captured };
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let end = wait(pid, &signals, &mut relay, deadline, runner)?;
    // After a timeout or a stop, leftover processes are expected and not reported.
    let by_itself = matches!(end, End::Changed(change) if change.code().is_some());
    let who = by_itself.then(|| format!("step {name}"));
    let report = who.as_deref().map(|who| (who, fix::running::STEP_LEAVES));
    // A stop that comes meanwhile stays pending: the next step ends on it, or the app is not started.
    let ends = Signals::receive(SignalMask::only(SIGCHLD));
    Leftovers { reach: Reach::Descendants, grace: GRACE, report }.end(&ends)?;
    relay.rest();
    // Every process that could write to it has ended, so this read need not wait.
    let _ = rustix::io::ioctl_fionbio(&refusal, true);
    let mut said = [0_u8; PART];
    let length = rustix::io::read(&refusal, &mut said).unwrap_or(0);
    let said = String::from_utf8_lossy(said.get(..length).unwrap_or(&[])).into_owned();
    let end = match said.split_once('\0') {
        // A child that a stop ended before its exec reports that too.
        Some((fix, what)) if by_itself => End::NotStarted { what: what.to_owned(), fix: fix.to_owned() },
        _ => end,
    };
    Ok((end, relay.last))
}

/// Connects standard input to `/dev/null` and the outputs to pipes.
fn redirect(output: &OwnedFd, errors: &OwnedFd) -> rustix::io::Result<()> {
    if let Ok(null) = openat(CWD, "/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()) {
        rustix::stdio::dup2_stdin(null)?;
    }
    rustix::stdio::dup2_stdout(output)?;
    rustix::stdio::dup2_stderr(errors)
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
            if changed == pid {
                if change.code().is_none() {
                    // Nobody would continue it: its terminal has another foreground.
                    let _ = sys::send_signal(-pid.as_raw_nonzero().get(), SIGKILL);
                }
                return Ok(End::Changed(change));
            }
        }
        match signals.next_or(deadline, [relay.output.watched(), relay.capture.as_ref().and_then(Output::watched)])? {
            Event::Readable => {
                relay.some();
            }
            Event::Deadline => return Ok(End::TimedOut),
            Event::Signal(signal) if runner.is_stop(signal) => return Ok(End::Stopped(signal.number)),
            Event::Signal(_) => {}
        }
    }
}

/// More than this of a captured output is dropped.
pub const MOST_CAPTURED: usize = 4096;

/// The end of a pipe that is read without waiting.
struct Output {
    pipe: OwnedFd,
    open: bool,
}

impl Output {
    fn new(pipe: OwnedFd) -> Output {
        let _ = rustix::io::ioctl_fionbio(&pipe, true);
        Output { pipe, open: true }
    }

    fn watched(&self) -> Option<BorrowedFd<'_>> {
        self.open.then(|| self.pipe.as_fd())
    }

    /// Reads the available bytes.
    fn read<'a>(&mut self, bytes: &'a mut [u8]) -> &'a [u8] {
        let length = match rustix::io::read(&self.pipe, &mut *bytes) {
            Ok(length) => {
                self.open = length > 0;
                length
            }
            Err(Errno::AGAIN | Errno::INTR) => 0,
            Err(_) => {
                self.open = false;
                0
            }
        };
        bytes.get(..length).unwrap_or(&[])
    }
}

/// Logs the lines of a command's output, and keeps what is captured.
struct Relay<'a> {
    name: &'a str,
    output: Output,
    line: Vec<u8>,
    last: String,
    capture: Option<Output>,
    captured: Option<&'a mut Vec<u8>>,
}

impl Relay<'_> {
    /// Reads once and logs the complete lines; returns whether it read anything.
    fn some(&mut self) -> bool {
        let mut bytes = [0_u8; PART];
        let mut any = false;
        if let (Some(capture), Some(captured)) = (&mut self.capture, &mut self.captured) {
            let read = capture.read(&mut bytes);
            any = !read.is_empty();
            let room = (MOST_CAPTURED + 2).saturating_sub(captured.len());
            captured.extend_from_slice(read.get(..room).unwrap_or(read));
        }
        let read = self.output.read(&mut bytes);
        for byte in read {
            if *byte == b'\n' || self.line.len() >= LONGEST_LINE {
                self.flush();
            }
            if *byte != b'\n' {
                self.line.push(*byte);
            }
        }
        any || !read.is_empty()
    }

    /// Reads the rest, at most what the pipe holds: a process that could not be ended may go on writing.
    fn rest(&mut self) {
        let holds = fcntl_getpipe_size(&self.output.pipe).unwrap_or(0);
        for _ in 0..=holds / PART {
            if !self.some() {
                break;
            }
        }
        if !self.line.is_empty() {
            self.flush();
        }
    }

    fn flush(&mut self) {
        logger::relay(self.name, &self.line);
        if !self.line.trim_ascii().is_empty() {
            // Masked before it is cut: the beginning of a secret must not remain.
            let line = logger::masked(&String::from_utf8_lossy(&self.line)).into_owned();
            let end = (0..=LAST.min(line.len())).rev().find(|at| line.is_char_boundary(*at)).unwrap_or(0);
            self.last = line.get(..end).unwrap_or_default().to_owned();
        }
        self.line.clear();
    }
}
