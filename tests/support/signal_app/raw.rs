//! Signals and processes by raw system calls: musl reserves signals 32 to 34, and changes masks that pass through it.

use std::io::Write as _;
use std::os::fd::{FromRawFd, OwnedFd};

use nix::errno::Errno;

static EVERY: u64 = u64::MAX;

/// A received signal.
#[derive(Clone, Copy)]
pub struct Got {
    pub number: i32,
    pub code: i32,
    pub value: u64,
}

/// Writes one line with one write.
pub fn say(line: &str) {
    // The reader may have ended.
    let _ = std::io::stdout().lock().write_all(format!("{line}\n").as_bytes());
    let _ = std::io::stdout().flush();
}

/// Blocks all signals but these.
pub fn block_all_but(open: &[i32]) -> u64 {
    set_mask(open.iter().fold(EVERY, |mask, signal| mask & !(1 << (signal - 1))))
}

pub fn set_mask(mask: u64) -> u64 {
    let mut before = 0_u64;
    // SAFETY: both pointers are to live words of the size that is passed.
    unsafe {
        libc::syscall(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, &raw const mask, &raw mut before, size_of::<u64>())
    };
    before
}

/// Sleeps until a blocked signal arrives.
pub fn wait() -> Got {
    loop {
        let mut info = [0_u64; 16];
        // SAFETY: the set is a live word of the passed size; the kernel's siginfo_t has 128 bytes; there is no time
        // limit.
        let number = unsafe {
            libc::syscall(
                libc::SYS_rt_sigtimedwait,
                &raw const EVERY,
                info.as_mut_ptr(),
                std::ptr::null::<libc::timespec>(),
                size_of::<u64>(),
            )
        };
        if let Ok(number) = i32::try_from(number)
            && number > 0
        {
            let code = u32::try_from(info[1] & u64::from(u32::MAX)).unwrap().cast_signed();
            return Got { number, code, value: if code == libc::SI_QUEUE { info[3] } else { 0 } };
        }
    }
}

/// A descriptor that is readable while a blocked signal is pending.
pub fn signal_descriptor() -> OwnedFd {
    // SAFETY: the set is a live word of the passed size; the kernel creates a new descriptor without another owner.
    unsafe {
        OwnedFd::from_raw_fd(
            libc::syscall(libc::SYS_signalfd4, -1, &raw const EVERY, size_of::<u64>(), 0).try_into().unwrap(),
        )
    }
}

/// Sets the default disposition, or ignores the signal.
pub fn set_action(signal: i32, ignored: bool) {
    // The kernel's struct sigaction: handler (SIG_DFL 0, SIG_IGN 1), flags, restorer, mask.
    let action = [u64::from(ignored), 0, 0, 0];
    // SAFETY: the pointer is to a live structure with the kernel's layout and mask size.
    unsafe {
        libc::syscall(libc::SYS_rt_sigaction, signal, action.as_ptr(), std::ptr::null::<u64>(), size_of::<u64>())
    };
}

/// Ends by this signal, without a core dump.
pub fn die(signal: i32) -> i32 {
    // SAFETY: takes only integers; a process that is not dumpable writes no core in any configuration.
    unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0) };
    set_action(signal, false);
    set_mask(0);
    // SAFETY: takes only integers.
    unsafe { libc::kill(libc::getpid(), signal) };
    99
}

/// Forks; returns 0 in the child.
pub fn fork() -> i32 {
    // SAFETY: this program has one thread.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0, "fork: {}", Errno::last());
    pid
}

/// Forks the first process of new PID and mount namespaces; returns 0 in it.
pub fn fork_first() -> Result<i32, Errno> {
    let flags = libc::CLONE_NEWPID | libc::CLONE_NEWNS | libc::SIGCHLD;
    // SAFETY: without CLONE_VM and a stack this is a fork, and this program has one thread.
    let pid = unsafe { libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0) };
    Errno::result(pid).map(|pid| i32::try_from(pid).unwrap())
}

pub fn exit(code: i32) -> ! {
    // SAFETY: takes an integer and does not return.
    unsafe { libc::_exit(code) }
}

/// The raw status of this child, or None if there is no such child.
pub fn reap(pid: i32) -> Option<(i32, i32)> {
    let mut status = 0;
    loop {
        // SAFETY: the pointer is to a live integer.
        let ended = unsafe { libc::waitpid(pid, &raw mut status, 0) };
        if ended > 0 {
            return Some((ended, status));
        }
        if Errno::last() != Errno::EINTR {
            return None;
        }
    }
}

/// `code N` or `signal N`.
pub fn shown(status: i32) -> String {
    if libc::WIFEXITED(status) {
        format!("code {}", libc::WEXITSTATUS(status))
    } else {
        format!("signal {}", libc::WTERMSIG(status))
    }
}

pub fn pid() -> i32 {
    std::process::id().cast_signed()
}

pub fn parent() -> i32 {
    std::os::unix::process::parent_id().cast_signed()
}
