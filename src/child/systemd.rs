//! The variables of a service manager, adapted to the process that gets them: `sd_listen_fds(3)`,
//! `sd_watchdog_enabled(3)`, `sd_notify(3)`.

use rustix::process::{getpid, getppid};

use crate::config::environment::Environment;
use crate::exec::App;

/// All of them.
const ALL: [&str; 7] =
    ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "LISTEN_PIDFDID"];

/// The process that a variable with a pid refers to.
fn is_meant_for(pid: i32, name: &str, environment: &Environment) -> Option<bool> {
    environment.get(name).map(|value| value == pid.to_string().as_bytes())
}

/// In the child that executes the app: changes variables that refer to `/init`, its parent, to refer to the app.
pub(super) fn handed_on(app: &App) -> App {
    let mut app = app.clone();
    let parent = getppid().map_or(0, |parent| parent.as_raw_nonzero().get());
    let own = getpid().as_raw_nonzero().to_string();
    let environment = &mut app.environment;
    // The id of a pidfd belongs to one process, and is optional beside LISTEN_PID.
    if is_meant_for(parent, "LISTEN_PID", environment) == Some(true) {
        // Digits contain no NUL.
        let _ = environment.set("LISTEN_PID", own.as_bytes());
        environment.remove("LISTEN_PIDFDID");
    }
    match is_meant_for(parent, "WATCHDOG_PID", environment) {
        Some(true) => {
            let _ = environment.set("WATCHDOG_PID", own.as_bytes());
        }
        // Another process is watched.
        Some(false) => ["WATCHDOG_USEC", "WATCHDOG_PID"].iter().for_each(|name| environment.remove(name)),
        None => {}
    }
    app
}

/// Removes the variables for a process beside the app, which has no activation sockets and must not notify.
pub fn without(environment: &mut Environment) {
    ALL.iter().for_each(|name| environment.remove(name));
}

/// Removes the variables for an app without a manager to notify.
pub fn without_notification(environment: &mut Environment) {
    ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"].iter().for_each(|name| environment.remove(name));
}

/// The watchdog interval for this process in microseconds; none if the manager watches another process.
pub fn watchdog(environment: &Environment) -> Option<u64> {
    let own = getpid().as_raw_nonzero().get();
    let watched = is_meant_for(own, "WATCHDOG_PID", environment).unwrap_or(true);
    let value = environment.get("WATCHDOG_USEC").filter(|_| watched)?;
    std::str::from_utf8(value).ok()?.parse().ok().filter(|microseconds| *microseconds > 0)
}
