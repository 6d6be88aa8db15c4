//! The clock without the vDSO: part of the binary only.
//!
//! The C library looks for the kernel's shared page at the first question: two page faults and a search of its symbols, some
//! ten microseconds. A boot asks three times, so each question is better a system call. `clock_gettime(2)`, `vdso(7)`.

#![allow(unsafe_code)]

use std::ffi::c_int;

/// Takes the place of the C library's.
#[unsafe(no_mangle)]
extern "C" fn clock_gettime(clock: libc::clockid_t, now: *mut libc::timespec) -> c_int {
    // SAFETY: what the caller passes goes to the kernel as it is; a bad pointer is its EFAULT.
    let answer = unsafe { libc::syscall(libc::SYS_clock_gettime, clock, now) };
    c_int::try_from(answer).unwrap_or(-1)
}
