//! Names of system calls for the output. A call without a name is also tested, and printed by its number.

/// Declares a table of names with their numbers on this architecture.
macro_rules! names {
    ($($name:ident)*) => { [$((libc::$name, stringify!($name)),)*] };
}

const COMMON: [(i64, &str); 69] = names! {
    SYS_read SYS_write SYS_close SYS_fstat SYS_lseek SYS_mmap SYS_mprotect SYS_munmap SYS_brk SYS_rt_sigaction
    SYS_rt_sigprocmask SYS_rt_sigpending
    SYS_rt_sigtimedwait SYS_rt_sigqueueinfo SYS_ioctl SYS_writev SYS_readv SYS_mremap SYS_madvise SYS_dup SYS_dup3
    SYS_getpid SYS_sendto SYS_socket
    SYS_connect SYS_clone SYS_execve SYS_wait4 SYS_waitid SYS_kill SYS_fcntl SYS_getdents64 SYS_getcwd SYS_chdir
    SYS_fchmod SYS_fchown SYS_umask
    SYS_prctl SYS_getxattr SYS_statfs SYS_fstatfs SYS_set_tid_address SYS_exit_group SYS_openat SYS_mkdirat
    SYS_fchownat SYS_newfstatat SYS_unlinkat
    SYS_readlinkat SYS_fchmodat SYS_faccessat SYS_ppoll SYS_pipe2 SYS_signalfd4 SYS_statx SYS_openat2 SYS_faccessat2
    SYS_close_range SYS_setpgid
    SYS_getpgid SYS_getppid SYS_clock_gettime SYS_getgroups SYS_setgroups SYS_getresuid SYS_setresuid SYS_getresgid
    SYS_setresgid SYS_capget
};

#[cfg(target_arch = "x86_64")]
const OLD: [(i64, &str); 14] = names! {
    SYS_open SYS_stat SYS_lstat SYS_access SYS_dup2 SYS_fork SYS_readlink SYS_mkdir SYS_rmdir SYS_unlink SYS_chmod
    SYS_arch_prctl SYS_poll SYS_pipe
};

#[cfg(not(target_arch = "x86_64"))]
const OLD: [(i64, &str); 0] = [];

/// The name of a call, or its number.
pub fn of(number: i64) -> String {
    let known =
        COMMON.iter().chain(&OLD).chain(&[(libc::SYS_capset, "SYS_capset")]).find(|(known, _)| *known == number);
    known.map_or_else(|| format!("call {number}"), |(_, name)| name.trim_start_matches("SYS_").to_owned())
}

/// The name of a call and its operation, for calls with several operations.
pub fn with_argument(number: i64, argument: u32) -> String {
    let operations = [
        (libc::PR_GET_DUMPABLE, "GET_DUMPABLE"),
        (libc::PR_SET_DUMPABLE, "SET_DUMPABLE"),
        (libc::PR_CAPBSET_READ, "CAPBSET_READ"),
        (libc::PR_CAPBSET_DROP, "CAPBSET_DROP"),
        (libc::PR_GET_SECUREBITS, "GET_SECUREBITS"),
        (libc::PR_SET_SECUREBITS, "SET_SECUREBITS"),
        (libc::PR_SET_NO_NEW_PRIVS, "SET_NO_NEW_PRIVS"),
        (libc::PR_GET_NO_NEW_PRIVS, "GET_NO_NEW_PRIVS"),
        (libc::PR_SET_CHILD_SUBREAPER, "SET_CHILD_SUBREAPER"),
        (libc::PR_CAP_AMBIENT, "CAP_AMBIENT"),
    ];
    let operation = operations.iter().find(|(known, _)| number == libc::SYS_prctl && known.unsigned_abs() == argument);
    operation.map_or_else(|| of(number), |(_, name)| format!("prctl({name})"))
}
