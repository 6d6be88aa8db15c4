//! `stage [option=value]... -- COMMAND...`: runs the command as PID 1 of new PID and mount namespaces, or below a PID
//! 1, in the state that the options describe, and prints its pid and status. Its lines begin with `stage: `.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::raw;
use crate::start;

/// The options.
#[derive(Default)]
pub struct Wish {
    /// A child of PID 1 instead of PID 1, beside a bystander.
    pub below: bool,
    /// The command's uid.
    pub uid: u32,
    /// Root with only CHOWN, SETUID, SETGID and SETPCAP.
    pub four: bool,
    /// Signals blocked and ignored at the exec.
    pub block: Vec<i32>,
    pub ignore: Vec<i32>,
    /// The kernel's answer to sent signals.
    pub answer: Option<u16>,
    /// Sockets passed like those of a service manager.
    pub listen: u32,
    /// The working directory.
    pub cwd: Option<String>,
    /// The controlling terminal, and whether it is also standard input, besides output and error.
    pub tty: Option<String>,
    pub tty_input: bool,
    /// Holds the new child at the command's fork: a signal arrives then, and the child is held until its parent
    /// sleeps.
    pub early: Option<i32>,
    /// The same, but the parent is held until the child has ended.
    pub hold: bool,
    /// Repeats the command for each of these numbers, in place of `{}`.
    pub each: Vec<i32>,
    pub words: Vec<String>,
}

pub fn main(words: &[&str]) -> i32 {
    let wish = Wish::of(words);
    // Moved away from meaningful numbers, and closed by the exec.
    let report = File::from(rustix::io::fcntl_dupfd_cloexec(std::io::stdout(), 100).unwrap());
    if wish.each.is_empty() {
        return run(&wish, &report);
    }
    for number in &wish.each {
        let words = wish.words.iter().map(|word| word.replace("{}", &number.to_string())).collect();
        let Ok(first) = raw::fork_first() else { return unavailable(&report) };
        if first == 0 {
            start::become_init(&Wish { words, ..wish }, &report, None);
        }
        let (_, status) = raw::reap(first).unwrap();
        tell(&report, &format!("each {number} {}", raw::shown(status)));
    }
    tell(&report, "ended code 0");
    0
}

impl Wish {
    fn of(words: &[&str]) -> Wish {
        let mut wish = Wish::default();
        let numbers = |text: &str| text.split(',').filter_map(|number| number.parse().ok()).collect::<Vec<i32>>();
        for (at, word) in words.iter().enumerate() {
            let (name, value) = word.split_once('=').unwrap_or((word, ""));
            match name {
                "below" => wish.below = true,
                "uid" => wish.uid = value.parse().unwrap(),
                "four" => wish.four = true,
                "block" => wish.block = numbers(value),
                "ignore" => wish.ignore = numbers(value),
                "answer" => wish.answer = value.parse().ok(),
                "listen" => wish.listen = value.parse().unwrap(),
                "cwd" => wish.cwd = Some(value.into()),
                "tty" => wish.tty = Some(value.into()),
                "tty-input" => wish.tty_input = true,
                "early" => wish.early = value.parse().ok(),
                "hold" => wish.hold = true,
                "each" => wish.each = numbers(value),
                "--" => {
                    wish.words = words[at + 1..].iter().map(|word| (*word).to_owned()).collect();
                    break;
                }
                other => panic!("stage: what is {other}?"),
            }
        }
        wish
    }
}

pub fn tell(mut report: &File, line: &str) {
    let _ = report.write_all(format!("stage: {line}\n").as_bytes());
}

fn unavailable(report: &File) -> i32 {
    tell(report, &format!("unavailable: no PID and mount namespaces: {}", Errno::last()));
    77
}

fn run(wish: &Wish, report: &File) -> i32 {
    let Ok(first) = raw::fork_first() else { return unavailable(report) };
    if first == 0 {
        if wish.below {
            be_first(wish, report);
        }
        start::become_init(wish, report, None);
    }
    tell(report, &format!("first {first}"));
    if wish.early.is_some() || wish.hold {
        at_its_fork(wish, first);
    }
    let (_, status) = raw::reap(first).unwrap();
    tell(report, &format!("ended {}", raw::shown(status)));
    0
}

/// PID 1 above the command: reaps, forwards nothing, and prints what is left afterwards.
fn be_first(wish: &Wish, report: &File) -> ! {
    let outside: OwnedFd = start::open_proc();
    start::own_proc();
    let bystander = raw::fork();
    if bystander == 0 {
        raw::block_all_but(&[libc::SIGTERM]);
        loop {
            raw::wait();
        }
    }
    let init = raw::fork();
    if init == 0 {
        start::become_init(wish, report, Some(&outside));
    }
    let mut ended = 0;
    while let Some((pid, status)) = raw::reap(-1) {
        if pid == init {
            ended = status;
            break;
        }
    }
    let others = || {
        std::fs::read_dir("/proc")
            .unwrap()
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
    };
    let left: Vec<i32> = others().filter(|pid| *pid != 1 && *pid != bystander).collect();
    let alive = others().any(|pid| pid == bystander);
    tell(report, &format!("left {left:?} bystander {alive}"));
    raw::exit(if libc::WIFEXITED(ended) { libc::WEXITSTATUS(ended) } else { 128 + libc::WTERMSIG(ended) })
}

/// Traces the command up to the fork of its app.
fn at_its_fork(wish: &Wish, init: i32) {
    let init = Pid::from_raw(init);
    let all = Some(WaitPidFlag::__WALL);
    let next = |pid| waitpid(pid, all).unwrap();
    // The exec.
    next(init);
    ptrace::setoptions(init, Options::PTRACE_O_TRACEFORK | Options::PTRACE_O_TRACEVFORK | Options::PTRACE_O_TRACECLONE)
        .unwrap();
    let mut signal = None;
    let child = loop {
        ptrace::cont(init, signal).unwrap();
        match next(init) {
            WaitStatus::PtraceEvent(..) => {
                break Pid::from_raw(i32::try_from(ptrace::getevent(init).unwrap()).unwrap());
            }
            WaitStatus::Stopped(_, other) => signal = Some(other),
            _ => return,
        }
    };
    next(child);
    let state = |pid: Pid| {
        let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        text.rsplit(") ").next().and_then(|rest| rest.chars().next()).unwrap_or('X')
    };
    let until = |pid, wanted: [char; 2]| {
        // Polled, since the kernel has no event for a process that falls asleep; the waiting test has the deadline.
        while !wanted.contains(&state(pid)) {
            std::thread::yield_now();
        }
    };
    if wish.hold {
        ptrace::detach(child, None).unwrap();
        until(child, ['Z', 'X']);
        ptrace::detach(init, None).unwrap();
    } else {
        kill(init, Signal::try_from(wish.early.unwrap()).unwrap()).unwrap();
        ptrace::detach(init, None).unwrap();
        until(init, ['S', 'Z']);
        ptrace::detach(child, None).unwrap();
    }
}
