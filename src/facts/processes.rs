//! Other processes, from `/proc`: `proc_pid_status(5)`, `proc_pid_task(5)`.

use std::ffi::CString;
use std::fs::File;
use std::io::Read;

use rustix::process::{Pid, getpid, getppid};
use rustix::thread::{CapabilitySet, capabilities};

use crate::sys::SignalMask;

/// The signal dispositions of a process.
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
    /// The values of this process; None if it has ended or `/proc` is not mounted.
    pub fn of(pid: Pid) -> Option<Dispositions> {
        parse(&status(pid.as_raw_nonzero().get())?)
    }

    /// Whether the process leaves this signal to the kernel's default action.
    pub fn is_default(self, signal: i32) -> bool {
        !self.ignored.with(self.caught).contains(signal)
    }
}

/// The parent, if it cannot signal this process once it has this uid: an engine's init runs as root, but without
/// `CAP_KILL`. None if the parent can, is in another PID namespace, or is unknown.
pub fn parent_that_cannot_signal(uid: u32) -> Option<String> {
    if getpid().is_init() {
        return None;
    }
    let parent = getppid()?;
    // One call is enough for most: an engine's init has the engine's default capabilities.
    if capabilities(Some(parent)).is_ok_and(|sets| sets.effective.contains(CapabilitySet::KILL)) {
        return None;
    }
    let parent = parent.as_raw_nonzero().get();
    let status = status(parent)?;
    let sender = sender(&status)?;
    let name = line(&status, "Name:").unwrap_or("?");
    (!sender.may_signal(uid))
        .then(|| format!("{name} (pid {parent}), which runs as uid {} without CAP_KILL,", sender.uid))
}

/// The credentials that decide which processes a process may signal: `kill(2)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sender {
    real: u32,
    uid: u32,
    has_kill: bool,
}

impl Sender {
    fn may_signal(self, uid: u32) -> bool {
        // The kernel prints this for an unmapped id: the process is in a parent user namespace.
        const UNMAPPED: u32 = 65_534;
        self.has_kill || self.real == uid || self.uid == uid || self.uid == UNMAPPED
    }
}

fn sender(status: &str) -> Option<Sender> {
    const KILL: u64 = 1 << 5;
    let mut ids = line(status, "Uid:")?.split_ascii_whitespace().map(str::parse);
    let effective = u64::from_str_radix(line(status, "CapEff:")?, 16).ok()?;
    Some(Sender { real: ids.next()?.ok()?, uid: ids.next()?.ok()?, has_kill: effective & KILL != 0 })
}

fn line<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim)
}

fn status(pid: i32) -> Option<String> {
    // The kernel generates the page for each read: one read is consistent.
    let mut page = vec![0; 4096];
    let length = File::open(format!("/proc/{pid}/status")).ok()?.read(&mut page).ok()?;
    // Its first line contains the process's name, which may be any bytes.
    page.truncate(length);
    Some(String::from_utf8(page).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

fn parse(status: &str) -> Option<Dispositions> {
    let set = |name: &str| u64::from_str_radix(line(status, name)?, 16).ok().map(SignalMask::from_bits);
    Some(Dispositions { blocked: set("SigBlk:")?, ignored: set("SigIgn:")?, caught: set("SigCgt:")? })
}

/// The arguments of PID 1, and one of its variables, as far as this process may read them. The app can change what
/// the kernel shows of it.
pub fn first_process(variable: &str) -> (Vec<CString>, Option<Vec<u8>>) {
    let read = |file: &str| {
        let mut text = Vec::new();
        // Longer files are not read to their end.
        let _ = File::open(file).and_then(|file| file.take(1 << 20).read_to_end(&mut text));
        text
    };
    let words = read("/proc/1/cmdline");
    // Each argument ends with a NUL, including the last one.
    let words = words
        .strip_suffix(b"\0")
        .unwrap_or_default()
        .split(|byte| *byte == 0)
        .filter_map(|word| CString::new(word).ok())
        .collect();
    let environment = read("/proc/1/environ");
    let value = |entry: &[u8]| Some(entry.strip_prefix(variable.as_bytes())?.strip_prefix(b"=")?.to_vec());
    (words, environment.split(|byte| *byte == 0).find_map(value))
}

/// The name of a process, unless it has ended.
pub fn name_of_running(pid: i32) -> Option<String> {
    let status = status(pid)?;
    let state = line(&status, "State:")?;
    (!state.starts_with(['Z', 'X'])).then(|| line(&status, "Name:").unwrap_or("?").to_owned())
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

    #[test]
    fn root_without_cap_kill_signals_only_its_own_uid() {
        let of = |ids: &str, effective: &str| sender(&format!("Uid:\t{ids}\nCapEff:\t{effective}\n")).expect("parses");
        let bare = of("0\t0\t0\t0", "00000000000001c1");
        assert!(!bare.may_signal(1001) && bare.may_signal(0));
        assert!(of("0\t0\t0\t0", "0000000000000020").may_signal(1001));
        assert!(of("1001\t0\t0\t0", "0").may_signal(1001) && of("0\t1001\t0\t0", "0").may_signal(1001));
        assert!(of("65534\t65534\t65534\t65534", "0").may_signal(1001));
        assert_eq!(sender("Uid:\t0\t0\t0\t0\n"), None);
    }
}
