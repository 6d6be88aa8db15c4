//! Answers system calls of `/init` in place of the kernel, or lets the kernel execute them: `seccomp_unotify(2)`.
//!
//! A plain filter decides by number and arguments and cannot count calls; a listener can. A process that executes
//! another program is ignored from then on: that is the app, whose calls are not under test.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;

use libc::{SECCOMP_RET_ALLOW, SECCOMP_RET_USER_NOTIF, seccomp_notif, seccomp_notif_resp, sock_filter};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::{Try, because, frozen, lies};
use crate::protocol::{Answer, Call, Fault, Faults};

/// The error where user notification is unavailable: Linux before 5.5, or an outer container has a listener.
pub const UNAVAILABLE: &str = "a filter of system calls with a listener";

/// What the listener did.
#[derive(Default)]
pub struct Answers {
    /// The observed calls, in order.
    pub calls: Vec<Call>,
    /// How many calls it answered itself.
    pub answered: usize,
    /// How many moves of the app were allowed while `/init` was held.
    pub moved: usize,
}

/// Installs the filter on the calling process and sends its listener to the keeper. The filter never reports
/// `sendmsg(2)`, which sends the listener.
pub fn install(faults: &Faults, to: &OwnedFd) -> Try<()> {
    let code = |bits: u32| u16::try_from(bits).map_err(because("code"));
    let (load, equal, verdict) = (
        code(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS)?,
        code(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K)?,
        code(libc::BPF_RET | libc::BPF_K)?,
    );
    let op = |code, jt, jf, k| sock_filter { code, jt, jf, k };
    let mut program = vec![op(load, 0, 0, 0)];
    let mut unless = |number: i64, answer: u32| {
        let number = u32::try_from(number).map_err(because("number"))?;
        program.extend([op(equal, 0, 1, number), op(verdict, 0, 0, answer)]);
        Ok::<(), String>(())
    };
    unless(libc::SYS_sendmsg, SECCOMP_RET_ALLOW)?;
    // An exec starts or ends the observation of a process.
    unless(libc::SYS_execve, SECCOMP_RET_USER_NOTIF)?;
    faults.rules.iter().try_for_each(|rule| unless(rule.call, SECCOMP_RET_USER_NOTIF))?;
    program.push(op(verdict, 0, 0, if faults.record { SECCOMP_RET_USER_NOTIF } else { SECCOMP_RET_ALLOW }));
    let header = libc::sock_fprog {
        len: u16::try_from(program.len()).map_err(because("length"))?,
        filter: program.as_mut_ptr(),
    };
    with_message(|message, descriptor| {
        // SAFETY: the header points to a live program of the given length, and the kernel copies both.
        let listener = unsafe {
            libc::syscall(
                libc::SYS_seccomp,
                libc::SECCOMP_SET_MODE_FILTER,
                libc::SECCOMP_FILTER_FLAG_NEW_LISTENER,
                &raw const header,
            )
        };
        let number =
            i32::try_from(Errno::result(listener).map_err(because(UNAVAILABLE))?).map_err(because("descriptor"))?;
        // SAFETY: points into the control data of the message.
        unsafe { descriptor.write(number) };
        // No system call may happen here, not even for memory: nobody listens yet.
        // SAFETY: the message and everything it points to live until the end of this call.
        Errno::result(unsafe { libc::syscall(libc::SYS_sendmsg, to.as_raw_fd(), &raw const *message, 0) })
            .map_err(because("sendmsg"))
    })
    .map(drop)
}

/// A message of one byte and one descriptor, the latter within its control data: `cmsg(3)`, `SCM_RIGHTS` of `unix(7)`.
///
/// A pointer and not a reference to the descriptor: the kernel writes it during the call, and an optimising compiler
/// assumes that nothing else writes what a reference points to.
fn with_message<T>(act: impl FnOnce(&mut libc::msghdr, *mut i32) -> Try<T>) -> Try<T> {
    let mut byte = 0_u8;
    let mut data = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
    let mut control = [0_u64; 4];
    // SAFETY: all-zero is a message without address, data and control data; the aligned array is large enough for a
    // control header and the four bytes after it, which are aligned to their size.
    unsafe {
        let mut message: libc::msghdr = std::mem::zeroed();
        message.msg_iov = &raw mut data;
        message.msg_iovlen = 1;
        message.msg_control = control.as_mut_ptr().cast();
        message.msg_controllen = libc::CMSG_SPACE(4) as _;
        let header = libc::CMSG_FIRSTHDR(&raw const message);
        (*header).cmsg_level = libc::SOL_SOCKET;
        (*header).cmsg_type = libc::SCM_RIGHTS;
        (*header).cmsg_len = libc::CMSG_LEN(4) as _;
        act(&mut message, libc::CMSG_DATA(header).cast::<i32>())
    }
}

/// Listens until the last process with the filter has ended.
pub fn serve(from: &UnixStream, faults: &Faults) -> Try<Answers> {
    let listener = with_message(|message, descriptor| {
        // SAFETY: points into the control data of the message.
        unsafe { descriptor.write(-1) };
        // SAFETY: the message and everything it points to live until the end of this call.
        let length =
            unsafe { libc::syscall(libc::SYS_recvmsg, from.as_raw_fd(), &raw mut *message, libc::MSG_CMSG_CLOEXEC) };
        Errno::result(length).map_err(because("recvmsg"))?;
        // SAFETY: points into the control data of the message.
        let number = unsafe { descriptor.read() };
        // SAFETY: the kernel has just created this descriptor, which has no other owner.
        Ok((number >= 0).then(|| unsafe { OwnedFd::from_raw_fd(number) }))
    })?;
    let mut server = Server {
        faults,
        met: vec![0; faults.rules.len()],
        first: None,
        is_init: BTreeMap::new(),
        answers: Answers::default(),
    };
    if let Some(listener) = listener {
        server.listen(&listener)?;
    }
    Ok(server.answers)
}

struct Server<'a> {
    faults: &'a Faults,
    /// How often each rule matched.
    met: Vec<usize>,
    /// The process that became `/init`; the others are its children.
    first: Option<u32>,
    /// Whether a process still runs `/init`, until it executes another program.
    is_init: BTreeMap<u32, bool>,
    answers: Answers,
}

impl Server<'_> {
    fn listen(&mut self, listener: &OwnedFd) -> Try<()> {
        loop {
            let mut polled = [PollFd::new(std::os::fd::AsFd::as_fd(listener), PollFlags::POLLIN)];
            match poll(&mut polled, PollTimeout::NONE) {
                Ok(_) if polled[0].revents().is_some_and(|events| !events.contains(PollFlags::POLLIN)) => return Ok(()),
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(because("poll")(errno)),
            }
            // SAFETY: the kernel requires an all-zero structure, and fills it.
            let mut asked: seccomp_notif = unsafe { std::mem::zeroed() };
            // SAFETY: the request writes to a live structure with the right layout.
            match Errno::result(unsafe {
                libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_RECV, &raw mut asked)
            }) {
                Ok(_) => {}
                // The calling process was killed meanwhile.
                Err(Errno::ENOENT | Errno::EINTR) => continue,
                Err(errno) => return Err(because("the filter's listener")(errno)),
            }
            let mut response = seccomp_notif_resp { id: asked.id, val: 0, error: 0, flags: 0 };
            match self.answer(&asked) {
                Some(Ok(value)) => response.val = value,
                Some(Err(errno)) => response.error = -errno,
                None => {
                    response.flags = u32::try_from(libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE).map_err(because("flag"))?
                }
            }
            // SAFETY: the request reads a live structure with the right layout. ENOENT: the caller was killed
            // meanwhile.
            unsafe { libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SEND, &raw mut response) };
        }
    }

    /// The value or errno of the answer; None lets the kernel execute the call.
    fn answer(&mut self, asked: &seccomp_notif) -> Option<Result<i64, i32>> {
        let number = i64::from(asked.data.nr);
        // The first reported call is the exec of /init.
        let child = *self.first.get_or_insert(asked.pid) != asked.pid;
        let is_init = match self.is_init.get(&asked.pid) {
            Some(known) => *known,
            None => {
                let program = fs::read_link(format!("/proc/{}/exe", asked.pid)).unwrap_or_default();
                let is_init = program.file_name().is_some_and(|name| name == "init");
                self.is_init.insert(asked.pid, is_init);
                is_init
            }
        };
        if number == libc::SYS_execve {
            // Decided again at its next call.
            self.is_init.remove(&asked.pid);
        }
        if !is_init {
            return None;
        }
        // Arguments are compared by their low 32 bits, as in a seccomp filter.
        let arguments = asked.data.args.map(|argument| (argument & 0xffff_ffff) as u32);
        if let Some(frozen) = self.faults.frozen.as_ref().filter(|frozen| frozen.before == self.answers.calls.len()) {
            self.answers.moved += frozen::act(&frozen.moves);
        }
        if self.faults.record {
            self.answers.calls.push(Call { child, number, argument: arguments[0] });
        }
        for (rule, met) in self.faults.rules.iter().zip(&mut self.met) {
            if (rule.child, rule.call) != (child, number)
                || !arguments.starts_with(&rule.arguments)
                || !lies::are_about(rule, asked)
            {
                continue;
            }
            *met += 1;
            if rule.nth.is_none_or(|nth| *met == nth + 1) {
                self.answers.answered += 1;
                return Some(carry_out(rule, asked));
            }
        }
        None
    }
}

fn carry_out(rule: &Fault, asked: &seccomp_notif) -> Result<i64, i32> {
    match rule.answer {
        Answer::Errno(errno) => Err(errno),
        Answer::Done => Ok(0),
        Answer::Value(value) => Ok(value),
        // The test sees a failed write of a fake answer as an error.
        Answer::Lie | Answer::Unprinted { .. } => lies::tell(asked, rule.answer).map_err(|_| libc::EFAULT),
    }
}

/// The memory of a process.
pub fn memory(pid: u32) -> std::io::Result<File> {
    File::options().read(true).write(true).open(format!("/proc/{pid}/mem"))
}
