//! Fakes the read-back of the drop: the answers show a process dropped to uid 1001, whatever its real state.

use std::fs;
use std::os::unix::fs::FileExt;

use libc::seccomp_notif;

use super::answers::memory;
use crate::protocol::{Answer, Fault};

const ID: u32 = 1001;

/// The value of `PR_GET_SECUREBITS` of `prctl(2)` if all are locked.
const LOCKED: i64 = 0xef;

/// Whether a fake answer applies to this call: to `read(2)` only if it reads a `status` file in `/proc`.
pub fn are_about(rule: &Fault, asked: &seccomp_notif) -> bool {
    let is_read = i64::from(asked.data.nr) == libc::SYS_read;
    !matches!(rule.answer, Answer::Lie | Answer::Unprinted { .. }) || !is_read || {
        let link = format!("/proc/{}/fd/{}", asked.pid, asked.data.args[0]);
        fs::read_link(link).is_ok_and(|path| path.ends_with("status"))
    }
}

/// Writes the fake result to the caller's buffer, and returns the call's return value.
pub fn tell(asked: &seccomp_notif, answer: Answer) -> std::io::Result<i64> {
    let [first, second, third, ..] = asked.data.args;
    let memory = memory(asked.pid)?;
    let put = |at: u64, bytes: &[u8]| memory.write_all_at(bytes, at);
    match i64::from(asked.data.nr) {
        libc::SYS_getresuid | libc::SYS_getresgid => {
            [first, second, third].iter().try_for_each(|at| put(*at, &ID.to_ne_bytes())).map(|()| 0)
        }
        libc::SYS_getgroups => (first == 0 || put(second, &ID.to_ne_bytes()).is_ok())
            .then_some(1)
            .ok_or_else(std::io::Error::last_os_error),
        // Three words for each half of the sets.
        libc::SYS_capget => put(second, &[0; 24]).map(|()| 0),
        libc::SYS_prctl => Ok(match i32::try_from(first).unwrap_or(0) {
            libc::PR_GET_NO_NEW_PRIVS => 1,
            libc::PR_GET_SECUREBITS => LOCKED,
            // PR_CAPBSET_READ and PR_CAP_AMBIENT_IS_SET: not in the set.
            _ => 0,
        }),
        libc::SYS_read => {
            let text = fs::read_to_string(format!("/proc/{}/status", asked.pid))?;
            let text = match answer {
                Answer::Unprinted { ambient } => without(&text, ambient),
                _ => status(&text),
            };
            let length = text.len().min(usize::try_from(third).unwrap_or(0));
            put(second, &text.as_bytes()[..length]).map(|()| length as i64)
        }
        _ => Ok(0),
    }
}

fn without(text: &str, ambient: bool) -> String {
    let goes = |line: &str| line.starts_with("NoNewPrivs:") || ambient && line.starts_with("CapAmb:");
    text.split_inclusive('\n').filter(|line| !goes(line)).collect()
}

fn status(text: &str) -> String {
    let all = format!("{ID}\t{ID}\t{ID}\t{ID}");
    let lied = |line: &str| {
        let (key, value) = line.split_once(":\t").unwrap_or((line, ""));
        let value = match key {
            "Uid" | "Gid" => &all,
            "Groups" => "1001 ",
            "CapInh" | "CapPrm" | "CapEff" | "CapBnd" | "CapAmb" => "0000000000000000",
            "NoNewPrivs" => "1",
            _ => value,
        };
        format!("{key}:\t{value}\n")
    };
    text.lines().map(lied).collect()
}
