//! The app's initial state, and its access to another process.

use std::fs::{self, OpenOptions};

use nix::errno::Errno;

use crate::raw::{self, say};

/// Everything that an init could change by mistake.
pub fn state() -> i32 {
    let text = fs::read_to_string("/proc/self/status").unwrap_or_default();
    for line in text.lines().filter(|line| line.starts_with("Sig") || line.starts_with("ShdPnd")) {
        if !line.starts_with("SigQ") {
            say(&format!("state {}", line.replace('\t', " ")));
        }
    }
    let session = nix::unistd::getsid(None).map_or(0, nix::unistd::Pid::as_raw);
    say(&format!("pid {} group {} session {session}", raw::pid(), nix::unistd::getpgrp()));
    say(&format!("cwd {}", std::env::current_dir().unwrap_or_default().display()));
    for name in ["LISTEN_FDS", "LISTEN_PID"] {
        if let Some(value) = std::env::var_os(name) {
            say(&format!("{name} {}", value.display()));
        }
    }
    for number in 3..20 {
        if let Ok(what) = fs::read_link(format!("/proc/self/fd/{number}")) {
            // Except the descriptor of the directory that is being read.
            if what.to_string_lossy().starts_with("socket:") {
                say(&format!("socket {number}"));
            }
        }
    }
    crate::listen::listen(&[])
}

/// The app's access to its parent: the errno of each attempt, 0 for success.
pub fn peek() -> i32 {
    let pid = raw::parent();
    let opened = |name: &str, write: bool| {
        let done = OpenOptions::new().read(true).write(write).open(format!("/proc/{pid}/{name}"));
        done.err().and_then(|error| error.raw_os_error()).unwrap_or(0)
    };
    for (name, write) in [("mem", false), ("mem", true), ("environ", false), ("maps", false), ("auxv", false)] {
        say(&format!("peek {name} {}", opened(name, write)));
    }
    let linked = |name: &str| {
        fs::read_link(format!("/proc/{pid}/{name}")).err().and_then(|error| error.raw_os_error()).unwrap_or(0)
    };
    say(&format!("peek cwd {}", linked("cwd")));
    // SAFETY: takes integers and null pointers. A seized process is detached again.
    let seized = unsafe {
        let answer = libc::ptrace(libc::PTRACE_SEIZE, pid, std::ptr::null_mut::<u8>(), std::ptr::null_mut::<u8>());
        if answer == 0 {
            libc::ptrace(libc::PTRACE_DETACH, pid, std::ptr::null_mut::<u8>(), std::ptr::null_mut::<u8>());
        }
        Errno::result(answer).err()
    };
    say(&format!("peek ptrace {}", seized.map_or(0, |errno| errno as i32)));
    let mut byte = [0_u8];
    let ours = libc::iovec { iov_base: byte.as_mut_ptr().cast(), iov_len: 1 };
    let theirs = libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 1 };
    // SAFETY: reads into one live byte; EFAULT about the other process's address would mean that access was allowed.
    let read = Errno::result(unsafe { libc::process_vm_readv(pid, &raw const ours, 1, &raw const theirs, 1, 0) });
    say(&format!(
        "peek process_vm_readv {}",
        read.err().filter(|errno| *errno != Errno::EFAULT).map_or(0, |errno| errno as i32)
    ));
    say("peeked");
    0
}
