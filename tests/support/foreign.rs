//! System calls with other numbers: those of 32-bit programs, and those that a tracer substitutes.

#[cfg(not(target_arch = "x86_64"))]
use std::ffi::c_long;

/// A call with the number of i386 programs; other machines have none.
#[cfg(not(target_arch = "x86_64"))]
pub fn call(_number: c_long, _argument: c_long) -> String {
    "none".into()
}

/// As above.
#[cfg(not(target_arch = "x86_64"))]
pub fn renumbered(_number: c_long, _argument: c_long) -> String {
    "none".into()
}

#[cfg(target_arch = "x86_64")]
pub use x86_64::{call, renumbered};

#[cfg(target_arch = "x86_64")]
mod x86_64 {
    use std::ffi::c_long;

    use nix::errno::Errno;
    use nix::sys::ptrace;
    use nix::sys::signal::{Signal, raise};
    use nix::sys::wait::waitpid;
    use nix::unistd::{ForkResult, fork};

    use crate::attempts::by_nix;

    fn result(answer: i64) -> String {
        by_nix(if answer < 0 { Err(Errno::from_raw((-answer).try_into().unwrap())) } else { Ok(()) })
    }

    /// `int 0x80`. A kernel without 32-bit calls kills the process.
    pub fn call(number: c_long, argument: c_long) -> String {
        let mut answer = i32::try_from(number).unwrap();
        let argument = u32::try_from(argument & 0xffff_ffff).unwrap();
        // SAFETY: rbx is restored; the calls tried here take integers and null pointers.
        unsafe {
            std::arch::asm!(
                "push rbx", "mov ebx, {argument:e}", "xor ecx, ecx", "xor edx, edx", "xor esi, esi", "xor edi, edi",
                "int 0x80", "pop rbx",
                argument = in(reg) argument, inlateout("eax") answer,
                out("rcx") _, out("rdx") _, out("rsi") _, out("rdi") _,
                out("r8") _, out("r9") _, out("r10") _, out("r11") _,
            );
        }
        result(answer.into())
    }

    /// A child calls getppid, and its tracer replaces the call after the filter has checked it.
    pub fn renumbered(number: c_long, argument: c_long) -> String {
        // SAFETY: this program has one thread.
        match unsafe { fork() }.unwrap() {
            ForkResult::Child => {
                ptrace::traceme().unwrap();
                raise(Signal::SIGSTOP).unwrap();
                // SAFETY: has no arguments.
                unsafe { libc::syscall(libc::SYS_getppid) };
                // SAFETY: does not return.
                unsafe { libc::_exit(0) }
            }
            ForkResult::Parent { child } => {
                waitpid(child, None).unwrap();
                loop {
                    ptrace::syscall(child, None).unwrap();
                    waitpid(child, None).unwrap();
                    let mut registers = ptrace::getregs(child).unwrap();
                    if registers.orig_rax != libc::SYS_getppid as u64 {
                        continue;
                    }
                    registers.orig_rax = number.cast_unsigned();
                    registers.rdi = argument.cast_unsigned();
                    ptrace::setregs(child, registers).unwrap();
                    ptrace::syscall(child, None).unwrap();
                    waitpid(child, None).unwrap();
                    let answer = ptrace::getregs(child).unwrap().rax.cast_signed();
                    ptrace::kill(child).unwrap();
                    let _ = waitpid(child, None);
                    return result(answer);
                }
            }
        }
    }
}
