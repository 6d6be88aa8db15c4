//! Sets up the same state as an engine or a shell, then executes the command.

use std::ffi::CString;
use std::fs::File;
use std::os::fd::OwnedFd;

use nix::mount::{MsFlags, mount};
use nix::sys::ptrace;
use nix::unistd::{Gid, Uid, execve, setgroups, setresgid, setresuid, setsid};
use rustix::fs::{CWD, Mode, OFlags, openat, readlinkat};
use rustix::thread::CapabilitySet;

use crate::raw;
use crate::stage::{Wish, tell};

const FOUR: u64 = 1 | 1 << 6 | 1 << 7 | 1 << 8;

pub fn open_proc() -> OwnedFd {
    openat(CWD, "/proc", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).unwrap()
}

/// Mounts `/proc` of the new namespaces, visible only in them.
pub fn own_proc() {
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>).unwrap();
    mount(Some("proc"), "/proc", Some("proc"), MsFlags::empty(), None::<&str>).unwrap();
}

/// Never returns. `outside` is the machine's `/proc`, which is already mounted over.
pub fn become_init(wish: &Wish, report: &File, outside: Option<&OwnedFd>) -> ! {
    let machine = outside.map_or_else(open_proc, |proc| proc.try_clone().unwrap());
    // The pid in the tests' namespace.
    let own = readlinkat(&machine, "self", Vec::new()).unwrap();
    if outside.is_none() {
        own_proc();
    }
    drop(machine);
    tell(report, &format!("init {} {}", own.to_string_lossy(), raw::pid()));
    if let Some(path) = &wish.tty {
        controlling_terminal(path, wish.tty_input);
    }
    // SAFETY: takes only integers. Below 100 only the standard streams are still used; the exec closes the report.
    unsafe {
        libc::syscall(libc::SYS_close_range, 3, 99, 0);
    }
    let mut environment: Vec<String> = std::env::vars().map(|(name, value)| format!("{name}={value}")).collect();
    if wish.listen > 0 {
        for _ in 0..wish.listen {
            pass_socket();
        }
        environment.extend([format!("LISTEN_FDS={}", wish.listen), format!("LISTEN_PID={}", raw::pid())]);
    }
    if let Some(path) = &wish.cwd {
        std::env::set_current_dir(path).unwrap();
    }
    credentials(wish);
    let strings = |all: &[String]| all.iter().map(|text| CString::new(text.as_str()).unwrap()).collect::<Vec<_>>();
    let (words, environment) = (strings(&wish.words), strings(&environment));
    if wish.early.is_some() || wish.hold {
        ptrace::traceme().unwrap();
    }
    signals(wish);
    if let Some(errno) = wish.answer {
        answer(errno);
    }
    let Err(errno) = execve(&words[0], &words, &environment);
    tell(report, &format!("broken: exec of {}: {errno}", wish.words[0]));
    raw::exit(125)
}

fn controlling_terminal(path: &str, input: bool) {
    setsid().unwrap();
    let terminal = openat(CWD, path, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
    rustix::process::ioctl_tiocsctty(&terminal).unwrap();
    if input {
        rustix::stdio::dup2_stdin(&terminal).unwrap();
    }
    rustix::stdio::dup2_stdout(&terminal).unwrap();
    rustix::stdio::dup2_stderr(&terminal).unwrap();
}

/// A listening socket with the next free number, from 3. The kernel chooses its name.
fn pass_socket() {
    // SAFETY: takes integers; bind with only the family lets the kernel choose an abstract name, unix(7).
    unsafe {
        let socket = libc::socket(libc::AF_UNIX, libc::SOCK_STREAM, 0);
        let family = libc::AF_UNIX as libc::sa_family_t;
        assert!(socket > 2 && libc::bind(socket, (&raw const family).cast(), 2) == 0 && libc::listen(socket, 1) == 0);
    }
}

/// The sets stay full until the exec, which computes them anew.
fn credentials(wish: &Wish) {
    if wish.four {
        for bit in (0..41).map(|number| 1 << number).filter(|bit| FOUR & bit == 0) {
            rustix::thread::remove_capability_from_bounding_set(CapabilitySet::from_bits_retain(bit)).unwrap();
        }
    }
    if wish.uid > 0 {
        let (uid, gid) = (Uid::from_raw(wish.uid), Gid::from_raw(wish.uid));
        setgroups(&[gid]).unwrap();
        setresgid(gid, gid, gid).unwrap();
        setresuid(uid, uid, uid).unwrap();
    }
}

fn signals(wish: &Wish) {
    for signal in 1..=64 {
        raw::set_action(signal, wish.ignore.contains(&signal));
    }
    raw::set_mask(wish.block.iter().fold(0, |mask, signal| mask | 1 << (signal - 1)));
}

/// The kernel returns this errno instead of sending a signal.
fn answer(errno: u16) {
    let code = |bits: u32| u16::try_from(bits).unwrap();
    let (load, equal, verdict) = (
        code(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS),
        code(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K),
        code(libc::BPF_RET | libc::BPF_K),
    );
    let op = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
    let number = |call: i64| u32::try_from(call).unwrap();
    let mut program = [
        // The system call's number, at offset 0 of struct seccomp_data.
        op(load, 0, 0, 0),
        op(equal, 2, 0, number(libc::SYS_kill)),
        op(equal, 1, 0, number(libc::SYS_rt_sigqueueinfo)),
        op(verdict, 0, 0, libc::SECCOMP_RET_ALLOW),
        op(verdict, 0, 0, libc::SECCOMP_RET_ERRNO | u32::from(errno)),
    ];
    let header = libc::sock_fprog { len: code(program.len().try_into().unwrap()), filter: program.as_mut_ptr() };
    // SAFETY: the header points to a live program of the given length; the kernel copies both.
    let done = unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const header) };
    assert!(done == 0, "seccomp: {}", nix::errno::Errno::last());
}
