//! Sets up the same state as an engine, then executes `/init`.

use std::ffi::CString;
use std::fs::File;
use std::io::{Read, Write as _};
use std::os::fd::OwnedFd;
use std::process::exit;

use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::unistd::{ForkResult, Gid, Pid, Uid, chdir, execve, fork, pivot_root, setgroups, setresgid, setresuid};
use rustix::fs::{Mode, OFlags};
use rustix::thread::{CapabilitiesSecureBits, CapabilitySet, CapabilitySets};

use super::streams::Ends;
use super::{Try, answers, because, duplicate_to, ended, move_up, tree};
use crate::inherited;
use crate::protocol::{Filter, Spec};

/// The container's exit code if `/init`, not as PID 1, left a process behind.
const SOMETHING_LEFT: i32 = 200;

const EVERY: u64 = (1 << 41) - 1;

/// PID 1 of the container. Never returns.
pub fn inner(spec: &Spec, groups: &[File], ends: Ends, go: OwnedFd, says_failure: OwnedFd, listener: OwnedFd) -> ! {
    // Moved away from the numbers that a test may use; the exec of /init closes it.
    let result = move_up(says_failure).map(File::from).and_then(|mut failure| {
        run(spec, groups, ends, go, listener).inspect_err(|why| {
            let _ = failure.write_all(why.as_bytes());
        })
    });
    exit(result.unwrap_or(125));
}

fn run(spec: &Spec, groups: &[File], ends: Ends, go: OwnedFd, listener: OwnedFd) -> Try<i32> {
    let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
    let mut word = String::new();
    File::from(go).read_to_string(&mut word).map_err(because("the keeper"))?;
    for mut group in groups {
        group.write_all(b"0").map_err(because("cgroup.procs"))?;
    }
    // The base of relative descriptor paths: the machine's root, which is detached below.
    let outside = rustix::fs::open("/", OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).map_err(because("/"))?;
    enter_root(spec)?;
    let listener = move_up(listener)?;
    if !spec.pid_one {
        // SAFETY: this process has one thread.
        if let ForkResult::Parent { child } = unsafe { fork() }.map_err(because("fork"))? {
            return wait_as_pid_one(ends, child);
        }
    }
    become_start(spec, ends, outside)?;
    let strings = |all: &[Vec<u8>]| {
        all.iter().map(|bytes| CString::new(bytes.clone()).map_err(because("a NUL"))).collect::<Try<Vec<CString>>>()
    };
    let (argv, env) = (strings(&spec.argv)?, strings(&spec.env)?);
    if let Some(faults) = &spec.faults {
        answers::install(faults, &listener)?;
    }
    // Last: nothing after this may need the limited resources.
    limit(&spec.start.limits)?;
    let Err(errno) = execve(c"/init", &argv, &env);
    Err(format!("execve of /init: {errno}"))
}

/// A minimal init of an engine, without forwarding, since nothing here sends a signal.
fn wait_as_pid_one(ends: Ends, child: Pid) -> Try<i32> {
    drop(ends);
    for number in 0..3 {
        // SAFETY: takes an integer; this process no longer uses the streams.
        unsafe { libc::close(number) };
    }
    // SAFETY: takes only integers. From here on only the child uses the failure pipe.
    unsafe { libc::syscall(libc::SYS_close_range, 3, u32::MAX, 0) };
    let (code, signal) = ended(child)?;
    // Every remaining process of the namespace is a descendant of this one.
    let nothing_left =
        matches!(rustix::process::wait(rustix::process::WaitOptions::NOHANG), Err(rustix::io::Errno::CHILD));
    exit(if nothing_left { code.or(signal.map(|signal| 128 + signal)).unwrap_or(124) } else { SOMETHING_LEFT });
}

fn limit(limits: &[(i32, u64)]) -> Try<()> {
    for (resource, most) in limits {
        let both = libc::rlimit { rlim_cur: *most, rlim_max: *most };
        // SAFETY: the pointer is to a live structure.
        Errno::result(unsafe { libc::setrlimit(*resource as _, &raw const both) }).map_err(because("setrlimit"))?;
    }
    Ok(())
}

fn enter_root(spec: &Spec) -> Try<()> {
    let proc = format!("{}/proc", tree::ROOT);
    if spec.proc_mounted {
        let (read_only, options): (Vec<&str>, Vec<&str>) =
            spec.proc_options.split(',').partition(|option| *option == "ro");
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
        let flags = if read_only.is_empty() { flags } else { flags | MsFlags::MS_RDONLY };
        mount(Some("proc"), proc.as_str(), Some("proc"), flags, Some(options.join(",").as_str()))
            .map_err(because("proc"))?;
    }
    chdir(tree::ROOT).map_err(because("chdir"))?;
    pivot_root(".", ".").map_err(because("pivot_root"))?;
    umount2(".", MntFlags::MNT_DETACH).map_err(because("umount of the machine's root"))?;
    chdir("/").map_err(because("chdir"))?;
    if spec.read_only {
        mount(
            None::<&str>,
            "/",
            None::<&str>,
            MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY,
            None::<&str>,
        )
        .map_err(because("read-only root"))?;
    }
    Ok(())
}

fn become_start(spec: &Spec, ends: Ends, outside: OwnedFd) -> Try<()> {
    let start = &spec.start;
    let outside = move_up(outside)?;
    ends.install()?;
    for number in 3..100 {
        // SAFETY: takes an integer; this process does not use the closed descriptor again before it ends in exec or
        // exit.
        unsafe { libc::close(number) };
    }
    for (number, path) in &start.descriptors {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK;
        let opened = if path.starts_with('/') {
            rustix::fs::open(path.as_str(), flags, Mode::empty())
        } else {
            rustix::fs::openat(&outside, path.as_str(), flags, Mode::empty())
        };
        let opened = move_up(opened.map_err(because(path))?)?;
        duplicate_to(&opened, *number)?;
    }
    if start.controlling_terminal {
        nix::unistd::setsid().map_err(because("setsid"))?;
        rustix::process::ioctl_tiocsctty(rustix::stdio::stdout()).map_err(because("TIOCSCTTY"))?;
    }
    credentials(spec)?;
    // Again for the tracer; the exec sets it anew.
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::Dumpable).map_err(because("dumpable"))?;
    rustix::process::umask(Mode::from_raw_mode(start.umask));
    if !start.cwd.starts_with('/') {
        nix::unistd::fchdir(&outside).map_err(because("fchdir"))?;
    }
    chdir(start.cwd.as_str()).map_err(because("chdir"))?;
    drop(outside);
    signals(start.blocked, start.ignored)?;
    if start.odd_state {
        inherited::leave();
    }
    filter(&spec.filters)
}

/// The permitted and effective sets stay full until the exec, which computes them anew, so that the set-up has every
/// privilege.
fn credentials(spec: &Spec) -> Try<()> {
    let start = &spec.start;
    if !spec.deny_setgroups {
        let groups: Vec<Gid> = start.groups.iter().copied().map(Gid::from_raw).collect();
        setgroups(&groups).map_err(because("setgroups"))?;
    }
    rustix::thread::set_keep_capabilities(true).map_err(because("keep capabilities"))?;
    let (uid, gid) = (Uid::from_raw(start.uid), Gid::from_raw(start.gid));
    setresgid(gid, gid, gid).map_err(because("setresgid"))?;
    setresuid(uid, uid, uid).map_err(because("setresuid"))?;
    let all = CapabilitySet::from_bits_retain(EVERY);
    let sets =
        CapabilitySets { effective: all, permitted: all, inheritable: CapabilitySet::from_bits_retain(start.ambient) };
    rustix::thread::set_capabilities(None, sets).map_err(because("capset"))?;
    for bit in (0..64).map(|number| 1 << number).filter(|bit| start.ambient & bit != 0) {
        rustix::thread::configure_capability_in_ambient_set(CapabilitySet::from_bits_retain(bit), true)
            .map_err(because("ambient"))?;
    }
    for bit in (0..41).map(|number| 1 << number).filter(|bit| start.bounding & bit == 0) {
        rustix::thread::remove_capability_from_bounding_set(CapabilitySet::from_bits_retain(bit))
            .map_err(because("bounding"))?;
    }
    if start.securebits != 0 {
        let bits = CapabilitiesSecureBits::from_bits_retain(start.securebits);
        rustix::thread::set_capabilities_secure_bits(bits).map_err(because("securebits"))?;
    }
    if start.no_new_privs {
        rustix::thread::set_no_new_privs(true).map_err(because("no_new_privs"))?;
    }
    Ok(())
}

/// Uses raw system calls, since musl reserves signals 32 to 34.
fn signals(blocked: u64, ignored: u64) -> Try<()> {
    for signal in (1..=64).filter(|signal| *signal != 9 && *signal != 19) {
        let disposition = u64::from(ignored & (1 << (signal - 1)) != 0);
        // The kernel's struct sigaction: handler (SIG_DFL 0, SIG_IGN 1), flags, restorer, mask.
        let action = [disposition, 0, 0, 0];
        // SAFETY: the pointer is to a live structure with the kernel's layout and mask size.
        let answer = unsafe {
            libc::syscall(libc::SYS_rt_sigaction, signal, action.as_ptr(), std::ptr::null::<u64>(), size_of::<u64>())
        };
        Errno::result(answer).map_err(because("rt_sigaction"))?;
    }
    // SAFETY: the pointer is to a live word of the passed size.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_rt_sigprocmask,
            libc::SIG_SETMASK,
            &raw const blocked,
            std::ptr::null::<u64>(),
            size_of::<u64>(),
        )
    };
    Errno::result(answer).map(drop).map_err(because("rt_sigprocmask"))
}

/// Installs a seccomp filter as the last step before the exec.
fn filter(filters: &[Filter]) -> Try<()> {
    if filters.is_empty() {
        return Ok(());
    }
    let code = |bits: u32| u16::try_from(bits).unwrap();
    let (load, compare, answer) = (
        code(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS),
        code(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K),
        code(libc::BPF_RET | libc::BPF_K),
    );
    let op = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
    let mut program = Vec::new();
    for filter in filters {
        let number = u32::try_from(filter.call).map_err(because("number"))?;
        // Offsets in struct seccomp_data: the number of the call at 0, the low halves of its arguments from 16 on.
        let arguments = filter.arguments.iter().zip((16..).step_by(8)).map(|(value, offset)| (offset, *value));
        let checks: Vec<(u32, u32)> = std::iter::once((0, number)).chain(arguments).collect();
        for (at, (offset, value)) in checks.iter().enumerate() {
            // A mismatch jumps behind the verdict: over two instructions for each remaining check, and over the
            // verdict.
            let over = u8::try_from(2 * (checks.len() - at - 1) + 1).map_err(because("checks"))?;
            program.extend([op(load, 0, 0, *offset), op(compare, 0, over, *value)]);
        }
        program.push(op(answer, 0, 0, libc::SECCOMP_RET_ERRNO | u32::from(filter.errno)));
    }
    program.push(op(answer, 0, 0, libc::SECCOMP_RET_ALLOW));
    let header = libc::sock_fprog {
        len: u16::try_from(program.len()).map_err(because("length"))?,
        filter: program.as_mut_ptr(),
    };
    // SAFETY: the header points to a live program of the given length; the kernel copies both.
    let done = unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const header) };
    Errno::result(done).map(drop).map_err(because("seccomp"))
}
