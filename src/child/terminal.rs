//! The controlling terminal, which need not be standard input, and its foreground group. `tcsetpgrp(3)`, `tty(4)`.

use std::os::fd::OwnedFd;

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::process::{Pid, getpgrp};
use rustix::termios::{tcgetpgrp, tcsetpgrp};

/// The controlling terminal.
#[derive(Debug)]
pub struct Terminal {
    device: OwnedFd,
    own_group: Pid,
}

impl Terminal {
    /// Opens the controlling terminal; none if the process has none.
    pub fn open() -> Option<Terminal> {
        let device = openat(CWD, "/dev/tty", OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty()).ok()?;
        Some(Terminal { device, own_group: getpgrp() })
    }

    /// Whether `/init`'s own group is in the foreground.
    pub fn is_ours(&self) -> bool {
        tcgetpgrp(&self.device).is_ok_and(|group| group == self.own_group)
    }

    /// Whether this group is in the foreground.
    pub fn is_of(&self, group: Pid) -> bool {
        tcgetpgrp(&self.device).is_ok_and(|now| now == group)
    }

    /// Makes a process group the foreground group. SIGTTOU is blocked, so that this also works from the background. A
    /// failure is ignored: a closed terminal has no foreground.
    pub fn give_to(&self, group: Pid) {
        let _ = tcsetpgrp(&self.device, group);
    }

    /// Takes the foreground back.
    pub fn take_back(&self) {
        self.give_to(self.own_group);
    }
}
