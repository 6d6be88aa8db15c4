//! The app of the tests. It prints its state, one fact a line, and then makes the attempts that its arguments name.
//! `witness sandbox` is the launcher of the tests: one separate process unshares, forks and mounts, since a test
//! harness has threads.
//!
//! It has its own C `main` like `/init`: the start-up code of the standard library would ignore `SIGPIPE` and open
//! closed descriptors, which would falsify the report.

#![no_main]
#![allow(unsafe_code, unreachable_pub, missing_docs)]
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod attempts;
mod container;
mod escapes;
mod foreign;
mod hostile_app;
mod inherited;
mod protocol;
mod stub;
mod uring;

use std::ffi::{CStr, c_char, c_int};
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;

/// The lines of `/proc/self/status` about privilege and signals.
const LINES: [&str; 17] = [
    "Umask",
    "Pid",
    "Uid",
    "Gid",
    "Groups",
    "Threads",
    "SigPnd",
    "ShdPnd",
    "SigBlk",
    "SigIgn",
    "SigCgt",
    "CapInh",
    "CapPrm",
    "CapEff",
    "CapBnd",
    "CapAmb",
    "NoNewPrivs",
];

#[unsafe(no_mangle)]
extern "C" fn main(_count: c_int, arguments: *const *const c_char, environment: *const *const c_char) -> c_int {
    // SAFETY: the C runtime passes two null-terminated arrays of strings that live as long as the process.
    let (arguments, environment) = unsafe { (strings(arguments), strings(environment)) };
    if std::env::var_os(stub::APP).is_some() {
        return stub::main(&arguments);
    }
    match arguments.get(1).map(|word| word.to_bytes()) {
        Some(b"sandbox") => container::main(),
        Some(b"hostile") => {
            hostile_app::main(&arguments.iter().skip(2).map(|word| word.to_str().unwrap()).collect::<Vec<_>>())
        }
        Some(b"child") => say(&report(&arguments, &environment, "child ")),
        // Standard output may be closed, which some tests are about.
        Some(b"aside") => {
            c_int::from(std::io::stderr().write_all(report(&arguments, &environment, "").as_bytes()).is_err())
        }
        _ => {
            say(&report(&arguments, &environment, ""));
            for word in arguments.iter().skip(1) {
                if let Some(result) = word.to_str().ok().and_then(attempts::attempt) {
                    say(&format!("try: {}: {result}\n", word.to_bytes().escape_ascii()));
                }
            }
            attempts::exit_code(&arguments)
        }
    }
}

/// # Safety
/// A null-terminated array of strings that live as long as the process.
unsafe fn strings(mut at: *const *const c_char) -> Vec<&'static CStr> {
    let mut all = Vec::new();
    // SAFETY: guaranteed by the caller; the loop stops at the end.
    unsafe {
        while !at.is_null() && !(*at).is_null() {
            all.push(CStr::from_ptr(*at));
            at = at.add(1);
        }
    }
    all
}

fn say(text: &str) -> c_int {
    let mut out = std::io::stdout();
    c_int::from(out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err())
}

fn report(arguments: &[&CStr], environment: &[&CStr], prefix: &str) -> String {
    let mut text = String::new();
    let mut line = |key: &str, value: &str| {
        let _ = writeln!(text, "{prefix}{key}: {value}");
    };
    // Descriptors first: reading the list uses one more, which is closed when its entry is looked up.
    let numbers: Vec<String> = fs::read_dir("/proc/self/fd")
        .map(|list| list.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect())
        .unwrap_or_default();
    let mut descriptors: Vec<(u32, String)> = (numbers.iter())
        .filter_map(|number| {
            Some((number.parse().ok()?, fs::read_link(format!("/proc/self/fd/{number}")).ok()?.display().to_string()))
        })
        .collect();
    descriptors.sort_unstable();
    line("witness", "started");
    for (number, target) in descriptors {
        line("fd", &format!("{number} {target}"));
    }
    for argument in arguments {
        line("argv", &argument.to_bytes().escape_ascii().to_string());
    }
    for entry in environment {
        line("env", &entry.to_bytes().escape_ascii().to_string());
    }
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    for (key, value) in status.lines().filter_map(|line| line.split_once(':')).filter(|(key, _)| LINES.contains(key)) {
        line(key, &value.split_ascii_whitespace().collect::<Vec<_>>().join(" "));
    }
    line("securebits", &attempts::securebits());
    line("cwd", &std::env::current_dir().map_or_else(|error| error.to_string(), |path| path.display().to_string()));
    line(
        "exe",
        &fs::read_link("/proc/self/exe").map_or_else(|error| error.to_string(), |path| path.display().to_string()),
    );
    text
}
