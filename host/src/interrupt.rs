//! SIGINT, SIGTERM and SIGHUP during a run: the step under way is ended, and what served before is restored.
//!
//! Outside a run each signal ends the program as usual. While the previous image is restored, no signal is heeded.

use std::{
    fs,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    flag,
};

const SIGNALS: &[(i32, &str)] = &[(SIGHUP, "SIGHUP"), (SIGINT, "SIGINT"), (SIGTERM, "SIGTERM")];

struct Caught {
    /// Whether a signal ends the program.
    ends: Arc<AtomicBool>,
    /// The index of the first signal, counted from 1.
    first: Arc<AtomicUsize>,
    heeded: AtomicBool,
}

static CAUGHT: OnceLock<Caught> = OnceLock::new();

/// A run begins: from now on a signal makes the next step fail.
pub(crate) fn begin() {
    let caught = CAUGHT.get_or_init(catch);
    caught.ends.store(false, Ordering::SeqCst);
    caught.heeded.store(true, Ordering::SeqCst);
}

/// From now on the run only cleans up or restores, which a signal must not stop.
pub(crate) fn ignore() {
    if let Some(caught) = CAUGHT.get() {
        caught.heeded.store(false, Ordering::SeqCst);
    }
}

/// The run has ended.
pub(crate) fn end() {
    ignore();
    if let Some(caught) = CAUGHT.get() {
        caught.ends.store(true, Ordering::SeqCst);
    }
}

fn catch() -> Caught {
    let caught = Caught {
        ends: Arc::new(AtomicBool::new(false)),
        first: Arc::new(AtomicUsize::new(0)),
        heeded: AtomicBool::new(true),
    };
    let ignored = fs::read_to_string("/proc/self/status").map_or(0, |status| ignored(&status));
    for (at, (signal, _)) in SIGNALS.iter().enumerate() {
        // nohup and a shell's background job keep what they ignore.
        if ignored & (1 << (signal - 1)) == 0 {
            // Fails only for a signal that cannot be caught.
            let _ = flag::register_conditional_default(*signal, Arc::clone(&caught.ends));
            let _ = flag::register_usize(*signal, Arc::clone(&caught.first), at + 1);
        }
    }
    caught
}

/// The mask of the signals that this process ignores.
fn ignored(status: &str) -> u64 {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

/// The signal that arrived, if any.
pub(crate) fn signal() -> Option<&'static str> {
    let at = CAUGHT.get()?.first.load(Ordering::SeqCst).checked_sub(1)?;
    SIGNALS.get(at).map(|(_, name)| *name)
}

/// The signal that arrived in a run that heeds it.
pub(crate) fn heeded() -> Option<&'static str> {
    signal().filter(|_| CAUGHT.get().is_some_and(|caught| caught.heeded.load(Ordering::SeqCst)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_are_read_from_the_kernels_mask() {
        assert_eq!(ignored("Name:\tx\nSigIgn:\t0000000000000001\nSigCgt:\tff\n"), 1);
        assert_eq!(ignored("Name:\tx\n"), 0);
    }
}
