//! The witness's attempts to gain privilege. Each prints `ok` or the errno.

use std::ffi::{CStr, c_int};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::process::Command;

use nix::errno::Errno;
use nix::unistd::{Gid, Uid};
use rustix::thread::{CapabilitiesSecureBits, CapabilitySet, CapabilitySets};

use crate::escapes::escape;

/// Makes the attempt with this name; returns nothing for an unknown name.
pub fn attempt(word: &str) -> Option<String> {
    let (verb, object) = word.split_once('=').unwrap_or((word, ""));
    let (root, group) = (Uid::from_raw(0), Gid::from_raw(0));
    Some(match verb {
        "setuid0" => by_nix(nix::unistd::setresuid(root, root, root)),
        "setgid0" => by_nix(nix::unistd::setresgid(group, group, group)),
        "setgroups0" => by_nix(nix::unistd::setgroups(&[group])),
        "capset" => {
            let all = CapabilitySet::from_bits_retain(1 << 7);
            by_rustix(rustix::thread::set_capabilities(
                None,
                CapabilitySets { effective: all, permitted: all, inheritable: all },
            ))
        }
        "ambient" => by_rustix(rustix::thread::configure_capability_in_ambient_set(CapabilitySet::SETUID, true)),
        "securebits0" => by_rustix(rustix::thread::set_capabilities_secure_bits(CapabilitiesSecureBits::empty())),
        "bounding" => by_rustix(rustix::thread::remove_capability_from_bounding_set(CapabilitySet::SETUID)),
        "mount" => {
            by_nix(nix::mount::mount(Some("none"), "/tmp", Some("tmpfs"), nix::mount::MsFlags::empty(), None::<&str>))
        }
        "chroot" => by_nix(nix::unistd::chroot("/tmp")),
        "chown0" => by_nix(nix::unistd::chown(object, Some(root), Some(group))),
        "chmod" => by_std(fs::set_permissions(object, fs::Permissions::from_mode(0o700))),
        "publish" => by_std(fs::set_permissions(object, fs::Permissions::from_mode(0o777))),
        "read" => by_std(OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(object).map(drop)),
        "content" => fs::read(object).map_or_else(|error| by_std(Err(error)), |bytes| bytes.escape_ascii().to_string()),
        "write" => by_std(OpenOptions::new().write(true).custom_flags(libc::O_NONBLOCK).open(object).map(drop)),
        "create" => by_std(OpenOptions::new().write(true).create_new(true).open(object).map(drop)),
        "install" => by_std(fs::copy("/proc/self/exe", object).map(drop)),
        "mkdir" => by_std(fs::create_dir(object)),
        "reopen" => {
            by_std(OpenOptions::new().append(true).open(object).and_then(|mut file| file.write_all(b"reopened\n")))
        }
        "list" => by_std(fs::read_dir(object).map(drop)),
        "link" => by_std(fs::read_link(object).map(drop)),
        "execute" => by_std(Command::new(object).arg("--version").output().map(drop)),
        "listen" => by_std(std::net::TcpListener::bind(object).map(std::mem::forget)),
        // SAFETY: has no arguments.
        "pause" => by_nix(Errno::result(unsafe { libc::pause() }).map(drop)),
        "memory" => by_std(OpenOptions::new().write(true).open(format!("/proc/{object}/mem")).map(drop)),
        "ptrace" => ptrace(libc::PTRACE_ATTACH, object.parse().unwrap_or(1)),
        "seize" => ptrace(libc::PTRACE_SEIZE, object.parse().unwrap_or(1)),
        "seize-health" => seize_health(object.parse().unwrap_or(1)),
        "peek" => move_memory(libc::SYS_process_vm_readv, object.parse().unwrap_or(1)),
        "poke" => move_memory(libc::SYS_process_vm_writev, object.parse().unwrap_or(1)),
        "borrow" => borrow(object.parse().unwrap_or(1)),
        "tiocsti" => tiocsti(),
        "status" => status(object),
        "inherited" => crate::inherited::left(),
        // Runs `/init` beside this process, with the variables that an engine sets.
        "init" => match Command::new("/init").args(object.split('+')).env("ROLE", "web").output() {
            Ok(output) => output.status.to_string(),
            Err(error) => by_std(Err(error)),
        },
        "run" => match Command::new(object).arg("child").status() {
            Ok(status) => status.to_string(),
            Err(error) => by_std(Err(error)),
        },
        _ => return escape(verb, object),
    })
}

/// The exit code from an argument `exit=N`. With `signal=N` the process ends by that signal instead.
pub fn exit_code(arguments: &[&CStr]) -> c_int {
    let number =
        |key: &str| arguments.iter().find_map(|word| word.to_str().ok()?.strip_prefix(key)?.parse::<c_int>().ok());
    number("exit=").unwrap_or(0)
}

/// The securebits, in hexadecimal.
pub fn securebits() -> String {
    rustix::thread::capabilities_secure_bits()
        .map_or_else(|error| error.to_string(), |bits| format!("{:#x}", bits.bits()))
}

/// The ids and sets of another process, in one line.
fn status(pid: &str) -> String {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_else(|error| error.to_string());
    let wanted = ["Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs"];
    let lines = text.lines().filter(|line| line.split(':').next().is_some_and(|key| wanted.contains(&key)));
    lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join(", ")
}

fn ptrace(request: impl TryInto<i64, Error: std::fmt::Debug>, pid: i32) -> String {
    let request = request.try_into().unwrap();
    let none = std::ptr::null_mut::<libc::c_void>();
    // SAFETY: attaching does not access memory of this process.
    by_nix(Errno::result(unsafe { libc::ptrace(request as _, pid, none, none) }).map(drop))
}

/// Tries to seize each of many starting `/init --health`. As with an engine, each is started by a process that cannot
/// be traced before its exec.
fn seize_health(starts: usize) -> String {
    let (mut seized, mut tries, mut passed) = (0, 0_u64, 0);
    for _ in 0..starts {
        let (ready, says_ready) = nix::unistd::pipe().unwrap();
        // SAFETY: the witness has one thread.
        let child = match unsafe { nix::unistd::fork() }.unwrap() {
            nix::unistd::ForkResult::Parent { child } => child,
            nix::unistd::ForkResult::Child => {
                // SAFETY: takes only integers.
                unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0) };
                let _ = nix::unistd::write(&says_ready, b"r");
                let _ = nix::unistd::execv(c"/init", &[c"/init", c"--role", c"web", c"--health"]);
                std::process::exit(99)
            }
        };
        drop(says_ready);
        let _ = nix::unistd::read(&ready, &mut [0]);
        loop {
            if ptrace(libc::PTRACE_SEIZE, child.as_raw()) == "ok" {
                seized += 1;
                let _ = nix::sys::signal::kill(child, nix::sys::signal::Signal::SIGKILL);
                let _ = nix::sys::wait::waitpid(child, None);
                break;
            }
            tries += 1;
            match nix::sys::wait::waitpid(child, Some(nix::sys::wait::WaitPidFlag::WNOHANG)) {
                Ok(nix::sys::wait::WaitStatus::StillAlive) => {}
                Ok(nix::sys::wait::WaitStatus::Exited(_, 0)) => {
                    passed += 1;
                    break;
                }
                _ => break,
            }
        }
    }
    format!("{seized} seized, {passed} of {starts} healthy, {}", if tries > 50 { "tried" } else { "hardly tried" })
}

/// Reads or writes a byte of another process: `process_vm_readv(2)`.
fn move_memory(call: i64, pid: i32) -> String {
    let mut byte = [0_u8];
    let ours = libc::iovec { iov_base: byte.as_mut_ptr().cast(), iov_len: 1 };
    let theirs = libc::iovec { iov_base: std::ptr::without_provenance_mut(0x1000), iov_len: 1 };
    // SAFETY: one live byte of this process; EFAULT about the other process's address would mean that access was
    // allowed.
    by_nix(Errno::result(unsafe { libc::syscall(call, pid, &raw const ours, 1, &raw const theirs, 1, 0) }).map(drop))
}

/// Duplicates a descriptor of another process: `pidfd_getfd(2)`.
fn borrow(pid: i32) -> String {
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    let flags = rustix::process::PidfdGetfdFlags::empty();
    let taken = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty())
        .and_then(|process| rustix::process::pidfd_getfd(process, 0, flags));
    by_rustix(taken.map(drop))
}

/// Pushes a character into the terminal's input queue, as if it had been typed.
fn tiocsti() -> String {
    // SAFETY: the request reads one character through a valid pointer.
    by_nix(Errno::result(unsafe { libc::ioctl(0, libc::TIOCSTI, c"x".as_ptr()) }).map(drop))
}

pub fn by_nix(result: nix::Result<()>) -> String {
    result.map_or_else(|errno| format!("{errno:?}"), |()| "ok".into())
}

pub fn by_rustix(result: rustix::io::Result<()>) -> String {
    by_nix(result.map_err(|error| Errno::from_raw(error.raw_os_error())))
}

pub fn by_std(result: std::io::Result<()>) -> String {
    by_nix(result.map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(0))))
}
