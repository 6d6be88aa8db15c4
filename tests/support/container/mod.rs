//! Creates the container of one boot without an engine: user namespace, mounts, PID namespace and start state; then
//! it executes `/init`.
//!
//! Three processes. The *outer* one maps the ids, for which it needs privilege outside. The *keeper* is root of the
//! new user namespace, builds the tree and collects the results. The *inner* one is PID 1 and executes `/init`, or
//! starts it as a child if the test wants that. `user_namespaces(7)`, `pid_namespaces(7)`.

mod answers;
mod crowd;
mod frozen;
mod lies;
mod map;
mod network;
mod race;
mod start;
mod streams;
mod trace;
mod tree;

use std::ffi::c_int;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::process::exit;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{SigHandler, Signal, kill, signal};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Gid, Pid, Uid, fork, setgroups, setresgid, setresuid};

use crate::protocol::{Outcome, Spec};
use streams::Collected;
use tree::Sources;

/// The reason of a failure.
pub type Try<T> = Result<T, String>;

/// Adds the failed operation to an error.
pub fn because<E: std::fmt::Display>(what: impl std::fmt::Display) -> impl FnOnce(E) -> String {
    move |error| format!("{what}: {error}")
}

/// A pipe, both ends close-on-exec.
pub fn pipe() -> Try<(OwnedFd, OwnedFd)> {
    nix::unistd::pipe2(OFlag::O_CLOEXEC).map_err(because("pipe2"))
}

/// Reads the spec from standard input and prints the outcome on standard output.
pub fn main() -> c_int {
    let outcome = match outer() {
        Ok(outcome) => outcome,
        Err(why) => Outcome { broken: Some(why), ..Outcome::default() },
    };
    let text = serde_json::to_string(&outcome).unwrap();
    let mut out = std::io::stdout();
    c_int::from(out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err())
}

fn outer() -> Try<Outcome> {
    // The container must not inherit the test's streams and descriptors.
    // SAFETY: takes only integers, and closes nothing.
    unsafe { libc::syscall(libc::SYS_close_range, 3, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).map_err(because("spec"))?;
    let spec: Spec = serde_json::from_str(&text).map_err(because("spec"))?;
    let sources = Sources::open(&spec)?;
    let (ready, says_ready) = pipe()?;
    let (mapped, says_mapped) = pipe()?;
    let (result, writes_result) = pipe()?;
    // SAFETY: this process has one thread.
    match unsafe { fork() }.map_err(because("fork"))? {
        ForkResult::Child => {
            drop((ready, says_mapped, result));
            // If the test gives up, everything is killed with it.
            let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
            let outcome = keeper(&spec, &sources, says_ready, mapped)
                .unwrap_or_else(|why| Outcome { broken: Some(why), ..Outcome::default() });
            let written = File::from(writes_result).write_all(serde_json::to_string(&outcome).unwrap().as_bytes());
            exit(i32::from(written.is_err()));
        }
        ForkResult::Parent { child } => {
            drop((says_ready, mapped, writes_result));
            let mut answer = String::new();
            File::from(ready).read_to_string(&mut answer).map_err(because("the keeper"))?;
            let outcome = if answer.is_empty() { map::ids(child, spec.deny_setgroups) } else { Err(answer) };
            match outcome {
                Ok(()) => File::from(says_mapped).write_all(b"mapped").map_err(because("the keeper"))?,
                Err(why) => {
                    let _ = kill(child, Signal::SIGKILL);
                    let _ = waitpid(child, None);
                    return Ok(Outcome { unavailable: Some(why), ..Outcome::default() });
                }
            }
            let mut text = String::new();
            File::from(result).read_to_string(&mut text).map_err(because("the result"))?;
            let _ = waitpid(child, None);
            serde_json::from_str(&text).map_err(because("the result"))
        }
    }
}

/// Root of the new user namespace.
fn keeper(spec: &Spec, sources: &Sources, says_ready: OwnedFd, mapped: OwnedFd) -> Try<Outcome> {
    let mut says_ready = File::from(says_ready);
    if let Err(errno) = unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWIPC) {
        let _ = write!(says_ready, "unshare(2) of a user namespace: {}", errno.desc());
        exit(1);
    }
    // Closed without a message: success.
    drop(says_ready);
    let mut answer = String::new();
    File::from(mapped).read_to_string(&mut answer).map_err(because("the outer process"))?;
    if !spec.deny_setgroups {
        setgroups(&[]).map_err(because("setgroups"))?;
    }
    let (root, group) = (Uid::from_raw(0), Gid::from_raw(0));
    setresgid(group, group, group).map_err(because("setresgid"))?;
    setresuid(root, root, root).map_err(because("setresuid"))?;
    // The change of ids cleared the dumpable flag, and with it the tracer's permission to attach.
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::Dumpable).map_err(because("dumpable"))?;
    rustix::process::umask(rustix::fs::Mode::empty());
    // SAFETY: an ignored signal runs no code.
    unsafe { signal(Signal::SIGPIPE, SigHandler::SigIgn) }.map_err(because("sigaction"))?;
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)
        .map_err(because("private mounts"))?;
    tree::build(spec, sources)?;
    let _services = spec.network.as_deref().map(|ports| network::own(ports, spec.ephemeral_port)).transpose()?;

    let deadline = Instant::now() + Duration::from_secs(spec.seconds);
    let (mut collected, ends) = Collected::prepare(spec)?;
    let (go, says_go) = pipe()?;
    let (failure, says_failure) = pipe()?;
    let (listens, speaks) = UnixStream::pair().map_err(because("socketpair"))?;
    let mut outcome = Outcome { before: tree::snapshot()?, ..Outcome::default() };
    let Some(inner) = clone_inner()? else {
        drop((collected, says_go, failure, listens));
        start::inner(spec, &sources.groups, ends, go, says_failure, speaks.into())
    };
    drop((ends, go, says_failure, speaks));
    // Started here, since a process that creates namespaces must have one thread.
    let answers = spec.faults.clone().map(|faults| std::thread::spawn(move || answers::serve(&listens, &faults)));
    let tracer = if spec.trace { Some(trace::attach(inner)?) } else { None };
    File::from(says_go).write_all(b"go").map_err(because("the inner process"))?;
    let mut broken = String::new();
    // The exec of /init closes the other end, so this waits only for the set-up.
    File::from(failure).read_to_string(&mut broken).map_err(because("the inner process"))?;
    let started = Instant::now();
    let race = race::Race::start(&spec.races);
    if let (Some(stop), true) = (&spec.stop, broken.is_empty()) {
        streams::interrupt(stop, inner, spec.pid_one)?;
    }
    outcome.timed_out = !collected.wait(inner, deadline)?;
    if outcome.timed_out {
        kill(inner, Signal::SIGKILL).map_err(because("kill"))?;
    }
    (outcome.code, outcome.signal) = ended(inner)?;
    outcome.took_ms = u64::try_from(started.elapsed().as_millis()).unwrap();
    outcome.rounds = race.finish();
    outcome.trace = tracer.map(trace::Tracer::finish).transpose()?.unwrap_or_default();
    if let Some(answers) = answers {
        let answers = answers.join().map_err(|_| "the listener panicked")??;
        (outcome.calls, outcome.answered, outcome.moved) = (answers.calls, answers.answered, answers.moved);
    }
    (outcome.stdout, outcome.stderr) = collected.finish(spec)?;
    outcome.after = tree::snapshot()?;
    if !broken.is_empty() {
        let place =
            if broken.starts_with(answers::UNAVAILABLE) { &mut outcome.unavailable } else { &mut outcome.broken };
        *place = Some(broken);
    }
    Ok(outcome)
}

/// `fork(2)` into a new PID namespace with a copy of the mounts. Returns None in the child.
///
/// Not `unshare(2)`: it would also put later children, such as the tracer, into the namespace.
fn clone_inner() -> Try<Option<Pid>> {
    let flags = libc::CLONE_NEWPID | libc::CLONE_NEWNS | libc::SIGCHLD;
    // SAFETY: without CLONE_VM and with a null stack this is fork(2), in a process with one thread.
    let answer = unsafe { libc::syscall(libc::SYS_clone, flags, 0_usize, 0_usize, 0_usize, 0_usize) };
    match Errno::result(answer).map_err(because("clone"))? {
        0 => Ok(None),
        pid => Ok(Some(Pid::from_raw(i32::try_from(pid).unwrap()))),
    }
}

/// The status of a child. Not from nix, which does not know real-time signals.
pub fn ended(child: Pid) -> Try<(Option<i32>, Option<i32>)> {
    let pid = rustix::process::Pid::from_raw(child.as_raw());
    let (_, status) = rustix::process::waitpid(pid, rustix::process::WaitOptions::empty())
        .map_err(because("waitpid"))?
        .ok_or("waitpid: nothing")?;
    Ok((status.exit_status(), status.terminating_signal()))
}

/// Duplicates a descriptor to a given number, without close-on-exec.
pub fn duplicate_to(descriptor: &impl AsRawFd, number: i32) -> Try<()> {
    if descriptor.as_raw_fd() == number {
        // SAFETY: takes only integers.
        return Errno::result(unsafe { libc::fcntl(number, libc::F_SETFD, 0) }).map(drop).map_err(because("fcntl"));
    }
    // SAFETY: a descriptor with this number is closed; callers only choose numbers that have no owner here.
    Errno::result(unsafe { libc::dup2(descriptor.as_raw_fd(), number) }).map(drop).map_err(because("dup2"))
}

/// Moves a descriptor to a number that a test does not use.
pub fn move_up(descriptor: OwnedFd) -> Try<OwnedFd> {
    // SAFETY: takes only integers; the new descriptor has no other owner.
    let number = Errno::result(unsafe { libc::fcntl(descriptor.as_fd().as_raw_fd(), libc::F_DUPFD_CLOEXEC, 700) })
        .map_err(because("fcntl"))?;
    // SAFETY: as above.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Sets a mode independently of the umask.
pub fn set_mode(path: &str, mode: u32) -> Try<()> {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).map_err(because(format!("chmod of {path}")))
}
