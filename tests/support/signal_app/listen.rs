//! Prints each signal that arrives. All are blocked and read from the queue, so that none is lost or fatal.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::os::fd::AsFd;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::getpgrp;
use rustix::termios::{tcgetpgrp, tcgetwinsize};

use crate::children;
use crate::raw::{self, Got, say};

/// `listen [deaf] [pair] [closed] [apart] [alarm=MS]`: ends with 0 on SIGTERM, unless `deaf`. With `pair` a child in
/// the same group also prints its signals.
pub fn listen(words: &[&str]) -> i32 {
    raw::block_all_but(&[]);
    let has = |word| words.contains(&word);
    let mut name = "";
    if has("pair") {
        // The child's line first, so that both listen when the app prints that it is ready.
        let (mut reads, writes) = std::io::pipe().unwrap();
        if raw::fork() == 0 {
            name = "child ";
            say("child ready");
            drop((reads, writes));
        } else {
            drop(writes);
            let _ = reads.read(&mut [0]);
        }
    }
    if name.is_empty() {
        say(&format!("ready {}", raw::pid()));
    }
    if let Some(after) = words.iter().find_map(|word| word.strip_prefix("alarm=")?.parse::<i64>().ok()) {
        let zero = libc::timeval { tv_sec: 0, tv_usec: 0 };
        let timer = libc::itimerval {
            it_interval: zero,
            it_value: libc::timeval { tv_sec: after / 1000, tv_usec: after % 1000 * 1000 },
        };
        // SAFETY: the pointer is to a live structure; the old value is not requested.
        unsafe { libc::setitimer(libc::ITIMER_REAL, &raw const timer, std::ptr::null_mut()) };
    }
    loop {
        let Got { number, code, value } = raw::wait();
        say(&format!("{name}got {number} code {code} value {value}"));
        if number == libc::SIGTERM && !has("deaf") {
            return 0;
        }
    }
}

/// Counts real-time signals until SIGTERM, checks the order of their values, prints the number every 64, and creates
/// orphans meanwhile.
pub fn count() -> i32 {
    raw::block_all_but(&[]);
    say(&format!("ready {}", raw::pid()));
    let (mut counted, mut last, mut disorder) = (0_u64, BTreeMap::<i32, u64>::new(), 0_u64);
    loop {
        let Got { number, value, .. } = raw::wait();
        match number {
            libc::SIGTERM => break,
            34.. => {
                counted += 1;
                let before = last.insert(number, value);
                disorder += u64::from(before.is_some_and(|before| value != before + 1));
                if counted.is_multiple_of(64) {
                    children::orphans(8);
                    say(&format!("counted {counted}"));
                }
            }
            _ => {}
        }
    }
    say(&format!("in all {counted} disorder {disorder}"));
    0
}

/// A program on a terminal: it stops on stop signals, and prints its signals and input. It reads while it is in the
/// foreground, and from SIGUSR2 on, or with `eager`, always. With `stubborn` it ignores SIGTSTP until SIGUSR1.
pub fn terminal(words: &[&str]) -> i32 {
    raw::set_action(libc::SIGTSTP, words.contains(&"stubborn"));
    raw::block_all_but(&[libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU]);
    let signals = raw::signal_descriptor();
    let mut terminal = match File::open("/dev/tty") {
        Ok(terminal) => terminal,
        Err(error) => {
            say(&format!("no terminal: {error}"));
            return 9;
        }
    };
    say(&format!("ready {}", raw::pid()));
    let mut reads = words.contains(&"eager");
    loop {
        let front = tcgetpgrp(terminal.as_fd()).is_ok_and(|group| group == getpgrp());
        let flags = if front || reads { PollFlags::IN } else { PollFlags::empty() };
        let mut both = [PollFd::new(&signals, PollFlags::IN), PollFd::new(&terminal, flags)];
        if poll(&mut both, None).is_err() {
            continue;
        }
        let (signal, typed) = (!both[0].revents().is_empty(), !both[1].revents().is_empty());
        if signal {
            let got = raw::wait();
            if got.number == libc::SIGUSR1 {
                raw::set_action(libc::SIGTSTP, false);
            }
            say(&format!("got {}", got.number));
            if got.number == libc::SIGWINCH {
                let size = tcgetwinsize(terminal.as_fd()).unwrap();
                say(&format!("size {} by {}", size.ws_row, size.ws_col));
            }
            reads |= got.number == libc::SIGUSR2;
            if got.number == libc::SIGTERM {
                return 0;
            }
        } else if typed {
            let mut line = [0_u8; 256];
            match terminal.read(&mut line) {
                Ok(length) => {
                    let text = String::from_utf8_lossy(&line[..length]).trim().to_owned();
                    say(&format!("typed <{text}>"));
                    if let Some(code) = text.strip_prefix("exit ").and_then(|code| code.parse().ok()) {
                        return code;
                    }
                }
                Err(error) => {
                    say(&format!("cannot read: {error}"));
                    return 9;
                }
            }
        }
    }
}
