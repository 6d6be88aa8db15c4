//! For limits of the process and calls that the kernel refuses.

/// `EMFILE`, `ENFILE`.
pub(super) const OPEN_FILES: &str = "allow more open files (--ulimit nofile=1024)";
pub(super) const PROCESSES: &str = "allow more processes (--pids-limit, --ulimit nproc)";
pub(super) const MEMORY: &str = "give the container more memory (--memory)";
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
