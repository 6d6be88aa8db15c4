//! Checks whether the app works: by an HTTP answer, a connection, a program or a file.
//!
//! Each attempt runs in a process of its own, as the app's user, so that `/init` can forward signals meanwhile and kill
//! an attempt that hangs. An attempt must not outlive its timeout and must not follow redirects: a login page with
//! status 200 does not show that the app works.

pub mod http;

use std::io::{ErrorKind, Read as _};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant, SystemTime};

use libc::{ECONNREFUSED, SIGKILL};
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::net::sockopt::set_socket_linger;
use rustix::process::Pid;
use serde::Serialize;

use crate::child::fork::{fork, pipe};
use crate::child::wait::Signals;
use crate::child::{Change, next_change, systemd};
use crate::config::args::ReportFormat;
use crate::error::{Error, Result};
use crate::exec::{self, Launch};
use crate::logger;
use crate::plan::health::{HealthPlan, Question};
use crate::privilege::Dropped;
use crate::sys::{self, SignalMask};
use crate::text::Time;

/// How many bytes of a reason are read.
const LONGEST: usize = 4096;

/// The result of a health check; the error says why the app is not healthy.
pub type Answer = std::result::Result<(), String>;

/// Separates a reason from its fix, if it has one of its own: a program that cannot be executed.
const FIX: &str = "; fix: ";

/// A reason and its fix: its own or else the general one.
pub fn and_fix<'a>(reason: &'a str, general: &'a str) -> (&'a str, &'a str) {
    reason.split_once(FIX).unwrap_or((reason, general))
}

/// The pause between two attempts.
const PAUSE: Duration = Duration::from_millis(250);

/// Repeats a health check, at most one attempt at a time. Its owner waits for signals and deadlines and passes both on.
#[derive(Debug)]
pub struct Poll<'a> {
    health: &'a HealthPlan,
    state: State,
    pause: Duration,
    /// The timeout of an attempt.
    timeout: Duration,
}

#[derive(Debug)]
enum State {
    /// The next attempt starts at this time.
    Pause(Instant),
    /// This process runs an attempt, until this deadline; its answer is read from this pipe.
    Asked(Pid, Instant, OwnedFd),
    /// An attempt timed out and was killed. The next one starts after it is reaped.
    Killed(Pid),
}

impl<'a> Poll<'a> {
    /// The process group of the attempt that runs.
    pub fn group(&self) -> Option<Pid> {
        if let State::Asked(pid, ..) | State::Killed(pid) = self.state { Some(pid) } else { None }
    }

    /// Starts the first attempt at once, the next ones after a pause.
    pub fn new(health: &'a HealthPlan) -> Poll<'a> {
        Poll { health, state: State::Pause(Instant::now()), pause: PAUSE, timeout: health.timeout }
    }

    /// The same with another pause after an attempt that passed, for an answer well within three pauses: an attempt of
    /// more than one and a half counts as failed.
    pub fn every(self, pause: Duration) -> Poll<'a> {
        let next = Instant::now().checked_add(pause).unwrap_or_else(Instant::now);
        let timeout = self.timeout.min(pause.saturating_mul(3) / 2);
        Poll { pause, timeout, state: State::Pause(next), ..self }
    }

    /// Whether the answer depends on the working directory.
    pub fn depends_on_directory(&self) -> bool {
        self.health.depends_on_directory()
    }

    /// When to call [`Poll::woken`]; none while only a child's exit is awaited.
    pub fn wake_at(&self) -> Option<Instant> {
        match self.state {
            State::Pause(at) | State::Asked(_, at, _) => Some(at),
            State::Killed(_) => None,
        }
    }

    /// Starts an attempt that is due. Kills an attempt that timed out, and returns that as its answer.
    ///
    /// # Errors
    /// [`Error::Child`].
    pub fn woken(&mut self, launch: Launch<'_, Dropped>) -> Result<Option<Answer>> {
        let now = Instant::now();
        match self.state {
            State::Pause(at) if now >= at => {
                let (pid, reason) = ask(launch, self.health)?;
                self.state = State::Asked(pid, now.checked_add(self.timeout).unwrap_or(now), reason);
                Ok(None)
            }
            State::Asked(pid, deadline, _) if now >= deadline => {
                kill_group(pid);
                self.state = State::Killed(pid);
                Ok(Some(Err(format!("no answer within {}", Time(self.timeout)))))
            }
            _ => Ok(None),
        }
    }

    /// Delays the next attempt by a pause.
    pub fn put_off(&mut self) {
        self.state = State::Pause(Instant::now().checked_add(self.pause).unwrap_or_else(Instant::now));
    }

    /// To be called for each child that ended: the answer, if the child was the attempt.
    pub fn ended(&mut self, child: Pid, change: Change) -> Option<Answer> {
        match &self.state {
            State::Asked(pid, ..) | State::Killed(pid) if *pid == child => {}
            _ => return None,
        }
        let pause = if change == Change::Exited(0) { self.pause } else { self.pause.min(PAUSE) };
        let next = Instant::now().checked_add(pause).unwrap_or_else(Instant::now);
        match std::mem::replace(&mut self.state, State::Pause(next)) {
            State::Asked(pid, _, reason) => {
                // Kill the processes that the program left in its group.
                kill_group(pid);
                Some(conclude(change, reason))
            }
            State::Killed(_) | State::Pause(_) => None,
        }
    }

    /// Kills a running attempt. Its process is reaped with all other children.
    pub fn end(self) {
        if let State::Asked(pid, ..) = self.state {
            kill_group(pid);
        }
    }
}

/// Starts a process for one attempt. Returns its pid and the pipe with its reason.
fn ask(launch: Launch<'_, Dropped>, health: &HealthPlan) -> Result<(Pid, OwnedFd)> {
    let (reason, teller) = pipe()?;
    Ok((fork(|| answer(launch, health, &teller))?, reason))
}

fn conclude(change: Change, reason: OwnedFd) -> Answer {
    match change {
        Change::Exited(0) => Ok(()),
        Change::Exited(code) => {
            let mut text = [0_u8; LONGEST];
            let length = std::fs::File::from(reason).read(&mut text).unwrap_or(0);
            let text = String::from_utf8_lossy(text.get(..length).unwrap_or(&[])).into_owned();
            Err(if text.is_empty() { format!("exited with {code}") } else { text })
        }
        Change::Killed(signal) => Err(format!("ended by signal {signal}")),
        Change::Stopped(signal) => Err(format!("stopped by signal {signal}")),
    }
}

fn kill_group(pid: Pid) {
    let _ = sys::send_signal(-pid.as_raw_nonzero().get(), SIGKILL);
}

/// Makes one attempt and waits for its result.
///
/// # Errors
/// [`Error::Child`].
pub fn ask_once(launch: Launch<'_, Dropped>, health: &HealthPlan) -> Result<Answer> {
    // A connection to an address has its own timeout; without a process it takes half of the time.
    if let Question::Tcp(address) = &health.question
        && address.parse::<SocketAddr>().is_ok()
    {
        return Ok(tcp(address, health.timeout));
    }
    let signals = Signals::receive(SignalMask::ALL);
    let mut poll = Poll::new(health);
    loop {
        if let Some(answer) = poll.woken(launch)? {
            return Ok(answer);
        }
        // Before every wait, not only after SIGCHLD, in case one was lost.
        while let Some((pid, change)) = next_change().map_err(|errno| Error::Child { call: "wait4", errno })? {
            if let Some(answer) = poll.ended(pid, change) {
                return Ok(answer);
            }
        }
        signals.next(poll.wake_at())?;
    }
}

/// Whether it passes now, checked without a process: a file, or a connection to an address on this machine. Also
/// false if that cannot be determined immediately.
pub fn passes_at_once(health: &HealthPlan) -> bool {
    const AT_ONCE: Duration = Duration::from_millis(100);
    match &health.question {
        Question::File { path, max_age } => file(path, *max_age).is_ok(),
        Question::Tcp(address) => address.parse::<SocketAddr>().is_ok() && tcp(address, AT_ONCE).is_ok(),
        Question::Http { .. } | Question::Exec(_) => false,
    }
}

/// The answer as one line, or as one line of JSON.
pub fn report(role: Option<&str>, answer: &Answer, format: ReportFormat) -> String {
    #[derive(Serialize)]
    struct Shown<'a> {
        role: Option<&'a str>,
        healthy: bool,
        reason: Option<&'a str>,
    }
    let reason = answer.as_ref().err().map(|reason| logger::masked(reason));
    let reason = reason.as_deref();
    let mut line = if format == ReportFormat::Json {
        // Serialising strings and booleans cannot fail.
        serde_json::to_string(&Shown { role, healthy: reason.is_none(), reason }).unwrap_or_default()
    } else {
        let role = role.unwrap_or("health");
        logger::escaped(
            &reason.map_or_else(|| format!("ok    {role}: healthy"), |reason| format!("FAIL  {role}: {reason}")),
        )
    };
    line.push('\n');
    line
}

/// Runs the attempt in its own process. Returns the exit code.
fn answer(launch: Launch<'_, Dropped>, health: &HealthPlan, teller: &OwnedFd) -> u8 {
    // A program must not wait for input and must not write into a report on standard output.
    if let Ok(null) = openat(CWD, "/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()) {
        let _ = rustix::stdio::dup2_stdin(null);
    }
    let redirected = rustix::stdio::dup2_stdout(rustix::stdio::stderr());
    // The descriptors of socket activation are the app's.
    let _ = sys::close_on_exec_from(3);
    let answer = match &health.question {
        _ if redirected.is_err() => Err("its output could not be kept out of the report (dup2)".to_owned()),
        Question::Http { url, unix, status, headers } => {
            http::ask(url, unix.as_deref(), *status, headers, health.timeout)
        }
        Question::Tcp(address) => tcp(address, health.timeout),
        Question::File { path, max_age } => file(path, *max_age),
        Question::Exec(app) => {
            let mut app = app.clone();
            systemd::without(&mut app.environment);
            // Not logged here: a later attempt may pass, and the caller reports the reason of the last one.
            let error = exec::exec_app(launch, &app);
            // The fix must not be cut off.
            let said = logger::masked(&error.to_string()).into_owned();
            Err(format!("{}{FIX}{}", logger::shortened(&said), error.fix()))
        }
    };
    match answer {
        Ok(()) => 0,
        Err(reason) => {
            // Before it is cut: the beginning of a secret must not remain.
            let reason = logger::masked(&reason);
            let bytes = reason.as_bytes();
            let _ = rustix::io::write(teller, bytes.get(..LONGEST).unwrap_or(bytes));
            1
        }
    }
}

fn tcp(address: &str, timeout: Duration) -> std::result::Result<(), String> {
    connect(address, timeout).map(drop).map_err(|error| format!("connect to {address}: {error}"))
}

/// Connects to the first of a name's addresses that accepts. Each gets its share of the time, since one that drops
/// packets must not use up the time of the others.
fn connect(address: &str, timeout: Duration) -> std::io::Result<TcpStream> {
    let end = Instant::now().checked_add(timeout);
    let all = address.to_socket_addrs()?;
    let mut last = std::io::Error::from(ErrorKind::NotFound);
    let mut left = u32::try_from(all.len()).unwrap_or(u32::MAX);
    for one in all {
        let time = end.map_or(timeout, |end| end.saturating_duration_since(Instant::now()));
        last = match TcpStream::connect_timeout(&one, time / left) {
            // To a port of the ephemeral range that nobody listens on, the kernel can connect a socket to itself.
            Ok(stream) if stream.local_addr().ok() == stream.peer_addr().ok() => {
                // Closed with a reset: otherwise the port would stay taken for a minute.
                let _ = set_socket_linger(&stream, Some(Duration::ZERO));
                std::io::Error::from_raw_os_error(ECONNREFUSED)
            }
            Ok(stream) => return Ok(stream),
            Err(error) => error,
        };
        left -= 1;
    }
    Err(last)
}

fn file(path: &std::path::Path, max_age: Option<Duration>) -> std::result::Result<(), String> {
    let facts = std::fs::metadata(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let Some(most) = max_age else { return Ok(()) };
    let written = facts.modified().map_err(|error| format!("{}: {error}", path.display()))?;
    // A modification time in the future counts as now.
    let age = SystemTime::now().duration_since(written).unwrap_or(Duration::ZERO);
    if age <= most {
        Ok(())
    } else {
        Err(format!(
            "{} was written {} ms ago, at most {} are allowed",
            path.display(),
            age.as_millis() as u64,
            Time(most)
        ))
    }
}
