//! Sanitizes descriptors before any file is opened: 0, 1 and 2 are open, and the app inherits no others except those of
//! socket activation (`sd_listen_fds(3)`).
//!
//! An engine's leaked descriptor once gave access to the host (CVE-2024-21626).

use std::os::fd::IntoRawFd;
use std::path::Path;

use nix::errno::Errno;
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::FdFlags;

use crate::config::environment::Environment;
use crate::error::{Error, Result, errno, fix};
use crate::facts::entries;
use crate::sys;

const STANDARD_OUTPUT: i32 = 1;

/// The first descriptor after the standard ones, `SD_LISTEN_FDS_START`.
const FIRST: i32 = 3;

/// Opens `/dev/null` as each closed one of 0, 1 and 2, and marks all others close-on-exec. Returns whether standard
/// output was open.
///
/// # Errors
/// [`Error::Descriptors`]; [`Error::OwnVariable`] if `LISTEN_FDS` declares a descriptor that no service manager passes.
pub fn put_in_order(environment: &Environment) -> Result<bool> {
    let output_open = sys::is_open(STANDARD_OUTPUT);
    for descriptor in 0..FIRST {
        if !sys::is_open(descriptor) {
            // open(2) returns the lowest free number, which is this one: those below it are open.
            let null = openat(CWD, "/dev/null", OFlags::RDWR | OFlags::NOCTTY, Mode::empty())
                .map_err(|error| failed("open", "/dev/null", errno(error)))?;
            let number = null.into_raw_fd();
            if number != descriptor {
                return Err(failed("open", "/dev/null", Errno::EBADF));
            }
        }
    }
    let first = FIRST + passed_on_purpose(environment);
    for descriptor in FIRST..first {
        // A descriptor of a directory could lead the app out of its root. A closed one means that the number is
        // wrong, so that the others may be leaked ones.
        let kind = match sys::is_directory(descriptor) {
            Ok(false) => continue,
            Ok(true) => "a directory",
            Err(_) => "not open",
        };
        return Err(Error::OwnVariable {
            name: "LISTEN_FDS",
            what: format!("is {}, but descriptor {descriptor} is {kind}", first - FIRST),
            allowed: fix::variable::SOCKETS,
        });
    }
    if !mark_all(first) {
        mark_each(first)?;
    }
    Ok(output_open)
}

/// Marks them with one call. Returns whether that worked: the call needs Linux 5.11, and a seccomp filter may fake its
/// success, so an unmarked probe descriptor is checked afterwards.
fn mark_all(first: i32) -> bool {
    let witness = rustix::io::dup(rustix::stdio::stderr());
    let marked = sys::close_on_exec_from(first.unsigned_abs()).is_ok();
    marked
        && witness
            .is_ok_and(|witness| rustix::io::fcntl_getfd(&witness).is_ok_and(|flags| flags.contains(FdFlags::CLOEXEC)))
}

/// The number of socket activation descriptors, if they are meant for this process.
fn passed_on_purpose(environment: &Environment) -> i32 {
    let number = |name| {
        environment
            .get(name)
            .and_then(|value| std::str::from_utf8(value).ok())
            .and_then(|text| text.parse::<u32>().ok())
    };
    let for_us = || number("LISTEN_PID") == Some(std::process::id());
    // A descriptor table has at most about a million entries.
    number("LISTEN_FDS").filter(|_| for_us()).and_then(|count| i32::try_from(count.min(1 << 20)).ok()).unwrap_or(0)
}

fn mark_each(first: i32) -> Result<()> {
    let refused = entries::find(Path::new("/proc/self/fd"), |_, entry| {
        let number = entry.file_name().to_str().ok().and_then(|name| name.parse::<i32>().ok());
        let number = number.filter(|number| *number >= first)?;
        match sys::set_close_on_exec(number, true) {
            Ok(()) | Err(Errno::EBADF) => None,
            Err(reason) => Some(failed("fcntl(F_SETFD)", &format!("descriptor {number}"), reason)),
        }
    });
    match refused.map_err(|(call, error)| failed(call, "/proc/self/fd", errno(error)))? {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

fn failed(call: &'static str, object: &str, errno: Errno) -> Error {
    Error::Descriptors { call, object: object.to_owned(), errno }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_for_another_process_are_not_passed_on() {
        let mut environment = Environment::default();
        assert!(environment.set("LISTEN_FDS", b"2"));
        assert_eq!(passed_on_purpose(&environment), 0);
        assert!(environment.set("LISTEN_PID", b"1"));
        assert_eq!(passed_on_purpose(&environment), 0);
        assert!(environment.set("LISTEN_PID", std::process::id().to_string().as_bytes()));
        assert_eq!(passed_on_purpose(&environment), 2);
        assert!(environment.set("LISTEN_FDS", b"-1"));
        assert_eq!(passed_on_purpose(&environment), 0);
    }
}
