//! An app that handles a stop signal in one of several ways, or not at all.

use crate::raw::{self, say};

/// The handler's action.
static RAISES: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);

extern "C" fn handler(signal: i32) {
    if RAISES.load(std::sync::atomic::Ordering::Relaxed) {
        raw::set_action(signal, false);
        // SAFETY: these calls take only integers, and are async-signal-safe. The signal is blocked in its own
        // handler.
        unsafe {
            raw::set_mask(0);
            libc::kill(libc::getpid(), signal);
        }
    }
    raw::exit(0)
}

/// `stop HOW SIGNAL`: `none` keeps the default, `caught` ends on it, `late` ends after a moment, `raised` raises it
/// again from its handler, `ignored` ignores it, `blocked` blocks it and waits for it.
pub fn stop(words: &[&str]) -> i32 {
    let signal: i32 = words.get(1).and_then(|word| word.parse().ok()).unwrap_or(libc::SIGTERM);
    let catch = || {
        // SAFETY: the handler only calls async-signal-safe functions.
        unsafe { libc::signal(signal, handler as *const () as libc::sighandler_t) };
    };
    raw::set_mask(0);
    match words.first().copied() {
        Some("caught") => catch(),
        Some("late") => {
            say("up");
            moment(100);
            catch();
        }
        Some("raised") => {
            RAISES.store(true, std::sync::atomic::Ordering::Relaxed);
            catch();
        }
        Some("ignored") => raw::set_action(signal, true),
        Some("blocked") => {
            raw::set_mask(1 << (signal - 1));
        }
        _ => {}
    }
    say(&format!("ready {}", raw::pid()));
    if words.first() == Some(&"blocked") {
        while raw::wait().number != signal {}
        return 0;
    }
    loop {
        moment(60_000);
    }
}

fn moment(milliseconds: i32) {
    // SAFETY: no descriptors are passed.
    unsafe { libc::poll(std::ptr::null_mut(), 0, milliseconds) };
}
