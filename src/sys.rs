//! The only module with unsafe code: system calls for which no crate has a suitable safe wrapper.
//!
//! It contains no policy. Each function is one system call, or reads what the kernel provides at the start of a
//! process, and cites its man page.

#![allow(unsafe_code)]

#[cfg(not(all(target_pointer_width = "64", target_endian = "little")))]
compile_error!("stepdown supports 64-bit little-endian machines only: the kernel's siginfo_t is read as on these");

use std::os::fd::{FromRawFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;

/// A set of signals in the kernel's layout: bit `n - 1` is signal `n`.
///
/// Not libc's `sigset_t`: musl removes signals 32 to 34 from a set in both directions, and the app must get exactly the
/// mask that `/init` was started with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignalMask(u64);

impl SignalMask {
    /// Every signal. The kernel ignores `SIGKILL` and `SIGSTOP` in a mask.
    pub const ALL: SignalMask = SignalMask(u64::MAX);

    /// The set of these bits, as the kernel prints it.
    pub const fn from_bits(bits: u64) -> SignalMask {
        SignalMask(bits)
    }

    /// Whether `signal` (from 1 to 64) is in the set.
    pub fn contains(self, signal: i32) -> bool {
        (1..=64).contains(&signal) && self.0 & (1 << (signal - 1)) != 0
    }

    /// The signals of the set above this number.
    #[must_use]
    pub fn above(self, signal: i32) -> SignalMask {
        SignalMask(self.0 & u64::MAX.checked_shl(signal.unsigned_abs()).unwrap_or(0))
    }

    /// The union of both sets.
    #[must_use]
    pub fn with(self, other: SignalMask) -> SignalMask {
        SignalMask(self.0 | other.0)
    }

    /// The set of this one signal (from 1 to 64); empty for any other number.
    pub fn only(signal: i32) -> SignalMask {
        SignalMask(if (1..=64).contains(&signal) { 1 << (signal - 1) } else { 0 })
    }
}

/// Sets the calling thread's signal mask and returns the previous one: `rt_sigprocmask(2)`.
///
/// # Errors
/// `EFAULT` or `EINVAL`, which cannot occur here; `ENODATA` if a seccomp filter answered instead of the kernel.
pub fn set_signal_mask(mask: SignalMask) -> Result<SignalMask, Errno> {
    // The kernel never returns SIGKILL in a mask, so an unchanged value shows that the call had no effect.
    let mut before = SignalMask::ALL;
    // SAFETY: both pointers are to live, aligned 8-byte words, the size that is passed.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_rt_sigprocmask,
            libc::SIG_SETMASK,
            &raw const mask.0,
            &raw mut before.0,
            size_of::<u64>(),
        )
    };
    Errno::result(answer)?;
    if before == SignalMask::ALL { Err(Errno::ENODATA) } else { Ok(before) }
}

/// The blocked signals that are pending for the calling thread or its process: `rt_sigpending(2)`.
///
/// # Errors
/// `EFAULT` or `EINVAL`, as above.
pub fn pending_signals() -> Result<SignalMask, Errno> {
    let mut pending = SignalMask(0);
    // SAFETY: the pointer is to a live, aligned 8-byte word, the size that is passed.
    let answer = unsafe { libc::syscall(libc::SYS_rt_sigpending, &raw mut pending.0, size_of::<u64>()) };
    Errno::result(answer).map(|_| pending)
}

/// A received signal: `siginfo_t` of `sigaction(2)`.
#[derive(Clone, Copy, Debug)]
pub struct Signal {
    /// Its number, from 1 to 64.
    pub number: i32,
    /// Its `si_code`.
    pub code: i32,
    /// The sender's pid and uid.
    pub sender: (u32, u32),
    /// The value of a queued one.
    pub value: u64,
}

/// Takes one pending signal of the set, which must be blocked. Waits for it for at most this time, or without limit:
/// `rt_sigtimedwait(2)`.
///
/// # Errors
/// `EAGAIN` if the time is over; `EINTR`.
pub fn wait_for_signal(set: SignalMask, patience: Option<Duration>) -> Result<Signal, Errno> {
    let time = patience.map(|patience| libc::timespec {
        tv_sec: patience.as_secs().try_into().unwrap_or(i64::MAX),
        tv_nsec: patience.subsec_nanos().into(),
    });
    let time = time.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    let mut info = [0_u64; 16];
    // SAFETY: the set is a live 8-byte word of the size that is passed, the time null or a live timespec, and the block
    // of 128 bytes the size of the kernel's siginfo_t.
    let answer = unsafe {
        libc::syscall(libc::SYS_rt_sigtimedwait, &raw const set.0, info.as_mut_ptr(), time, size_of::<u64>())
    };
    let number = i32::try_from(Errno::result(answer)?).unwrap_or(0);
    // As in queue_signal, below.
    let [_, code, from, value, ..] = info;
    let half = |word: u64| u32::try_from(word & u64::from(u32::MAX)).unwrap_or(0);
    Ok(Signal { number, code: half(code).cast_signed(), sender: (half(from), half(from >> 32)), value })
}

/// Whether the kernel started this program with more privilege than its caller has: set-user-ID, set-group-ID or file
/// capabilities (`AT_SECURE` of `getauxval(3)`).
pub fn started_with_more_privilege() -> bool {
    // SAFETY: getauxval reads the auxiliary vector that the kernel put on the stack; any type number is allowed.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

/// Marks every descriptor from `first` up close-on-exec: `close_range(2)` with `CLOSE_RANGE_CLOEXEC` (Linux 5.11).
///
/// # Errors
/// `ENOSYS` before Linux 5.9, `EINVAL` before 5.11, `EPERM` from seccomp filters that do not list it.
pub fn close_on_exec_from(first: u32) -> Result<(), Errno> {
    // SAFETY: takes three integers; it changes flags of descriptors and closes none.
    let answer = unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    Errno::result(answer).map(drop)
}

/// Sets or clears close-on-exec of a descriptor, which need not be open: `fcntl(2)`, `F_SETFD`.
///
/// # Errors
/// `EBADF` when it is not open.
pub fn set_close_on_exec(descriptor: i32, on: bool) -> Result<(), Errno> {
    let flags = if on { libc::FD_CLOEXEC } else { 0 };
    // SAFETY: takes only integers, and returns EBADF for an invalid number.
    Errno::result(unsafe { libc::fcntl(descriptor, libc::F_SETFD, flags) }).map(drop)
}

/// Whether this number is an open descriptor: `fcntl(2)`, `F_GETFD`.
pub fn is_open(descriptor: i32) -> bool {
    // SAFETY: takes only integers, and returns EBADF for an invalid number.
    unsafe { libc::fcntl(descriptor, libc::F_GETFD) != -1 }
}

/// Whether `descriptor` is of a directory: `fstat(2)`.
///
/// # Errors
/// `EBADF` if it is not open.
pub fn is_directory(descriptor: i32) -> Result<bool, Errno> {
    let mut now = std::mem::MaybeUninit::<libc::stat>::zeroed();
    // SAFETY: the pointer is to a live stat, which the kernel only writes to; any bytes are a valid one.
    let facts = unsafe {
        Errno::result(libc::fstat(descriptor, now.as_mut_ptr()))?;
        now.assume_init()
    };
    Ok(facts.st_mode & libc::S_IFMT == libc::S_IFDIR)
}

/// Whether `signal` is ignored: `rt_sigaction(2)`, which changes nothing without an action. Where a seccomp filter
/// fakes the call, musl's function would return what was on its stack.
pub fn is_ignored(signal: i32) -> bool {
    // The handler, and at most three more words.
    let mut now = [0_usize; 4];
    let none = std::ptr::null::<usize>();
    // SAFETY: a null action only reads, into a live array that is as large as the kernel's struct.
    let answer = unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, none, now.as_mut_ptr(), size_of::<u64>()) };
    let [handler, ..] = now;
    answer == 0 && handler == libc::SIG_IGN
}

/// Sends a signal, real-time ones included, to a process or, negative, to a process group: `kill(2)`.
///
/// # Errors
/// `ESRCH`, `EPERM`, `EINVAL`.
pub fn send_signal(to: i32, signal: i32) -> Result<(), Errno> {
    // SAFETY: takes only integers.
    Errno::result(unsafe { libc::kill(to, signal) }).map(drop)
}

/// Forwards a queued signal with its sender (pid and uid) and value: `rt_sigqueueinfo(2)`.
///
/// # Errors
/// `ESRCH`, `EPERM`, `EAGAIN` when the queue is full.
pub fn queue_signal(to: i32, signal: i32, sender: (u32, u32), value: u64) -> Result<(), Errno> {
    // The kernel's siginfo_t on 64 bits, little end first: signal and errno, code and padding, pid and uid, the value.
    let from = u64::from(sender.0) | u64::from(sender.1) << 32;
    let mut info = [0_u64; 16];
    let words = [u64::from(signal.unsigned_abs()), u64::from(libc::SI_QUEUE.cast_unsigned()), from, value];
    for (slot, word) in info.iter_mut().zip(words) {
        *slot = word;
    }
    // SAFETY: the pointer is to a live, aligned block of 128 bytes, the size of the kernel's siginfo_t.
    let answer = unsafe { libc::syscall(libc::SYS_rt_sigqueueinfo, to, signal, info.as_ptr()) };
    Errno::result(answer).map(drop)
}

/// A descriptor that becomes readable when a signal of the set is pending: `signalfd4(2)`, close-on-exec.
///
/// # Errors
/// `EMFILE`, `ENFILE`, `ENODEV`, `ENOMEM`.
pub fn signal_descriptor(mask: SignalMask) -> Result<OwnedFd, Errno> {
    // SAFETY: the set is a live 8-byte word of the size that is passed; -1 asks for a new descriptor.
    let answer =
        unsafe { libc::syscall(libc::SYS_signalfd4, -1, &raw const mask.0, size_of::<u64>(), libc::SFD_CLOEXEC) };
    let descriptor = i32::try_from(Errno::result(answer)?).map_err(|_| Errno::EBADF)?;
    // SAFETY: the kernel has just created this descriptor, which has no other owner.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

/// The side of a fork.
#[derive(Clone, Copy, Debug)]
pub enum Side {
    /// The parent, with its child's pid.
    Parent(i32),
    /// The child.
    Child,
}

/// Forks: `fork(2)`. All signals are blocked afterwards, as they were before.
///
/// # Errors
/// `EAGAIN` at a limit of processes, `ENOMEM`; `ECHILD` if a seccomp filter reported success without a child.
pub fn fork() -> Result<Side, Errno> {
    let parent = std::process::id();
    // SAFETY: the process has one thread (the proof of the drop read that from the kernel), so no lock of the allocator
    // or of the standard library can be held by a thread that the child does not have.
    match Errno::result(unsafe { libc::fork() })? {
        // A filter returned 0 to the parent, which must not run the child's code and exit.
        0 if std::process::id() == parent => Err(Errno::ECHILD),
        0 => Ok(Side::Child),
        child => {
            // fork() in the C library blocks all signals and restores the previous mask. If a filter faked that mask,
            // the signals would stay unblocked and SIGCHLD would be lost.
            let _ = set_signal_mask(SignalMask::ALL);
            Ok(Side::Parent(child))
        }
    }
}

/// Ends the process without running anything more: `_exit(2)`.
pub fn exit_now(code: u8) -> ! {
    // SAFETY: takes an integer and does not return.
    unsafe { libc::_exit(i32::from(code)) }
}

/// Sets a disposition to the default, or to ignore: `sigaction(2)`.
///
/// # Errors
/// `EINVAL` for `SIGKILL`, `SIGSTOP` and numbers that are no signals.
pub fn set_ignored(signal: i32, ignored: bool) -> Result<(), Errno> {
    // SAFETY: all-zero is a valid sigaction: SIG_DFL, no flags, an empty mask.
    let mut action = unsafe { std::mem::MaybeUninit::<libc::sigaction>::zeroed().assume_init() };
    action.sa_sigaction = if ignored { libc::SIG_IGN } else { libc::SIG_DFL };
    // SAFETY: the pointer is to a live sigaction with SIG_DFL or SIG_IGN: no handler can run; the old one may be null.
    Errno::result(unsafe { libc::sigaction(signal, &raw const action, std::ptr::null_mut()) }).map(drop)
}

/// Closes every descriptor from `first` to `last`: `close_range(2)`, or one by one on a kernel without it.
///
/// The caller must own none of them.
pub fn close_range(first: u32, last: u32) {
    if first > last {
        return;
    }
    // SAFETY: takes integers. No part of the process owns one of these descriptors: the caller guarantees it.
    let answer = unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
    if answer != 0 {
        for number in first..=last.min(1023) {
            // SAFETY: as above; EBADF for what is not open.
            unsafe { libc::close(number.cast_signed()) };
        }
    }
}

/// Adds a seccomp filter to this thread and all that it starts: `seccomp(2)`. The mitigation of speculation that older
/// kernels tie to a filter stays off (`SECCOMP_FILTER_FLAG_SPEC_ALLOW`, Linux 4.17), since this one confines no code.
///
/// # Errors
/// `EINVAL` where the kernel does not have it, `EACCES` without `no_new_privs`; `ENOSYS` and `EPERM` from other
/// filters.
pub fn add_filter(program: &[libc::sock_filter]) -> Result<(), Errno> {
    let length = u16::try_from(program.len()).map_err(|_| Errno::EINVAL)?;
    let program = libc::sock_fprog { len: length, filter: program.as_ptr().cast_mut() };
    // SAFETY: the pointer is to a live sock_fprog whose length is that of the live program; the kernel only reads both.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW,
            &raw const program,
        )
    };
    Errno::result(answer).map(drop)
}

/// Whether [`add_filter`] can work: the kernel reports `EFAULT` for a filter at a null address only if it supports
/// filters.
///
/// # Errors
/// As [`add_filter`].
pub fn filters_available() -> Result<(), Errno> {
    let none = std::ptr::null::<libc::sock_fprog>();
    // SAFETY: a null program is refused with EFAULT before anything else is done with it.
    let answer = unsafe {
        libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW, none)
    };
    match Errno::result(answer) {
        Err(Errno::EFAULT) => Ok(()),
        Err(errno) => Err(errno),
        // Only another filter can return this.
        Ok(_) => Err(Errno::ENODATA),
    }
}

/// Whether the kernel lets this process add filters: without `no_new_privs` and `CAP_SYS_ADMIN` Linux refuses one with
/// `EACCES` before it reads the program, and reports `EFAULT` otherwise. The program's address is not mapped, so that
/// no filter is added.
///
/// # Errors
/// `EACCES`; `EINVAL` and `ENOSYS` where the kernel has no filters; `ENODATA` where a filter answered for it.
pub fn try_filter_without_privilege() -> Result<(), Errno> {
    // Not null, which Linux refuses with EINVAL like an invalid program.
    let program = libc::sock_fprog { len: 1, filter: std::ptr::without_provenance_mut(8) };
    // SAFETY: the pointer is to a live sock_fprog, and the kernel answers EFAULT for a program that it cannot read.
    let answer = unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &raw const program) };
    match Errno::result(answer) {
        Err(Errno::EFAULT) => Ok(()),
        Err(errno) => Err(errno),
        Ok(_) => Err(Errno::ENODATA),
    }
}

/// Tries each call that makes or enters a namespace: a new user namespace, and three that the kernel would refuse for
/// their arguments. If one succeeds, the state of this process has changed, and it must end.
pub fn try_namespaces() -> [(&'static str, Result<(), Errno>); 4] {
    let tried = |answer: libc::c_long| Errno::result(answer).map(drop);
    // CLONE_FS cannot go with CLONE_NEWNS: EINVAL from the kernel, and no child in any case.
    let child = libc::CLONE_NEWNS | libc::CLONE_FS | libc::SIGCHLD;
    // SAFETY: integers, and null pointers that the kernel looks at only after it has refused the rest: no call makes a
    // child, for the reason above and since clone3 takes no structure of size 0.
    unsafe {
        [
            ("unshare", tried(libc::syscall(libc::SYS_unshare, libc::CLONE_NEWUSER))),
            ("clone", tried(libc::syscall(libc::SYS_clone, child, 0, 0, 0, 0))),
            ("setns", tried(libc::syscall(libc::SYS_setns, -1, 0))),
            ("clone3", tried(libc::syscall(libc::SYS_clone3, 0, 0))),
        ]
    }
}

/// Sets the file system ids of the calling thread. Neither call reports a failure. `setfsuid(2)`, `setfsgid(2)`.
///
/// # Errors
/// `EPERM` if the ids differ afterwards.
pub fn set_file_system_ids(uid: u32, gid: u32) -> Result<(), Errno> {
    exchange_file_system_ids(uid, gid);
    if file_system_ids() == (uid, gid) { Ok(()) } else { Err(Errno::EPERM) }
}

/// The file system uid and gid of the calling thread; `u32::MAX` where the call is refused.
pub fn file_system_ids() -> (u32, u32) {
    // An invalid id changes nothing and returns the current one.
    exchange_file_system_ids(u32::MAX, u32::MAX)
}

/// Sets the file system uid and gid of the calling thread, if they exist and it is permitted. Returns the previous
/// ones; `u32::MAX` if the call is refused.
pub fn exchange_file_system_ids(uid: u32, gid: u32) -> (u32, u32) {
    // SAFETY: takes an integer and accesses no memory.
    let group = unsafe { libc::setfsgid(gid) }.cast_unsigned();
    (exchange_file_system_uid(uid), group)
}

/// Sets the file system uid of the calling thread, if it exists and it is permitted. Returns the previous one;
/// `u32::MAX` if the call is refused.
pub fn exchange_file_system_uid(uid: u32) -> u32 {
    // SAFETY: takes an integer and accesses no memory.
    unsafe { libc::setfsuid(uid) }.cast_unsigned()
}
