//! Stays with the app: forwards signals, reaps, ends leftover processes, returns the app's exit code.
//!
//! It has the app's ids, so that forwarding needs no `CAP_KILL`. It keeps no descriptor of the app's and no working
//! directory that would pin a mount. It sleeps until a signal comes. It must not end before the app does, whatever fails.
//! `signal(7)`, `pid_namespaces(7)`, `kill(2)`.

pub mod readiness;

use std::time::{Duration, Instant};

use libc::{SI_QUEUE, SIGCHLD, SIGCONT, SIGKILL, SIGPIPE, SIGSTOP, SIGTERM, SIGTSTP, SIGTTIN, SIGTTOU};
use nix::errno::Errno;
use rustix::process::{Pid, getpid};

use crate::child::leftovers::{Leftovers, Reach};
use crate::child::start::{Output, Started, abandon, start};
use crate::child::terminal::Terminal;
use crate::child::wait::{Event, Signals};
use crate::child::{self, Change};
use crate::error::{Error, Result};
use crate::exec::{App, Launch};
use crate::facts::processes::Dispositions;
use crate::plan::Supervision;
use crate::privilege::Dropped;
use crate::sys::{self, Signal, SignalMask};
use readiness::{Manager, Readiness};

/// The stop signals that a terminal sends.
const TERMINAL_STOPS: [i32; 3] = [SIGTSTP, SIGTTIN, SIGTTOU];

/// Runs the app to its end and gives the exit code of the whole.
///
/// # Errors
/// [`crate::error::Error::Child`] where the app could not be started.
pub fn run(launch: Launch<'_, Dropped>, mut app: App, how: &Supervision) -> Result<u8> {
    let first = getpid().is_init();
    // Ready means healthy, so only /init may report it: the manager would believe an app that reports it earlier.
    let manager = how.health.is_some().then(|| app.environment.get("NOTIFY_SOCKET").and_then(Manager::named)).flatten();
    if manager.is_some() {
        app.environment.remove("NOTIFY_SOCKET");
    }
    let readiness = how.health.as_ref().zip(manager.clone()).map(|(health, manager)| Readiness::new(health, manager));
    // A job that was started in the background stays there until a shell brings it to the foreground.
    let foreground = Terminal::open().filter(Terminal::is_ours);
    let main = match start(launch, &app, Output::Inherited, foreground.as_ref())? {
        Started::Running(main) => main,
        Started::Refused(code) => return Ok(code),
    };
    drop((app, foreground));
    settle();
    let signals = Signals::receive(SignalMask::ALL);
    let terminal = Terminal::open();
    let mut supervisor =
        Supervisor { launch, main, how, first, terminal, forwarded_stop: false, kill_at: None, manager, readiness };
    let code = supervisor.until_app_ends(&signals).inspect_err(|_| abandon(main))?;
    if let Some(readiness) = supervisor.readiness.take() {
        readiness.give_up();
    }
    if let Some(terminal) = supervisor.terminal.as_ref().filter(|terminal| terminal.is_of(main)) {
        terminal.take_back();
    }
    let reach = if first { Reach::Namespace } else { Reach::Descendants };
    Leftovers { reach, grace: how.grace }.end(&signals)?;
    let remapped = how.exit_codes.iter().find(|(from, _)| *from == code);
    Ok(remapped.map_or(code, |(_, to)| *to))
}

/// Closes what only the app needs.
fn settle() {
    // The descriptors of socket activation are the app's; held here they would stay open after it ended. Nothing above 2
    // is owned by this process at this point.
    sys::close_from(3);
    let _ = rustix::process::chdir("/");
}

struct Supervisor<'a> {
    launch: Launch<'a, Dropped>,
    main: Pid,
    how: &'a Supervision,
    first: bool,
    terminal: Option<Terminal>,
    /// Whether a stop was sent on: then a stopped app is what someone asked for.
    forwarded_stop: bool,
    /// When a stop signal's grace ends.
    kill_at: Option<Instant>,
    /// Who is told that the app is ready, and stops.
    manager: Option<Manager>,
    /// Until the app is ready, where someone waits for that.
    readiness: Option<Readiness<'a>>,
}

impl Supervisor<'_> {
    fn until_app_ends(&mut self, signals: &Signals) -> Result<u8> {
        loop {
            // Before every wait, not only after SIGCHLD: one may be lost, and one may stand for many ends.
            if let Some(code) = self.reap()? {
                return Ok(code);
            }
            let ready_at = self.readiness.as_ref().and_then(Readiness::wake_at);
            match signals.next(self.kill_at.into_iter().chain(ready_at).min())? {
                Event::Deadline => self.deadline()?,
                Event::Readable => {}
                // From the kernel, not from a process that sends it by hand.
                Event::Signal(signal) if signal.number == SIGCHLD && signal.code > 0 => {}
                Event::Signal(signal) => self.forward(signal),
            }
        }
    }

    /// Takes every change there is; the app's exit code if it ended.
    fn reap(&mut self) -> Result<Option<u8>> {
        let mut code = None;
        loop {
            let (pid, change) = match child::next_change() {
                Ok(Some(changed)) => changed,
                Ok(None) => return Ok(code),
                // The app was the last.
                Err(Errno::ECHILD) if code.is_some() => return Ok(code),
                Err(errno) => return Err(Error::Child { call: "wait4", errno }),
            };
            if pid != self.main {
                if self.readiness.as_mut().is_some_and(|readiness| readiness.ended(pid, change)) {
                    self.readiness = None;
                }
            } else if let Change::Stopped(signal) = change {
                self.app_stopped(signal);
            } else {
                code = change.code();
            }
        }
    }

    fn forward(&mut self, signal: Signal) {
        let number =
            self.how.rewrite.iter().find(|(from, _)| *from == signal.number).map_or(signal.number, |(_, to)| *to);
        // A log line of /init's own that nobody read leaves one of its own; the app must not die of it.
        let own = signal.number == SIGPIPE && signal.sender.0 == getpid().as_raw_nonzero().get().unsigned_abs();
        if number == 0 || own {
            return;
        }
        // One that the app ignores or catches stops nothing; the next stop is someone else's.
        let stops =
            TERMINAL_STOPS.contains(&number) && Dispositions::of(self.main).is_some_and(|app| app.is_default(number));
        self.forwarded_stop |= stops || number == SIGSTOP;
        if number == SIGCONT
            && let Some(terminal) = self.terminal.as_ref().filter(|terminal| terminal.is_ours())
        {
            // Brought forward by a shell: the foreground it gave is meant for the app.
            terminal.give_to(self.main);
        }
        let app = self.main.as_raw_nonzero().get();
        let target = if self.how.group { -app } else { app };
        let queued = signal.code == SI_QUEUE && !self.how.group;
        let sent = if queued {
            sys::queue_signal(app, number, signal.sender, signal.value)
        } else {
            sys::send_signal(target, number)
        };
        match sent {
            Ok(()) => log::debug!("signal {} forwarded as {number} to {target}", signal.number),
            // ESRCH: it has just ended, and SIGCHLD says so. EPERM: it changed its ids, and only it can end itself.
            Err(reason) => {
                log::warn!("signal {number} could not be forwarded to {target}: {}", crate::error::Kernel(reason))
            }
        }
        if number == SIGTERM && self.kill_at.is_none() {
            self.kill_at = Instant::now().checked_add(self.how.grace);
            if let Some(manager) = &self.manager {
                manager.tell("STOPPING=1\n");
            }
        }
    }

    fn deadline(&mut self) -> Result<()> {
        if self.kill_at.is_some_and(|at| Instant::now() >= at) {
            self.kill();
        }
        match &mut self.readiness {
            Some(readiness) => readiness.woken(self.launch),
            None => Ok(()),
        }
    }

    /// The grace of a stop signal is over.
    fn kill(&mut self) {
        let app = self.main.as_raw_nonzero().get();
        log::warn!("the app did not end within {:?} of SIGTERM: SIGKILL", self.how.grace);
        if let Err(reason) = sys::send_signal(app, SIGKILL) {
            log::warn!("SIGKILL to {app}: {}", crate::error::Kernel(reason));
        }
        // Once: a process that cannot die now dies when the kernel lets it.
        self.kill_at = Instant::now().checked_add(Duration::from_secs(86_400));
    }

    /// The app was stopped. Under a shell, `/init` stops with it, so that the shell's job stops; where there is no one
    /// above to continue it, a terminal's stop that no one sent on purpose is taken back.
    fn app_stopped(&mut self, signal: i32) {
        let Some(terminal) = &self.terminal else { return };
        if !TERMINAL_STOPS.contains(&signal) {
            return;
        }
        if signal != SIGTSTP && terminal.is_ours() {
            // It read or wrote from the background, but the foreground is given to us: a shell that set up its pipeline
            // came after we had given it to the app.
            terminal.give_to(self.main);
            self.resume();
            return;
        }
        if self.first {
            if !self.forwarded_stop {
                log::warn!("the terminal stopped the app and no shell is there to continue it: SIGCONT");
                self.resume();
            }
            self.forwarded_stop = false;
            return;
        }
        self.forwarded_stop = false;
        let had_foreground = terminal.is_of(self.main);
        if had_foreground {
            terminal.take_back();
        }
        if sys::send_signal(getpid().as_raw_nonzero().get(), SIGSTOP).is_err() {
            log::warn!("cannot stop with the app");
        }
        // The continue that woke us is passed on below, once: forwarded too, it could undo the next stop.
        let _ = sys::wait_for_signal(SignalMask::only(SIGCONT), Some(Duration::ZERO));
        // Continued: in the foreground by fg, or in the background by bg.
        if terminal.is_ours() {
            terminal.give_to(self.main);
        }
        self.resume();
    }

    fn resume(&self) {
        let group = -self.main.as_raw_nonzero().get();
        match sys::send_signal(group, SIGCONT) {
            Ok(()) | Err(Errno::ESRCH) => {}
            Err(reason) => log::warn!("SIGCONT to {group}: {}", crate::error::Kernel(reason)),
        }
    }
}
