//! `witness hostile NAME [to=exit|stop|nothing]`: a malicious app that `/init` must still end. After its first
//! activity it exits with 7, or sends `/init` a stop signal and ignores every signal itself.

use std::fs;
use std::io::{Read as _, Write as _};

use nix::errno::Errno;

/// Every resource limit except that of processor time (0): the kernel kills a process that has used it up, and an app
/// may also kill a process of its uid directly. `getrlimit(2)`.
const RESOURCES: std::ops::Range<i32> = 1..16;

pub fn main(words: &[&str]) -> i32 {
    let init = std::os::unix::process::parent_id().cast_signed();
    (1..=64).for_each(|signal| act(signal, libc::SIG_IGN));
    // It may leave its own children behind.
    act(libc::SIGCHLD, libc::SIG_DFL);
    let name = words.first().copied().unwrap_or_default();
    let (verb, object) = name.split_once('=').unwrap_or((name, ""));
    match verb {
        "flood" => flood(init, &object.split(',').map(|number| number.parse().unwrap()).collect::<Vec<i32>>()),
        "bomb" => bomb(),
        "daemons" => (0..40).for_each(|_| daemon()),
        "adopt" => {
            let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
            (0..40).for_each(|_| daemon());
        }
        "stopped" => stopped(init),
        "closing" => close_everything(),
        "fill" => fill(),
        "chatter" => loop {
            write_to(1);
        },
        "squeeze" => squeeze(init),
        "kill" => (1..=64)
            .filter(|signal| [libc::SIGKILL, libc::SIGSTOP].contains(signal))
            .for_each(|signal| send(init, signal)),
        "massacre" => massacre(),
        "terminal" => terminal(),
        other => panic!("what is {other}?"),
    }
    if words.contains(&"to=exit") {
        return 7;
    }
    if words.contains(&"to=nothing") {
        forever();
    }
    send(init, libc::SIGTERM);
    forever()
}

fn act(signal: i32, disposition: libc::sighandler_t) {
    // SAFETY: neither disposition runs code; the kernel refuses invalid numbers.
    unsafe { libc::signal(signal, disposition) };
}

fn send(to: i32, signal: i32) {
    // SAFETY: takes only integers.
    unsafe { libc::kill(to, signal) };
}

fn forever() -> ! {
    loop {
        // SAFETY: has no arguments.
        unsafe { libc::pause() };
    }
}

/// Forks; returns None in the child, and the errno if there are too many processes.
fn fork() -> Result<Option<i32>, Errno> {
    // SAFETY: this program has one thread.
    Errno::result(unsafe { libc::fork() }).map(|pid| (pid != 0).then_some(pid))
}

/// Starts a child that repeats this, and returns when its first round is over.
fn child(mut round: impl FnMut()) {
    let (mut hears, tells) = std::io::pipe().unwrap();
    if fork().unwrap().is_some() {
        drop(tells);
        // The end of the pipe.
        let _ = hears.read(&mut [0]);
        return;
    }
    drop(hears);
    round();
    drop(tells);
    loop {
        round();
    }
}

fn flood(init: i32, signals: &[i32]) {
    child(|| signals.iter().for_each(|signal| send(init, *signal)));
}

/// Forks up to the limit; each child does the same.
fn bomb() {
    loop {
        match fork() {
            Ok(Some(_)) => {}
            Ok(None) => loop {
                let _ = fork();
            },
            Err(_) => return,
        }
    }
}

/// An orphan in another session, without descriptors, that ignores every signal it can.
fn daemon() {
    let Ok(Some(middle)) = fork() else {
        // SAFETY: has no arguments; a new process leads no group.
        unsafe { libc::setsid() };
        if let Ok(Some(_)) = fork() {
            // SAFETY: takes an integer and does not return.
            unsafe { libc::_exit(0) }
        }
        close_everything();
        forever()
    };
    // SAFETY: a null status is allowed.
    unsafe { libc::waitpid(middle, std::ptr::null_mut(), 0) };
}

fn close_everything() {
    // SAFETY: takes only integers; this program uses no descriptor after this.
    unsafe { libc::syscall(libc::SYS_close_range, 0, u32::MAX, 0) };
}

/// Stops itself; a child then sends the stop signal to `/init`.
fn stopped(init: i32) {
    let own = std::process::id().cast_signed();
    let Ok(Some(_)) = fork() else {
        let state = || fs::read_to_string(format!("/proc/{own}/stat")).unwrap_or_default();
        while !state().contains(") T ") {
            std::thread::yield_now();
        }
        send(init, libc::SIGTERM);
        forever()
    };
    send(own, libc::SIGSTOP);
}

/// Writes to both streams endlessly.
fn fill() {
    for descriptor in [1, 2] {
        if fork().is_ok_and(|child| child.is_none()) {
            loop {
                write_to(descriptor);
            }
        }
    }
}

fn write_to(descriptor: i32) {
    // SAFETY: the pointer is to that many live bytes.
    unsafe { libc::write(descriptor, [b'x'; 4096].as_ptr().cast(), 4096) };
}

/// Takes every resource from the init with the same uid that the kernel allows.
fn squeeze(init: i32) {
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointers are to live structures with the kernel's layout.
    unsafe {
        for resource in RESOURCES {
            libc::syscall(libc::SYS_prlimit64, init, resource, &raw const none, std::ptr::null_mut::<libc::rlimit>());
        }
        // Not SCHED_IDLE: on a busy machine such a process may never run.
        let priority = 0_i32;
        libc::syscall(libc::SYS_sched_setscheduler, init, libc::SCHED_BATCH, &raw const priority);
        let one = 1_u64;
        libc::syscall(libc::SYS_sched_setaffinity, init, 8, &raw const one);
        // IOPRIO_WHO_PROCESS, and the idle class: ioprio_set(2).
        libc::syscall(libc::SYS_ioprio_set, 1, init, 3 << 13);
        libc::setpriority(libc::PRIO_PROCESS, init.cast_unsigned(), 5);
    }
}

/// Kills every process that it may, from a process that the kernel spares as the sender.
fn massacre() {
    if fork().is_ok_and(|child| child.is_none()) {
        // SAFETY: has no arguments.
        unsafe { libc::setsid() };
        send(-1, libc::SIGKILL);
        forever()
    }
    forever()
}

/// Changes the foreground group repeatedly, and lets background children read and write.
fn terminal() {
    let Ok(terminal) = fs::OpenOptions::new().read(true).write(true).open("/dev/tty") else { return };
    let mut typed = 0;
    for _ in 0..8 {
        if fork().is_ok_and(|child| child.is_none()) {
            act(libc::SIGTTIN, libc::SIG_DFL);
            act(libc::SIGTTOU, libc::SIG_DFL);
            let own = nix::unistd::Pid::from_raw(0);
            let _ = nix::unistd::setpgid(own, own);
            let _ = nix::unistd::tcsetpgrp(&terminal, nix::unistd::getpgrp());
            let _ = (&terminal).write_all(b"from behind\n");
            let _ = (&terminal).read(&mut [0]);
            forever()
        }
        // SAFETY: the request reads one character through a valid pointer.
        typed += i32::from(
            unsafe { libc::ioctl(std::os::fd::AsRawFd::as_raw_fd(&terminal), libc::TIOCSTI, c"x".as_ptr()) } == 0,
        );
        let _ = nix::unistd::tcsetpgrp(&terminal, nix::unistd::Pid::from_raw(1));
    }
    let _ = (&terminal).write_all(format!("hostile_app: {typed} characters pushed\n").as_bytes());
}
