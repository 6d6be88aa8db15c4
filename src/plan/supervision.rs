//! `[supervise]` to numbers: which signal becomes which, which exit code becomes which.

use std::time::Duration;

use super::health::HealthPlan;
use crate::config::{At, Config};
use crate::error::{Error, Result};

/// How `/init` stays with the app.
#[derive(Clone, Debug)]
pub struct Supervision {
    /// From a stop signal to SIGKILL, and from the app's end to that of what is left.
    pub grace: Duration,
    /// Whether signals go to the app's whole process group.
    pub group: bool,
    /// How to tell that the app is ready, where the role has a check.
    pub health: Option<HealthPlan>,
    /// Signals by number: from, to; 0 drops one.
    pub rewrite: Vec<(i32, i32)>,
    /// Exit codes: from, to.
    pub exit_codes: Vec<(u8, u8)>,
}

/// Resolves it.
///
/// # Errors
/// [`Error::Config`] for a signal that is none, or cannot be caught.
pub(super) fn resolve(config: &Config, health: Option<HealthPlan>) -> Result<Supervision> {
    let given = &config.supervise;
    let mut rewrite = Vec::new();
    for (from, to) in &given.signals {
        rewrite.push((caught(from, to)?, if to.value.is_empty() { 0 } else { known(&to.value, to)? }));
    }
    let byte = |number: i64| u8::try_from(number).unwrap_or(u8::MAX);
    let exit_codes =
        given.exit_codes.iter().filter_map(|(from, to)| Some((from.parse().ok()?, byte(to.value)))).collect();
    Ok(Supervision { grace: given.grace, group: given.group, health, rewrite, exit_codes })
}

/// A signal that can be caught, to be rewritten.
fn caught(name: &str, at: &At<String>) -> Result<i32> {
    match known(name, at)? {
        number @ (9 | 17 | 19) => Err(refuse(at, format!("signal {name} ({number}) cannot be rewritten"))),
        number => Ok(number),
    }
}

fn known(name: &str, at: &At<String>) -> Result<i32> {
    number(name).ok_or_else(|| refuse(at, format!("'{name}' is no signal")))
}

fn refuse(at: &At<String>, what: String) -> Error {
    Error::Config {
        place: at.place.clone(),
        what,
        allowed: "a name such as TERM or RTMIN+3, or a number from 1 to 64".into(),
    }
}

/// `TERM`, `SIGTERM`, `15`, `RTMIN+3`, `RTMAX-1`; real-time signals counted as the C libraries' programs do, from 34.
fn number(name: &str) -> Option<i32> {
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
        Some(0)
    } else {
        rest.strip_prefix(sign)?.parse::<u8>().ok().filter(|by| *by <= 30).map(i32::from)
    }
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
        for name in ["", "SIG", "0", "65", "-1", "+15", "TERMINATE", "RTMIN+31", "RTMIN-1", "RTMAX+1", "RTMINX"] {
            assert_eq!(number(name), None, "{name}");
        }
    }
}
