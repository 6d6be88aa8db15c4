//! Supervises the app: forwards signals, reaps, ends leftover processes, returns the app's exit code.
//!
//! It has the app's ids, so that forwarding needs no `CAP_KILL`. It keeps none of the app's descriptors, and no working
//! directory that would pin a mount, unless a health check is asked there. It sleeps until a signal arrives. It must
//! not end before the app, whatever fails.
//! `signal(7)`, `pid_namespaces(7)`, `kill(2)`.

pub mod manager;
mod relay;
mod service;

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use libc::{SI_QUEUE, SIGCHLD, SIGCONT, SIGINT, SIGKILL, SIGQUIT, SIGSTOP, SIGTERM, SIGTSTP, SIGTTIN, SIGTTOU};
use nix::errno::Errno;
use rustix::process::{Pid, getpid};

use crate::child::leftovers::{Leftovers, Reach};
use crate::child::start::{Output, Started, abandon, start};
use crate::child::terminal::Terminal;
use crate::child::wait::{Event, Signals};
use crate::child::{self, Change};
use crate::config::signals;
use crate::error::{Error, Result, fix};
use crate::exec::{App, Launch, OWN};
use crate::facts::processes::Dispositions;
use crate::plan::supervision::{Forwarded, Recipient, Supervision};
use crate::privilege::Dropped;
use crate::sys::{self, Signal, SignalMask};
use crate::text::Time;
use service::Service;

/// The stop signals that a terminal sends.
const TERMINAL_STOPS: [i32; 3] = [SIGTSTP, SIGTTIN, SIGTTOU];

/// Runs the app until it ends. Returns the exit code of `/init`.
///
/// # Errors
/// [`crate::error::Error::Child`] if the app could not be started.
pub fn run(launch: Launch<'_, Dropped>, mut app: App, how: &Supervision) -> Result<u8> {
    let first = getpid().is_init();
    let mut service = how.health.as_ref().and_then(|health| Service::new(health, &mut app.environment));
    // A job that was started in the background stays there until a shell brings it to the foreground.
    let foreground = Terminal::open().filter(Terminal::is_ours);
    let main = match start(launch, &app, Output::Inherited, foreground.as_ref())? {
        Started::Running(main) => main,
        Started::Refused(code) => return Ok(code),
    };
    drop((app, foreground));
    settle(service.as_ref());
    let signals = Signals::receive(SignalMask::ALL);
    let terminal = Terminal::open();
    let mut supervisor = Supervisor {
        launch,
        main,
        how,
        first,
        terminal,
        forwarded_stop: false,
        stop: Stop::None,
        service: service.take(),
    };
    let code = supervisor.until_app_ends(&signals).inspect_err(|_| abandon(main))?;
    if let Some(service) = &mut supervisor.service {
        service.app_ended();
    }
    if let Some(terminal) = supervisor.terminal.as_ref().filter(|terminal| terminal.is_of(main)) {
        terminal.take_back();
    }
    supervisor.end_leftovers(&signals)?;
    let remapped = how.exit_codes.iter().find(|(from, _)| *from == code);
    Ok(remapped.map_or(code, |(_, to)| *to))
}

/// Closes the descriptors that only the app needs, and leaves its working directory, unless the health check is asked
/// there. The path of that directory would not do: the user may not be allowed to enter it by its path.
fn settle(service: Option<&Service<'_>>) {
    // The descriptors of socket activation are the app's; held here they would stay open after it ended. Nothing above
    // 2 is owned by this process at this point but the socket for the app's reports.
    let kept = service.and_then(Service::relay).and_then(|relay| u32::try_from(relay.number()).ok());
    match kept {
        Some(kept) => {
            sys::close_range(3, kept.saturating_sub(1));
            sys::close_range(kept.saturating_add(1), u32::MAX);
        }
        None => sys::close_range(3, u32::MAX),
    }
    if !service.is_some_and(Service::depends_on_directory) {
        let _ = rustix::process::chdir("/");
    }
}

/// The progress of a stop.
#[derive(Clone, Copy, Debug)]
enum Stop {
    /// No stop was requested.
    None,
    /// This signal arrived; the app is killed at this time.
    Asked { signal: i32, kill_at: Instant },
    /// The grace period is over.
    Killed,
}

struct Supervisor<'a> {
    launch: Launch<'a, Dropped>,
    main: Pid,
    how: &'a Supervision,
    first: bool,
    terminal: Option<Terminal>,
    /// Whether a signal that stops (freezes) the app was forwarded: then a frozen app is intended.
    forwarded_stop: bool,
    stop: Stop,
    /// Reports to the service manager, if there is one and a health check.
    service: Option<Service<'a>>,
}

impl Supervisor<'_> {
    fn until_app_ends(&mut self, signals: &Signals) -> Result<u8> {
        loop {
            // Before every wait, not only after SIGCHLD: one may be lost, and one may stand for several exits.
            if let Some(code) = self.reap()? {
                return Ok(code);
            }
            match self.next(signals)? {
                Event::Deadline => self.deadline(),
                Event::Readable => self.service.iter().for_each(Service::pass_on),
                // From the kernel, not from a process that sends it by hand.
                Event::Signal(signal) if signal.number == SIGCHLD && signal.code > 0 => {}
                Event::Signal(signal) => self.forward(signal),
            }
        }
    }

    /// Waits for the next signal, notification from the app, or deadline.
    fn next(&mut self, signals: &Signals) -> Result<Event> {
        let kill_at = match self.stop {
            Stop::Asked { kill_at, .. } => Some(kill_at),
            Stop::None | Stop::Killed => None,
        };
        let ask_at = self.service.as_ref().and_then(Service::wake_at);
        let deadline = kill_at.into_iter().chain(ask_at).min();
        let Some(relay) = self.service.as_ref().and_then(Service::relay) else { return signals.next(deadline) };
        let event = signals.next_or(deadline, [Some(relay.as_fd()), None]);
        if event.is_ok() {
            return event;
        }
        // The app can lower the descriptor limit of a process with its uid. That must not end /init.
        if let Some(service) = &mut self.service {
            service.close_relay();
        }
        signals.next(deadline)
    }

    /// Reaps every child that changed state; returns the app's exit code if it ended.
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
                if let Some(service) = &mut self.service {
                    service.ended(pid, change);
                }
            } else if let Change::Stopped(signal) = change {
                self.app_stopped(signal);
            } else {
                code = change.code();
            }
        }
    }

    fn forward(&mut self, signal: Signal) {
        // Caused by a failed log write of /init itself; it must not kill the app.
        if OWN.contains(&signal.number) && signal.sender.0 == getpid().as_raw_nonzero().get().unsigned_abs() {
            return;
        }
        let Forwarded::As(number) = self.how.forwarded(signal.number) else { return };
        // A signal that the app ignores or catches does not freeze it.
        let stops =
            TERMINAL_STOPS.contains(&number) && Dispositions::of(self.main).is_some_and(|app| app.is_default(number));
        self.forwarded_stop |= stops || number == SIGSTOP;
        if number == SIGCONT
            && let Some(terminal) = self.terminal.as_ref().filter(|terminal| terminal.is_ours())
        {
            // A shell moved the job to the foreground: that is meant for the app.
            terminal.give_to(self.main);
        }
        let app = self.main.as_raw_nonzero().get();
        let (target, queued) = match self.how.recipient {
            Recipient::App => (app, signal.code == SI_QUEUE),
            Recipient::Group => (-app, false),
        };
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
        if self.is_stop(signal.number) || self.is_stop(number) {
            self.stop(signal.number);
        }
    }

    /// Whether this signal is a request to end the app.
    fn is_stop(&self, signal: i32) -> bool {
        [SIGTERM, SIGINT, SIGQUIT, self.how.stop.signal()].contains(&signal)
    }

    /// Starts the grace period at the first stop signal, also if it was rewritten to another signal.
    fn stop(&mut self, signal: i32) {
        let Stop::None = self.stop else { return };
        let now = Instant::now();
        self.stop = Stop::Asked { signal, kill_at: now.checked_add(self.how.stop.grace).unwrap_or(now) };
        if let Some(service) = &mut self.service {
            service.stopping();
        }
    }

    fn deadline(&mut self) {
        if let Stop::Asked { signal, kill_at } = self.stop
            && Instant::now() >= kill_at
        {
            self.kill(signal);
        }
        if let Some(service) = &mut self.service {
            service.woken(self.launch);
        }
    }

    /// Kills the app after the grace period. Once: a process in uninterruptible sleep dies when the kernel returns.
    fn kill(&mut self, signal: i32) {
        self.stop = Stop::Killed;
        let app = self.main.as_raw_nonzero().get();
        log::warn!("the app did not end within {} of {}: SIGKILL", Time(self.how.stop.grace), signals::name(signal));
        if let Err(reason) = sys::send_signal(app, SIGKILL) {
            log::warn!("SIGKILL to {app}: {}", crate::error::Kernel(reason));
        }
    }

    /// Ends leftover processes; after a stop within the rest of the grace period, since the engine does not wait
    /// longer.
    fn end_leftovers(&self, signals: &Signals) -> Result<()> {
        let reach = if self.first { Reach::Namespace } else { Reach::Descendants };
        let (grace, report) = match self.stop {
            Stop::None => (self.how.stop.grace, Some(("the app ended and", fix::running::APP_LEAVES))),
            Stop::Asked { kill_at, .. } => (kill_at.saturating_duration_since(Instant::now()), None),
            Stop::Killed => (Duration::ZERO, None),
        };
        Leftovers { reach, grace, report }.end(signals)
    }

    /// Handles a stopped (frozen) app. Under a shell, `/init` stops too, so that the shell's job stops. As PID 1, with
    /// no shell to continue the app, `/init` continues it, unless the stop was forwarded on purpose.
    fn app_stopped(&mut self, signal: i32) {
        let Some(terminal) = &self.terminal else { return };
        if !TERMINAL_STOPS.contains(&signal) {
            return;
        }
        if signal != SIGTSTP && terminal.is_ours() {
            // It read or wrote from the background while /init is in the foreground: a shell set the foreground for its
            // pipeline after /init had given it to the app.
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
        // Consume the SIGCONT that woke /init: resume() sends its own, and a second one could undo the next stop.
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
