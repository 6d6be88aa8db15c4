//! The app of the signal tests: it prints the signals it gets, its initial state, and its access to PID 1.
//! `signal_app stage` is the launcher: a separate process creates the namespaces, since a test harness has threads.
//!
//! It has its own C `main`: the start-up code of the standard library would ignore `SIGPIPE` before it could be
//! inspected.

#![no_main]
#![allow(unsafe_code, unreachable_pub, missing_docs)]
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "signal_app/children.rs"]
mod children;
#[path = "signal_app/listen.rs"]
mod listen;
#[path = "signal_app/look.rs"]
mod look;
#[path = "signal_app/raw.rs"]
mod raw;
#[path = "signal_app/stage.rs"]
mod stage;
#[path = "signal_app/start.rs"]
mod start;
#[path = "signal_app/stop.rs"]
mod stop;

use std::ffi::{CStr, c_char, c_int};

#[unsafe(no_mangle)]
extern "C" fn main(_count: c_int, arguments: *const *const c_char, _environment: *const *const c_char) -> c_int {
    // SAFETY: the C runtime passes a null-terminated array of strings that live as long as the process.
    let words: Vec<String> = unsafe { strings(arguments) };
    let rest: Vec<&str> = words.iter().skip(2).map(String::as_str).collect();
    let number = |at: usize| rest.get(at).and_then(|word| word.parse::<i32>().ok()).unwrap_or(0);
    match words.get(1).map(String::as_str) {
        Some("stage") => stage::main(&rest),
        Some("listen") => listen::listen(&rest),
        Some("count") => listen::count(),
        Some("stop") => stop::stop(&rest),
        Some("term") => listen::terminal(&rest),
        Some("exit") => number(0),
        Some("die") => raw::die(number(0)),
        Some("state") => look::state(),
        Some("peek") => look::peek(),
        Some("storm") => children::storm(number(0), number(1)),
        Some("adopted") => children::adopted(),
        Some("family") => children::family(&rest),
        other => {
            raw::say(&format!("signal_app: what is {other:?}?"));
            125
        }
    }
}

/// # Safety
/// A null-terminated array of strings that live as long as the process.
unsafe fn strings(mut at: *const *const c_char) -> Vec<String> {
    let mut all = Vec::new();
    // SAFETY: guaranteed by the caller; the loop stops at the end.
    unsafe {
        while !at.is_null() && !(*at).is_null() {
            all.push(CStr::from_ptr(*at).to_string_lossy().into_owned());
            at = at.add(1);
        }
    }
    all
}
