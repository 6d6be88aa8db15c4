//! For limits of the process and calls that the kernel refuses.

use nix::errno::Errno;

/// A limit of the process.
pub(crate) fn limit(errno: Errno) -> Option<&'static str> {
    match errno {
        Errno::EMFILE | Errno::ENFILE => Some("allow more open files (--ulimit nofile=1024)"),
        Errno::ENOMEM => Some("give the container more memory (--memory)"),
        _ => None,
    }
}

pub(super) const PROCESSES: &str = "allow more processes (--pids-limit, --ulimit nproc)";
/// The whole record, which is written without an allocation.
pub(crate) const NO_MEMORY: &str = "init: fatal: cannot allocate memory: mmap: Out of memory (ENOMEM); fix: give the \
    container more memory (--memory, --ulimit as)\n";
pub(super) const SIGNALS: &str = "let the seccomp profile allow rt_sigprocmask, rt_sigpending and rt_sigtimedwait";
/// Standard streams and inherited descriptors.
pub(super) const STREAMS: &str = "mount a /dev with /dev/null, and leave the standard streams open";
/// Standard output.
pub(super) const OUTPUT: &str = "keep standard output open, on a device with free space";
/// A child process cannot be started or waited for.
pub(super) const CHILD: &str = "let the seccomp profile allow the call";
