//! The C `main`, instead of the standard library's start-up code.
//!
//! That code ignores `SIGPIPE` without recording the disposition that the app must inherit, and it leaves a window in
//! which PID 1 loses a `SIGTERM`: the kernel discards a signal to PID 1 that is not blocked yet. Here the first
//! statement blocks every signal, before anything else changes. `main(3p)`, `signal(7)`, `pid_namespaces(7)`.

#![allow(unsafe_code)]

use std::ffi::{CStr, c_char, c_int};

use nix::errno::Errno;
use stepdown::sys::{SignalMask, set_signal_mask};

/// What the kernel passed to the process, unchanged.
pub(crate) struct Handed {
    /// The signal mask before every signal was blocked.
    pub(crate) mask: Result<SignalMask, Errno>,
    /// The arguments, argv[0] first.
    pub(crate) arguments: Vec<&'static CStr>,
    /// The environment in its original order, with duplicates and malformed entries.
    pub(crate) environment: Vec<&'static CStr>,
}

#[unsafe(no_mangle)]
extern "C" fn main(_count: c_int, arguments: *const *const c_char, environment: *const *const c_char) -> c_int {
    let mask = set_signal_mask(SignalMask::ALL);
    // SAFETY: the C runtime passes argv and envp: arrays of pointers to NUL-terminated strings, ended by a null
    // pointer, that live as long as the process and that nothing here writes to.
    let (arguments, environment) = unsafe { (strings(arguments), strings(environment)) };
    c_int::from(crate::story(Handed { mask, arguments, environment }))
}

/// The strings of a null-terminated array; empty for a null pointer.
///
/// # Safety
/// `array` is null, or an array as `main(3p)` gets it, that is never changed.
unsafe fn strings(array: *const *const c_char) -> Vec<&'static CStr> {
    let mut all = Vec::new();
    if array.is_null() {
        return all;
    }
    let mut at = array;
    // SAFETY: the caller promises an array that ends with a null pointer, and each pointer before it a string that
    // lives as long as the process; the loop stops at the end.
    unsafe {
        while !(*at).is_null() {
            all.push(CStr::from_ptr(*at));
            at = at.add(1);
        }
    }
    all
}
