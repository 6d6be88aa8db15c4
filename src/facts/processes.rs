//! Other processes, as `/proc` shows them: `proc_pid_status(5)`, `proc_pid_task(5)`.

use rustix::process::{Pid, getpid};

use crate::sys::SignalMask;

/// What a process does with signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dispositions {
    /// Blocked in its first thread.
    pub blocked: SignalMask,
    /// Ignored.
    pub ignored: SignalMask,
    /// Caught by a handler.
    pub caught: SignalMask,
}

impl Dispositions {
    /// Those of this process; none where it is gone or `/proc` is not mounted.
    pub fn of(pid: Pid) -> Option<Dispositions> {
        parse(&status(pid.as_raw_nonzero().get())?)
    }

    /// Whether the process leaves this signal to the kernel's default action.
    pub fn is_default(self, signal: i32) -> bool {
        !self.ignored.with(self.caught).contains(signal)
    }
}

fn status(pid: i32) -> Option<String> {
    // Its first line holds the process's name, which may be any bytes.
    let bytes = std::fs::read(format!("/proc/{pid}/status")).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn parse(status: &str) -> Option<Dispositions> {
    let set = |name: &str| {
        let value = status.lines().find_map(|line| line.strip_prefix(name))?;
        u64::from_str_radix(value.trim(), 16).ok().map(SignalMask::from_bits)
    };
    Some(Dispositions { blocked: set("SigBlk:")?, ignored: set("SigIgn:")?, caught: set("SigCgt:")? })
}

/// The processes below this one, as far down as the kernel lists them: `/proc/PID/task/TID/children`.
pub fn descendants() -> Vec<i32> {
    let mut all = Vec::new();
    let mut unread = vec![getpid().as_raw_nonzero().get()];
    while let Some(process) = unread.pop() {
        let text = std::fs::read_to_string(format!("/proc/{process}/task/{process}/children")).unwrap_or_default();
        let children: Vec<i32> =
            text.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).filter(|pid| !all.contains(pid)).collect();
        all.extend(&children);
        unread.extend(children);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dispositions_are_read_by_signal() {
        let text = "Name:\tSigBlk:\nSigPnd:\t0000000000000000\nShdPnd:\t0000000000000000\n\
            SigBlk:\t0000000000000001\nSigIgn:\t0000000000001000\nSigCgt:\t0000000000004002\n";
        let found = parse(text).expect("parses");
        assert!(found.blocked.contains(1) && found.ignored.contains(13) && found.caught.contains(15));
        assert!(found.is_default(1) && !found.is_default(13) && !found.is_default(2) && found.is_default(9));
        assert_eq!(parse("SigBlk:\t0\nSigIgn:\t0\n"), None);
    }
}
