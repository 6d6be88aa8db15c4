//! Becomes the app: working directory, umask, the original signal mask, exec. Needs [`Dropped`]; root steps need [`Root`].
//!
//! The app gets what the engine meant for it: the signal mask and dispositions that `/init` was started with, `SIGPIPE`
//! included, its own environment, and a working directory inside the container. `execve(2)`, `signal(7)`.

use std::ffi::{CStr, CString, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use libc::{SIGHUP, SIGINT, SIGPIPE, SIGQUIT, SIGTERM};
use nix::errno::Errno;
use rustix::fs::{Mode, StatVfsMountFlags, stat, statvfs};

use crate::config::environment::Environment;
use crate::error::{Error, Kernel, Result, errno};
use crate::facts::programs;
use crate::privilege::{Dropped, Root};
use crate::sys::{self, SignalMask};

/// What a container is stopped with, one way or another.
pub const STOPS: [i32; 4] = [SIGTERM, SIGINT, SIGQUIT, SIGHUP];

/// A program to become: the app, or what runs beside it.
#[derive(Clone, Debug)]
pub struct App {
    /// The files to execute: the first that the user may, as `execvp(3)` chooses. Never empty.
    pub programs: Vec<CString>,
    /// Its arguments, its name first.
    pub arguments: Vec<CString>,
    /// Its environment.
    pub environment: Environment,
    /// Its working directory, unless it stays where the engine started it.
    pub working_directory: Option<String>,
    /// Its file mode creation mask, unless it is the inherited one.
    pub umask: Option<u32>,
}

/// Becomes the app, with the signal mask that `/init` was started with. Comes back only with the reason why not.
pub fn exec_app(_dropped: &Dropped, app: &App, mask: SignalMask) -> Error {
    replace(app, mask)
}

/// Becomes a root step, in a child made for it: never the app, which takes [`exec_app`].
pub fn exec_root_step(_root: &Root, step: &App, mask: SignalMask) -> Error {
    replace(step, mask)
}

fn replace(app: &App, mask: SignalMask) -> Error {
    match enter(app).and_then(|()| release_signals(mask)) {
        Ok(()) => {}
        Err(error) => return error,
    }
    let mut first = None;
    for program in &app.programs {
        let Err(reason) = nix::unistd::execve(program, &app.arguments, app.environment.entries());
        first = first.or(Some((program, reason)));
        // What root could see and the user may not run is passed over, as the search itself would have.
        if !matches!(reason, Errno::EACCES | Errno::ENOENT | Errno::ENOTDIR) {
            first = Some((program, reason));
            break;
        }
    }
    // Blocked again, so that what is still to be said is said.
    let _ = sys::set_signal_mask(SignalMask::ALL);
    match first {
        Some((program, reason)) => refused(program, reason),
        None => Error::NotFound { name: "(none)".into(), what: "no program was resolved".into() },
    }
}

/// Working directory and umask, as the user.
fn enter(app: &App) -> Result<()> {
    // The first file that the app opens would take the place of one that is closed.
    if !(0..3).all(sys::is_open) {
        return Err(Error::Descriptors { call: "fcntl", object: "the standard streams".into(), errno: Errno::EBADF });
    }
    if let Some(mask) = app.umask {
        let wanted = Mode::from_raw_mode(mask);
        rustix::process::umask(wanted);
        // What it was before is all that the call ever tells.
        if rustix::process::umask(wanted) != wanted {
            return Err(Error::NotDone { call: "umask", object: format!("the umask {mask:04o}") });
        }
    }
    let failed = |errno| Error::WorkingDirectory {
        path: app.working_directory.clone().unwrap_or_else(|| "that the engine set".into()),
        errno,
    };
    if let Some(directory) = &app.working_directory {
        rustix::process::chdir(directory).map_err(|error| failed(errno(error)))?;
        let place =
            |path: &str| stat(path).map(|facts| (facts.st_dev, facts.st_ino)).map_err(|error| failed(errno(error)));
        if place(".")? != place(directory)? {
            return Err(Error::NotDone { call: "chdir", object: format!("the working directory {directory}") });
        }
    }
    // A directory that was opened outside leads outside, and the kernel says so (CVE-2024-21626).
    let here = rustix::process::getcwd(Vec::new()).map_err(|error| failed(errno(error)))?;
    if here.as_bytes().starts_with(b"/") { Ok(()) } else { Err(failed(Errno::EXDEV)) }
}

/// Whether this signal ends a boot: a stop that the engine neither blocked nor ignored when it started `/init`.
pub fn is_stop(signal: i32, mask: SignalMask) -> bool {
    STOPS.contains(&signal) && !mask.contains(signal) && !sys::is_ignored(signal)
}

/// Gives the original mask back, unless a stop came in the meantime: then there is no use in starting.
fn release_signals(mask: SignalMask) -> Result<()> {
    let pending = sys::pending_signals().map_err(|errno| Error::Signals { call: "rt_sigpending", errno })?;
    if let Some(signal) = STOPS.into_iter().find(|stop| pending.contains(*stop) && is_stop(*stop, mask)) {
        return Err(Error::Stopped { signal, during: "before the app was started" });
    }
    // A log line into a closed pipe left one of /init's own; the app must not die of it.
    if pending.contains(SIGPIPE) && !mask.contains(SIGPIPE) {
        let _ = sys::wait_for_signal(SignalMask::only(SIGPIPE), Some(Duration::ZERO));
    }
    sys::set_signal_mask(mask).map(drop).map_err(|errno| Error::Signals { call: "rt_sigprocmask", errno })
}

/// Why the kernel would not execute it, in words: its errno is about the interpreter or the mount as often as the file.
fn refused(program: &CString, reason: Errno) -> Error {
    let path = Path::new(OsStr::from_bytes(program.to_bytes()));
    let shown = path.display().to_string();
    let not_executable = |what: String, remedy| Error::NotExecutable { path: shown.clone(), what, remedy };
    match reason {
        Errno::ENOENT | Errno::ENOTDIR => Error::NotFound { name: shown, what: missing(path, program) },
        Errno::EACCES if statvfs(path).is_ok_and(|facts| facts.f_flag.contains(StatVfsMountFlags::NOEXEC)) => {
            not_executable("it is on a mount with noexec".into(), "put it elsewhere, or mount with exec")
        }
        Errno::EACCES => not_executable(
            Kernel(reason).to_string(),
            "let the user execute it and enter every directory above it (chmod 0755)",
        ),
        Errno::ENOEXEC => not_executable(
            "it is no program for this machine".into(),
            "begin a script with #! and its interpreter (there is no shell to guess one), or build the program for this architecture",
        ),
        Errno::EPERM => not_executable(
            format!("{}: file capabilities that the empty bounding set cannot give", Kernel(reason)),
            "list them in keep_capabilities, or remove them from the file (setcap -r)",
        ),
        Errno::E2BIG => not_executable(Kernel(reason).to_string(), "pass less in arguments and environment"),
        _ => not_executable(Kernel(reason).to_string(), "run it by hand in the image to see what is wrong with it"),
    }
}

/// What is missing when exec says that something is: the file, or what its first line or its header asks for.
fn missing(path: &Path, program: &CStr) -> String {
    match programs::interpreter_line(path) {
        Err(_) if rustix::fs::lstat(program).is_ok() => "it cannot be read, and neither can what it needs".into(),
        Err(_) => "no such file".into(),
        Ok(Some(line)) => {
            let return_hint = if line.ends_with('\r') { " (it ends with a carriage return)" } else { "" };
            format!("its interpreter '{line}' is missing{return_hint}")
        }
        Ok(None) => "its dynamic loader is missing (built for another C library?)".into(),
    }
}
