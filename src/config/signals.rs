//! Signals by name and number: `signal(7)`.

use libc::{SIGCHLD, SIGSTOP};

/// A signal that can stop an app, by name or number. `STOP` only suspends it, and `CHLD` is sent for every child that
/// ends.
///
/// # Errors
/// What is wrong with it.
pub fn stop(name: &str) -> Result<i32, String> {
    match number(name) {
        None => Err(format!("'{name}' is no signal")),
        Some(SIGSTOP | SIGCHLD) => Err(format!("'{name}' stops no app")),
        Some(number) => Ok(number),
    }
}

/// The name of a signal: `SIGTERM`, `SIGRTMIN+3`. The C library's own real-time signals have only numbers.
pub fn name(number: i32) -> String {
    let known = usize::try_from(number - 1).ok().and_then(|at| NAMES.get(at));
    match (known, number) {
        (Some(names), _) => format!("SIG{}", names.split('|').next().unwrap_or(names)),
        (None, 34) => "SIGRTMIN".into(),
        (None, 35..) => format!("SIGRTMIN+{}", number - 34),
        (None, _) => format!("signal {number}"),
    }
}

/// `TERM`, `SIGTERM`, `15`, `RTMIN+3`, `RTMAX-1`. Real-time signals count from 34, as in programs of the C libraries.
pub fn number(name: &str) -> Option<i32> {
    let digits =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<i32>().ok()).flatten();
    let upper = name.to_ascii_uppercase();
    let bare = upper.strip_prefix("SIG").unwrap_or(&upper);
    let found = digits(bare)
        .or_else(|| bare.strip_prefix("RTMIN").and_then(|rest| offset(rest, '+').map(|by| 34 + by)))
        .or_else(|| bare.strip_prefix("RTMAX").and_then(|rest| offset(rest, '-').map(|by| 64 - by)))
        .or_else(|| {
            NAMES
                .iter()
                .position(|known| known.split('|').any(|one| one == bare))
                .and_then(|at| i32::try_from(at + 1).ok())
        });
    found.filter(|number| (1..=64).contains(number))
}

fn offset(rest: &str, sign: char) -> Option<i32> {
    if rest.is_empty() {
        return Some(0);
    }
    let number = rest.strip_prefix(sign)?;
    let plain = number.bytes().all(|byte| byte.is_ascii_digit());
    number.parse::<u8>().ok().filter(|by| plain && *by <= 30).map(i32::from)
}

/// By number from 1: `signal(7)`, the same on x86-64 and aarch64.
const NAMES: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT|IOT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM",
    "TERM", "STKFLT", "CHLD|CLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF",
    "WINCH", "IO|POLL", "PWR", "SYS",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_by_name_and_number() {
        for (name, wanted) in [
            ("TERM", 15),
            ("sigterm", 15),
            ("15", 15),
            ("HUP", 1),
            ("SYS", 31),
            ("CLD", 17),
            ("RTMIN", 34),
            ("RTMIN+3", 37),
            ("SIGRTMAX", 64),
            ("RTMAX-1", 63),
            ("64", 64),
        ] {
            assert_eq!(number(name), Some(wanted), "{name}");
        }
        for name in
            ["", "SIG", "0", "65", "-1", "+15", "TERMINATE", "RTMIN+31", "RTMIN-1", "RTMIN++1", "RTMAX+1", "RTMINX"]
        {
            assert_eq!(number(name), None, "{name}");
        }
    }

    #[test]
    fn names_of_numbers_read_back() {
        assert_eq!((name(15), name(6), name(64)), ("SIGTERM".into(), "SIGABRT".into(), "SIGRTMIN+30".into()));
        for signal in (1..=31).chain(34..=64) {
            assert_eq!(number(&name(signal)), Some(signal));
        }
        assert_eq!(name(32), "signal 32");
    }

    #[test]
    fn a_stop_signal_can_end_an_app() {
        assert_eq!((stop("QUIT"), stop("KILL"), stop("RTMIN+3")), (Ok(3), Ok(9), Ok(37)));
        assert!(["STOP", "CHLD", "17", "", "NOPE"].iter().all(|wrong| stop(wrong).is_err()));
    }
}
