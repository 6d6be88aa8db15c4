//! Executes the app: working directory, umask, the original signal mask, `execve(2)`. The app needs a [`Dropped`], a
//! root step a [`Root`].
//!
//! The app starts with the signal mask and dispositions that `/init` was started with, `SIGPIPE` included, with its own
//! environment, and in a working directory inside the container. `signal(7)`.

use std::ffi::{CStr, CString};
use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::time::Duration;

use libc::{SIGCHLD, SIGHUP, SIGINT, SIGPIPE, SIGQUIT, SIGTERM, SIGWINCH, SIGXFSZ};
use nix::errno::Errno;
use rustix::fs::{Access, AtFlags, CWD, FileType, Mode, accessat, stat};

use crate::config::environment::Environment;
use crate::error::{Error, Missing, Result, errno};
use crate::facts::executable;
use crate::privilege::{Dropped, Root};
use crate::sys::{self, Signal, SignalMask};

/// The signals that stop a container, whatever is configured.
const STOPS: [i32; 4] = [SIGTERM, SIGINT, SIGQUIT, SIGHUP];

/// The signal of `[stop]` or of the role's `stop`; 0 for none.
static CONFIGURED_STOP: AtomicI32 = AtomicI32::new(0);

/// Takes this signal as a stop from now on.
pub fn stop_also_on(signal: i32) {
    CONFIGURED_STOP.store(signal, Ordering::Relaxed);
}

/// The signals to wait for while a step runs. All others stay pending for the app.
pub fn signals_of_steps() -> SignalMask {
    stops().fold(SignalMask::only(SIGCHLD), |set, stop| set.with(SignalMask::only(stop)))
}

fn stops() -> impl Iterator<Item = i32> {
    let configured = Some(CONFIGURED_STOP.load(Ordering::Relaxed));
    STOPS.into_iter().chain(configured.filter(|signal| *signal != 0))
}

/// Signals that a process gets for its own write(2): to a pipe without a reader, or beyond RLIMIT_FSIZE.
pub const OWN: [i32; 2] = [SIGPIPE, SIGXFSZ];

/// Whether `/init` was started with SIGCHLD ignored, and has stopped ignoring it.
static IGNORED_CHILDREN: AtomicBool = AtomicBool::new(false);

/// Stops ignoring SIGCHLD until the next exec: otherwise the kernel would reap the children of this process and discard
/// their exit codes. Call it before a fork.
///
/// # Errors
/// [`Error::Child`].
pub fn keep_exit_codes() -> Result<()> {
    if sys::is_ignored(SIGCHLD) {
        sys::set_ignored(SIGCHLD, false).map_err(|errno| Error::Child { call: "sigaction", errno })?;
        IGNORED_CHILDREN.store(true, Ordering::Relaxed);
    }
    Ok(())
}

/// The requirements of a start: the token, and the signal mask that `/init` was started with.
#[derive(Debug)]
pub struct Launch<'a, T> {
    /// The token proves the privilege state; it has no data.
    token: PhantomData<&'a T>,
    mask: SignalMask,
}

impl<T> Clone for Launch<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Launch<'_, T> {}

impl<'a, T> Launch<'a, T> {
    /// From the token and the original signal mask.
    pub fn new(_token: &'a T, mask: SignalMask) -> Launch<'a, T> {
        Launch { token: PhantomData, mask }
    }

    /// Whether this signal ends the boot: a stop signal that was neither blocked nor ignored when `/init` was started.
    pub fn is_stop(self, signal: Signal) -> bool {
        // The kernel sends other signals for its own reasons: SIGWINCH when the terminal's size changes.
        (signal.code <= 0 || STOPS.contains(&signal.number)) && is_stop(signal.number, self.mask)
    }
}

/// A program to execute: the app, a step, or a health check.
#[derive(Clone, Debug)]
pub struct App {
    /// The files to try, in order, as `execvp(3)` does. Never empty.
    pub programs: Vec<CString>,
    /// Its arguments, argv[0] first.
    pub arguments: Vec<CString>,
    /// Its environment.
    pub environment: Environment,
    /// Its working directory; none for the one that the engine set.
    pub working_directory: Option<String>,
    /// Its umask; none for the inherited one.
    pub umask: Option<u32>,
}

impl App {
    /// The file that exec would run now, by this process's permissions for files; the first one if there is none yet.
    pub fn program(&self) -> Option<&CString> {
        if let [only] = self.programs.as_slice() {
            return Some(only);
        }
        let runs = |program: &&CString| {
            stat(program.as_c_str()).is_ok_and(|facts| FileType::from_raw_mode(facts.st_mode) == FileType::RegularFile)
                && accessat(CWD, program.as_c_str(), Access::EXEC_OK, AtFlags::EACCESS).is_ok()
        };
        self.programs.iter().find(runs).or_else(|| self.programs.first())
    }
}

/// Executes the app in place of this process. Returns only the reason why it failed.
pub fn exec_app(launch: Launch<'_, Dropped>, app: &App) -> Error {
    replace(app, launch.mask)
}

/// Executes a root step in place of this process, its forked child.
pub fn exec_root_step(launch: Launch<'_, Root>, step: &App) -> Error {
    replace(step, launch.mask)
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
        // After these, execvp(3) tries the next directory of PATH.
        if !matches!(reason, Errno::EACCES | Errno::ENOENT | Errno::ENOTDIR) {
            first = Some((program, reason));
            break;
        }
    }
    // Blocked again, so that no signal ends the process before the error is logged.
    let _ = sys::set_signal_mask(SignalMask::ALL);
    let by_path = app.arguments.first().is_some_and(|name| !name.to_bytes().contains(&b'/'));
    match first {
        Some((program, reason)) => match executable::refused(program, reason, longest(app)) {
            Error::NotFound { cause: Missing::File(None), .. } if by_path => nowhere(app),
            error => error,
        },
        None => Error::NotFound { name: "(none)".into(), cause: Missing::File(None) },
    }
}

/// The error where a search of `PATH` finds no file.
fn nowhere(app: &App) -> Error {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let name = app.arguments.first().map_or_else(String::new, |name| text(name.to_bytes()));
    Error::NotFound { name, cause: Missing::InPath(text(app.environment.get("PATH").unwrap_or_default())) }
}

/// The longest of the strings that the program would get: its name, without the value of a variable, and its length.
fn longest(app: &App) -> Option<(String, usize)> {
    let variables = app.environment.entries().iter().map(AsRef::as_ref);
    let longest = app.arguments.iter().map(|argument| argument.as_c_str()).chain(variables);
    let longest: &CStr = longest.max_by_key(|string| string.count_bytes())?;
    let name = longest.to_string_lossy().split_once('=').map_or("an argument".into(), |(name, _)| name.to_owned());
    Some((name, longest.count_bytes()))
}

/// Sets working directory and umask, as the user.
fn enter(app: &App) -> Result<()> {
    // The first file that the app opens would get the number of a closed standard stream.
    if !(0..3).all(sys::is_open) {
        return Err(Error::Descriptors { call: "fcntl", object: "the standard streams".into(), errno: Errno::EBADF });
    }
    if let Some(mask) = app.umask {
        let wanted = Mode::from_raw_mode(mask);
        rustix::process::umask(wanted);
        // umask(2) returns only the previous value, so a second call reads back the first.
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
    // The kernel's path of a directory outside of the container's root does not begin with / (CVE-2024-21626).
    let here = rustix::process::getcwd(Vec::new()).map_err(|error| failed(errno(error)))?;
    if here.as_bytes().starts_with(b"/") { Ok(()) } else { Err(failed(Errno::EXDEV)) }
}

fn is_stop(signal: i32, mask: SignalMask) -> bool {
    stops().any(|stop| stop == signal) && !mask.contains(signal) && !sys::is_ignored(signal)
}

/// Ends the boot if a stop signal is pending. Returns the pending signals.
///
/// # Errors
/// [`Error::Stopped`], [`Error::Signals`].
pub fn refuse_pending_stop(mask: SignalMask, during: &'static str) -> Result<SignalMask> {
    let pending = sys::pending_signals().map_err(|errno| Error::Signals { call: "rt_sigpending", errno })?;
    // Whether the kernel sent a SIGWINCH is not known here.
    match stops().find(|stop| *stop != SIGWINCH && pending.contains(*stop) && is_stop(*stop, mask)) {
        Some(signal) => Err(Error::Stopped { signal, during: during.into() }),
        None => Ok(pending),
    }
}

/// Restores the original mask, and ignores SIGCHLD again if it was ignored. Fails if a stop signal is pending: then the
/// app is not started.
fn release_signals(mask: SignalMask) -> Result<()> {
    let pending = refuse_pending_stop(mask, "before the app was started")?;
    // Left pending by /init's own log writes; it must not kill the app.
    for own in OWN.into_iter().filter(|own| pending.contains(*own) && !mask.contains(*own)) {
        let _ = sys::wait_for_signal(SignalMask::only(own), Some(Duration::ZERO));
    }
    if IGNORED_CHILDREN.load(Ordering::Relaxed) {
        sys::set_ignored(SIGCHLD, true).map_err(|errno| Error::Signals { call: "rt_sigaction", errno })?;
    }
    sys::set_signal_mask(mask).map(drop).map_err(|errno| Error::Signals { call: "rt_sigprocmask", errno })
}
