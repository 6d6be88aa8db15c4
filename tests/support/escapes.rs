//! The witness's attempts to break a seal: every known way to write outside and to enter a new namespace. Each prints
//! `ok` or the errno.

use std::ffi::{CString, c_long};
use std::fs::{self, File, OpenOptions};
use std::io::{Seek as _, Write as _};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::os::unix::net::{UnixListener, UnixStream};

use nix::errno::Errno;
use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, XattrFlags};

use crate::attempts::{attempt, by_nix, by_rustix, by_std};

/// Makes the attempt with this verb and object, which may be two paths separated by a colon.
pub fn escape(verb: &str, object: &str) -> Option<String> {
    let (one, two) = object.split_once(':').unwrap_or((object, ""));
    let number = |text: &str| {
        text.strip_prefix("0x").map_or_else(|| text.parse(), |hex| c_long::from_str_radix(hex, 16)).unwrap_or(-1)
    };
    Some(match verb {
        "hardlink" => by_std(fs::hard_link(one, two)),
        "rename" => by_std(fs::rename(one, two)),
        "exchange" => by_rustix(rustix::fs::renameat_with(CWD, one, CWD, two, rustix::fs::RenameFlags::EXCHANGE)),
        "symlink" => by_std(symlink(one, two)),
        "unlink" => by_std(fs::remove_file(object)),
        "rmdir" => by_std(fs::remove_dir(object)),
        "bind" => by_std(UnixListener::bind(object).map(drop)),
        "connect" => by_std(UnixStream::connect(object).map(drop)),
        "fifo" => by_rustix(rustix::fs::mknodat(CWD, object, FileType::Fifo, Mode::RUSR, 0)),
        "device" => by_rustix(rustix::fs::mknodat(
            CWD,
            object,
            FileType::CharacterDevice,
            Mode::RUSR,
            rustix::fs::makedev(1, 3),
        )),
        "whiteout" => by_rustix(rustix::fs::mknodat(CWD, object, FileType::CharacterDevice, Mode::RUSR, 0)),
        "unnamed" => by_std(OpenOptions::new().write(true).custom_flags(libc::O_TMPFILE).open(object).map(drop)),
        "append" => by_std(OpenOptions::new().append(true).open(object).map(drop)),
        "truncate" => by_path(object, |path| {
            // SAFETY: the pointer is to a string that ends with a NUL.
            unsafe { c_long::from(libc::truncate(path.as_ptr(), 0)) }
        }),
        "fill" => by_std(OpenOptions::new().create(true).append(true).open(object).and_then(|mut file| {
            file.write_all(b"filled")?;
            file.rewind()
        })),
        "opath" => reopened(object, OFlags::PATH),
        "read-reopen" => reopened(object, OFlags::RDONLY),
        "beneath" => {
            by_rustix(rustix::fs::openat2(CWD, object, OFlags::WRONLY, Mode::empty(), ResolveFlags::empty()).map(drop))
        }
        "handle" => by_handle(object),
        "mode" => by_std(fs::set_permissions(object, fs::Permissions::from_mode(0o600))),
        "times" => by_std(
            OpenOptions::new()
                .read(true)
                .open(object)
                .and_then(|file| file.set_times(fs::FileTimes::new().set_modified(std::time::UNIX_EPOCH))),
        ),
        "xattr" => by_rustix(rustix::fs::setxattr(object, "user.x", b"y", XattrFlags::empty())),
        "memory-file" => by_rustix(
            rustix::fs::memfd_create("x", rustix::fs::MemfdFlags::CLOEXEC)
                .and_then(|file| rustix::io::write(file, b"x").map(drop)),
        ),
        "uring" => by_nix(crate::uring::open_for_writing(object)),
        "tcgets" => by_std(
            OpenOptions::new()
                .read(true)
                .custom_flags(libc::O_NOCTTY)
                .open(object)
                .and_then(|file| rustix::termios::tcgetattr(file).map(drop).map_err(std::io::Error::from)),
        ),
        "bindmount" => {
            by_nix(nix::mount::mount(Some(one), two, None::<&str>, nix::mount::MsFlags::MS_BIND, None::<&str>))
        }
        "tree" => by_call(&[libc::SYS_open_tree, -100, CString::new(object).unwrap().as_ptr() as c_long, 1]),
        "thread" => std::thread::scope(|scope| scope.spawn(|| attempt(object).unwrap()).join().unwrap()),
        "forked" => forked(|| attempt(object).unwrap()),
        "unshare" => by_call(&[libc::SYS_unshare, number(object)]),
        "clone" => cloned(number(object)),
        "clone3" => clone3(u64::try_from(number(object)).unwrap()),
        "setns" => File::open(object)
            .map_or_else(|error| by_std(Err(error)), |file| by_call(&[libc::SYS_setns, file.as_raw_fd().into(), 0])),
        // A call by its number, with its first argument.
        "call" => forked(|| by_call(&[number(one), number(two), 0, 0, 0, 0])),
        "i386" => forked(|| crate::foreign::call(number(one), number(two))),
        // The number of seccomp filters of a process.
        "filters" => fs::read_to_string(format!("/proc/{object}/status"))
            .ok()
            .and_then(|text| {
                Some(text.lines().find_map(|line| line.strip_prefix("Seccomp_filters:"))?.trim().to_owned())
            })
            .unwrap_or_default(),
        "own-filter" => {
            own_filter();
            attempt(object).unwrap()
        }
        "renumber" => crate::foreign::renumbered(number(one), number(two)),
        _ => return None,
    })
}

fn by_path(object: &str, call: impl FnOnce(CString) -> c_long) -> String {
    by_nix(Errno::result(call(CString::new(object).unwrap())).map(drop))
}

/// A system call with up to five arguments.
fn by_call(words: &[c_long]) -> String {
    let word = |at: usize| words.get(at).copied().unwrap_or(0);
    // SAFETY: integers, null pointers and live strings; the calls tried here write to no memory.
    let answer = unsafe { libc::syscall(word(0), word(1), word(2), word(3), word(4), word(5)) };
    by_nix(Errno::result(answer).map(drop))
}

/// Opens the file without write permission, and that descriptor again for writing.
fn reopened(path: &str, how: OFlags) -> String {
    let opened = rustix::fs::open(path, how | OFlags::CLOEXEC, Mode::empty());
    opened.map_or_else(
        |error| by_rustix(Err(error)),
        |file| by_std(OpenOptions::new().write(true).open(format!("/proc/self/fd/{}", file.as_raw_fd())).map(drop)),
    )
}

/// `name_to_handle_at(2)`, and back: bypasses every directory above.
fn by_handle(path: &str) -> String {
    let path = CString::new(path).unwrap();
    let mut handle = [0_u64; 20];
    handle[0] = 128;
    let mut mount = 0;
    // SAFETY: the handle is a live block of the size in its first word, plus two words.
    let answer = unsafe {
        let named = libc::syscall(
            libc::SYS_name_to_handle_at,
            libc::AT_FDCWD,
            path.as_ptr(),
            handle.as_mut_ptr(),
            &mut mount,
            0,
        );
        if named != 0 {
            named
        } else {
            libc::syscall(libc::SYS_open_by_handle_at, libc::AT_FDCWD, handle.as_mut_ptr(), libc::O_WRONLY)
        }
    };
    by_nix(Errno::result(answer).map(drop))
}

/// In a child, which the kernel may kill for it.
fn forked(what: impl FnOnce() -> String) -> String {
    let (read, mut write) = std::io::pipe().unwrap();
    // SAFETY: this program has one thread here.
    match Errno::result(unsafe { libc::fork() }).unwrap() {
        0 => {
            let _ = write.write_all(what().as_bytes());
            // SAFETY: does not return.
            unsafe { libc::_exit(0) }
        }
        child => {
            drop(write);
            let text = std::io::read_to_string(read).unwrap();
            let mut status = 0;
            // SAFETY: the pointer is to a live integer.
            unsafe { libc::waitpid(child, &raw mut status, 0) };
            if libc::WIFSIGNALED(status) { format!("signal {}", libc::WTERMSIG(status)) } else { text }
        }
    }
}

fn reaped(answer: c_long) -> String {
    if answer == 0 {
        // SAFETY: does not return.
        unsafe { libc::_exit(0) }
    }
    if answer > 0 {
        // SAFETY: a null status is allowed.
        unsafe { libc::waitpid(answer.try_into().unwrap(), std::ptr::null_mut(), 0) };
    }
    by_nix(Errno::result(answer).map(drop))
}

fn cloned(flags: c_long) -> String {
    // SAFETY: without CLONE_VM this is fork(2); the child ends immediately.
    reaped(unsafe { libc::syscall(libc::SYS_clone, flags | c_long::from(libc::SIGCHLD), 0, 0, 0, 0) })
}

fn clone3(flags: u64) -> String {
    let mut arguments = [0_u64; 8];
    arguments[0] = flags;
    arguments[4] = 17;
    // SAFETY: a live clone_args of the first version; the child ends immediately.
    reaped(unsafe { libc::syscall(libc::SYS_clone3, arguments.as_ptr(), 64) })
}

/// A filter of the app, newer than the seal's, that allows everything.
fn own_filter() {
    let allow = [libc::sock_filter { code: 6, jt: 0, jf: 0, k: libc::SECCOMP_RET_ALLOW }];
    let program = libc::sock_fprog { len: 1, filter: allow.as_ptr().cast_mut() };
    // SAFETY: the pointer is to a live program of one instruction.
    let answer = unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &raw const program) };
    Errno::result(answer).unwrap();
}

/// A descriptor returned by a system call.
pub fn owned(answer: c_long) -> Result<OwnedFd, Errno> {
    let number = Errno::result(answer)?;
    // SAFETY: just created, without another owner.
    Ok(unsafe { OwnedFd::from_raw_fd(number.try_into().unwrap()) })
}
