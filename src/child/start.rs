//! Starts the app as a child.

use std::io::{ErrorKind, Read};

use libc::SIGKILL;
use rustix::process::{Pid, WaitOptions, getpid};

use super::fork::{fork, pipe};
use super::systemd;
use super::terminal::Terminal;
use crate::error::{Error, Result, errno};
use crate::exec::{self, App, Launch};
use crate::logger;
use crate::privilege::Dropped;
use crate::sys;

/// The result of a start.
#[derive(Clone, Copy, Debug)]
pub enum Started {
    /// The child executes its program.
    Running(Pid),
    /// The program could not be executed; the child logged why. The exit code of that reason.
    Refused(u8),
}

/// The destination of a child's standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// To the standard output of `/init`.
    Inherited,
    /// To standard error, because a report is printed on standard output.
    ToStandardError,
}

/// Starts the app in a new process group, which becomes the terminal's foreground group if that of `/init` was.
/// Returns after the child has executed the app's program, so that no forwarded signal reaches the child before.
///
/// # Errors
/// [`Error::Child`].
pub fn start(launch: Launch<'_, Dropped>, app: &App, output: Output, terminal: Option<&Terminal>) -> Result<Started> {
    // The end to write is close-on-exec: it closes when the program is executed.
    let (report, reporter) = pipe()?;
    let pid = fork(|| {
        if let Some(terminal) = terminal {
            terminal.give_to(getpid());
        }
        let redirected = match output {
            Output::ToStandardError => rustix::stdio::dup2_stdout(rustix::stdio::stderr()),
            Output::Inherited => Ok(()),
        };
        let error = match redirected {
            Ok(()) => exec::exec_app(launch, &systemd::handed_on(app)),
            Err(reason) => Error::Child { call: "dup2", errno: errno(reason) },
        };
        logger::fatal(&error);
        let _ = rustix::io::write(&reporter, &[error.exit_code()]);
        error.exit_code()
    })?;
    drop(reporter);
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
            let _ = rustix::process::waitpid(Some(pid), WaitOptions::empty());
            Ok(Started::Refused(code[0]))
        }
        Ok(_) => Ok(Started::Running(pid)),
        Err(error) => {
            abandon(pid);
            Err(Error::Child { call: "read", errno: crate::error::io_errno(&error) })
        }
    }
}

/// Kills and reaps the app when it cannot be supervised any more: no app runs without `/init`.
pub fn abandon(child: Pid) {
    let _ = sys::send_signal(child.as_raw_nonzero().get(), SIGKILL);
    let _ = rustix::process::waitpid(Some(child), WaitOptions::empty());
}
