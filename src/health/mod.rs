//! Asks whether the app works: an HTTP answer, a connection, a program, a file.
//!
//! Each question is a process of its own, so that whoever asks goes on forwarding signals, and one that hangs can be
//! ended whatever it hangs in. It runs as the user. It must not outlive its timeout, nor follow a redirect: a login page
//! with status 200 is no health.

pub mod http;

use std::io::Read as _;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant, SystemTime};

use libc::SIGKILL;
use nix::errno::Errno;
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::process::{Pid, setpgid};
use serde::Serialize;

use crate::child::wait::{Event, Signals};
use crate::child::{Change, next_change};
use crate::config::control::ReportFormat;
use crate::error::{Error, Result, errno};
use crate::exec;
use crate::logger;
use crate::plan::health::{HealthPlan, Question};
use crate::privilege::Dropped;
use crate::sys::{self, Side, SignalMask};

/// The longest reason that is passed on.
const LONGEST: usize = 512;

/// A question that was asked and not yet answered.
#[derive(Debug)]
pub struct Asked {
    /// The process that asks.
    pub pid: Pid,
    /// When it has taken too long.
    pub deadline: Instant,
    reason: OwnedFd,
}

/// Starts to ask.
///
/// # Errors
/// [`Error::Child`].
pub fn ask(dropped: &Dropped, health: &HealthPlan, mask: SignalMask) -> Result<Asked> {
    let failed = |call, errno| Error::Child { call, errno };
    let (reason, teller) =
        rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).map_err(|error| failed("pipe2", errno(error)))?;
    match sys::fork().map_err(|errno| failed("fork", errno))? {
        Side::Child => {
            let _ = setpgid(None, None);
            sys::exit_now(answer(dropped, health, mask, &teller))
        }
        Side::Parent(child) => {
            let pid = Pid::from_raw(child).ok_or_else(|| failed("fork", Errno::ECHILD))?;
            let _ = setpgid(Some(pid), Some(pid));
            let deadline = Instant::now().checked_add(health.timeout).unwrap_or_else(Instant::now);
            Ok(Asked { pid, deadline, reason })
        }
    }
}

impl Asked {
    /// What the end of the process means.
    ///
    /// # Errors
    /// Why it is not healthy.
    pub fn conclude(self, change: Change) -> std::result::Result<(), String> {
        // What a program that was asked left behind in its group goes with it.
        self.end();
        match change {
            Change::Exited(0) => Ok(()),
            Change::Exited(code) => {
                let mut reason = [0_u8; LONGEST];
                let length = std::fs::File::from(self.reason).read(&mut reason).unwrap_or(0);
                let reason = String::from_utf8_lossy(reason.get(..length).unwrap_or(&[])).into_owned();
                Err(if reason.is_empty() { format!("exited with {code}") } else { reason })
            }
            Change::Killed(signal) => Err(format!("ended by signal {signal}")),
            Change::Stopped(signal) => Err(format!("stopped by signal {signal}")),
        }
    }

    /// Ends the question with all that it started.
    pub fn end(&self) {
        let group = -self.pid.as_raw_nonzero().get();
        let _ = sys::send_signal(group, SIGKILL);
    }
}

/// Asks once and waits for the answer.
///
/// # Errors
/// [`Error::Child`]; inside, why it is not healthy.
pub fn ask_and_wait(
    dropped: &Dropped,
    health: &HealthPlan,
    mask: SignalMask,
) -> Result<std::result::Result<(), String>> {
    // The one question that ends by itself, within its timeout: it takes no process that can be ended, half of a check's time.
    if let Question::Tcp(address) = &health.question
        && address.parse::<SocketAddr>().is_ok()
    {
        return Ok(tcp(address, health.timeout));
    }
    let signals = Signals::receive(SignalMask::ALL);
    let asked = ask(dropped, health, mask)?;
    loop {
        // Before every wait, not only when SIGCHLD came: one that was lost is not missed.
        while let Some((pid, change)) = next_change().map_err(|errno| Error::Child { call: "wait4", errno })? {
            if pid == asked.pid {
                return Ok(asked.conclude(change));
            }
        }
        match signals.next(Some(asked.deadline))? {
            Event::Deadline => {
                asked.end();
                return Ok(Err(format!("no answer within {:?}", health.timeout)));
            }
            Event::Signal(_) | Event::Readable => {}
        }
    }
}

/// The answer as one line, or as one line of JSON.
pub fn report(role: Option<&str>, answer: &std::result::Result<(), String>, format: ReportFormat) -> String {
    #[derive(Serialize)]
    struct Shown<'a> {
        role: Option<&'a str>,
        healthy: bool,
        reason: Option<&'a str>,
    }
    let reason = answer.as_ref().err().map(String::as_str);
    let mut line = if format == ReportFormat::Json {
        // Strings and booleans have no way to fail; an empty line would be no JSON, and tell.
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

/// In the process that asks: the exit code.
fn answer(dropped: &Dropped, health: &HealthPlan, mask: SignalMask, teller: &OwnedFd) -> u8 {
    // Nothing of it may wait for input, or mix with a report on standard output.
    if let Ok(null) = openat(CWD, "/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()) {
        let _ = rustix::stdio::dup2_stdin(null);
    }
    let redirected = rustix::stdio::dup2_stdout(rustix::stdio::stderr());
    // Sockets of an activation are the app's.
    let _ = sys::close_on_exec_from(3);
    let answer = match &health.question {
        _ if redirected.is_err() => Err("its output could not be kept out of the report (dup2)".to_owned()),
        Question::Http { url, status, headers } => http::ask(url, *status, headers),
        Question::Tcp(address) => tcp(address, health.timeout),
        Question::File { path, max_age } => file(path, *max_age),
        Question::Exec(app) => {
            let error = exec::exec_app(dropped, app, mask);
            logger::fatal(&error);
            Err(error.to_string())
        }
    };
    match answer {
        Ok(()) => 0,
        Err(reason) => {
            let bytes = reason.as_bytes();
            let _ = rustix::io::write(teller, bytes.get(..LONGEST).unwrap_or(bytes));
            1
        }
    }
}

fn tcp(address: &str, timeout: Duration) -> std::result::Result<(), String> {
    let mut last = "no address".to_owned();
    for one in address.to_socket_addrs().map_err(|error| format!("{address}: {error}"))? {
        match TcpStream::connect_timeout(&one, timeout) {
            Ok(_) => return Ok(()),
            Err(error) => last = error.to_string(),
        }
    }
    Err(format!("connect to {address}: {last}"))
}

fn file(path: &std::path::Path, max_age: Option<Duration>) -> std::result::Result<(), String> {
    let facts = std::fs::metadata(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let Some(most) = max_age else { return Ok(()) };
    let written = facts.modified().map_err(|error| format!("{}: {error}", path.display()))?;
    // A time to come is as fresh as now.
    let age = SystemTime::now().duration_since(written).unwrap_or(Duration::ZERO);
    if age <= most {
        Ok(())
    } else {
        Err(format!("{} was written {} ms ago, at most {most:?} are allowed", path.display(), age.as_millis()))
    }
}
