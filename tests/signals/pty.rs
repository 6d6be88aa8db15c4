//! The master side of a pseudo-terminal.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::{AsFd as _, OwnedFd};

use rustix::io::{FdFlags, fcntl_setfd};
use rustix::termios::{Winsize, tcgetpgrp, tcsetwinsize};

/// The master, and the slave, which is held open so that it can be opened again by its name.
pub struct Pty {
    near: File,
    far: OwnedFd,
}

impl Pty {
    pub fn new() -> Pty {
        let both = nix::pty::openpty(None, None).expect("a pseudo-terminal");
        for end in [&both.master, &both.slave] {
            fcntl_setfd(end, FdFlags::CLOEXEC).unwrap();
        }
        let pty = Pty { near: both.master.into(), far: both.slave };
        pty.resize(24, 80);
        pty
    }

    /// The slave's path.
    pub fn path(&self) -> String {
        rustix::termios::ttyname(&self.far, Vec::new()).unwrap().to_str().unwrap().to_owned()
    }

    pub fn reader(&self) -> File {
        self.near.try_clone().unwrap()
    }

    /// Types.
    pub fn write(&self, text: &str) -> std::io::Result<()> {
        (&self.near).write_all(text.as_bytes())
    }

    pub fn resize(&self, rows: u16, columns: u16) {
        tcsetwinsize(self.near.as_fd(), Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
    }

    /// The foreground process group.
    pub fn foreground(&self) -> i32 {
        tcgetpgrp(&self.near).map_or(0, |group| group.as_raw_nonzero().get())
    }
}
