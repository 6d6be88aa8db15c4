//! Refuses new namespaces, by a seccomp filter.
//!
//! In its own user namespace the app would have every capability, and access to kernel code that is closed to it
//! otherwise. The filter checks four calls and follows no pointer: it refuses `clone` and `unshare` by their flags,
//! every `setns`, and `clone3`, whose flags it cannot read, with ENOSYS, so that C libraries fall back to `clone`.
//! 32-bit calls have their own numbers.

use libc::sock_filter;
use nix::errno::Errno;

use super::Sealed;
use crate::error::{Error, Result};
use crate::sys;

/// How the kernel numbers the calls for one kind of program.
struct Machine {
    /// `AUDIT_ARCH_…` of `linux/audit.h`.
    name: u32,
    clone: u32,
    unshare: u32,
    setns: u32,
    clone3: u32,
}

#[cfg(target_arch = "x86_64")]
const MACHINES: [Machine; 2] = [
    Machine { name: 0xc000_003e, clone: 56, unshare: 272, setns: 308, clone3: 435 },
    // i386
    Machine { name: 0x4000_0003, clone: 120, unshare: 310, setns: 346, clone3: 435 },
];

#[cfg(target_arch = "aarch64")]
const MACHINES: [Machine; 2] = [
    Machine { name: 0xc000_00b7, clone: 220, unshare: 97, setns: 268, clone3: 435 },
    // 32-bit ARM
    Machine { name: 0x4000_0028, clone: 120, unshare: 337, setns: 375, clone3: 435 },
];

#[cfg(target_arch = "riscv64")]
const MACHINES: [Machine; 2] = [
    Machine { name: 0xc000_00f3, clone: 220, unshare: 97, setns: 268, clone3: 435 },
    // 32-bit RISC-V
    Machine { name: 0x4000_00f3, clone: 220, unshare: 97, setns: 268, clone3: 435 },
];

// Little-endian kernels run no 32-bit programs.
#[cfg(target_arch = "powerpc64")]
const MACHINES: [Machine; 1] = [Machine { name: 0xc000_0015, clone: 120, unshare: 282, setns: 350, clone3: 435 }];

/// x32 has the number of the machine and this bit in that of each call.
const WITHOUT_X32: u32 = !0x4000_0000;

/// The flags of `clone(2)` that create a namespace.
const NAMESPACES: u32 = 0x7e02_0000;

/// Flags of `unshare(2)` without a namespace: `CLONE_VM`, `CLONE_FS`, `CLONE_FILES`, `CLONE_SIGHAND`, `CLONE_THREAD`,
/// `CLONE_SYSVSEM`. Flags of newer kernels are refused.
const SHARED: u32 = 0x0005_0f00;

/// Offsets in `seccomp_data`. Flags are the low half of the first argument, on a little-endian machine.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;
const FLAGS: u32 = 16;

const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;
const REFUSE: u32 = libc::SECCOMP_RET_ERRNO | libc::EPERM.cast_unsigned();
const UNKNOWN: u32 = libc::SECCOMP_RET_ERRNO | libc::ENOSYS.cast_unsigned();

/// Installs the filter, and proves it.
pub(super) fn refuse(sealed: &mut Sealed) -> Result<()> {
    sys::add_filter(&filter()).map_err(|errno| Error::SealUnavailable {
        what: "namespaces",
        call: "seccomp",
        errno,
    })?;
    prove()?;
    sealed.holds.push("no new namespace (seccomp); unshare, clone, setns and clone3 were tried and refused".into());
    Ok(())
}

/// Tries each of the four calls. But for `unshare`, with arguments that the kernel itself refuses with another answer.
fn prove() -> Result<()> {
    let refused = [Errno::EPERM, Errno::EPERM, Errno::EPERM, Errno::ENOSYS];
    for ((call, answer), wanted) in sys::try_namespaces().into_iter().zip(refused) {
        if answer != Err(wanted) {
            return Err(Error::SealNotProved { what: format!("{call} ends with {answer:?} instead of {wanted:?}") });
        }
    }
    Ok(())
}

fn filter() -> Vec<sock_filter> {
    let mut program = vec![load(ARCHITECTURE)];
    program.extend(MACHINES.iter().flat_map(block));
    program.push(answer(REFUSE));
    program
}

/// The instructions for the programs of one machine; other machines jump to the next block.
fn block(machine: &Machine) -> [sock_filter; 14] {
    [
        if_equal(machine.name, 0, 13),
        load(NUMBER),
        sock_filter { code: code(libc::BPF_ALU | libc::BPF_AND | libc::BPF_K), jt: 0, jf: 0, k: WITHOUT_X32 },
        if_equal(machine.clone, 3, 0),
        if_equal(machine.unshare, 4, 0),
        if_equal(machine.setns, 6, 0),
        if_equal(machine.clone3, 6, 4),
        // clone
        load(FLAGS),
        if_any(NAMESPACES, 3, 2),
        // unshare
        load(FLAGS),
        if_any(!SHARED, 1, 0),
        answer(ALLOW),
        answer(REFUSE),
        answer(UNKNOWN),
    ]
}

fn code(bits: u32) -> u16 {
    u16::try_from(bits).unwrap_or(0)
}

fn load(offset: u32) -> sock_filter {
    sock_filter { code: code(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS), jt: 0, jf: 0, k: offset }
}

fn if_equal(value: u32, yes: u8, no: u8) -> sock_filter {
    sock_filter { code: code(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K), jt: yes, jf: no, k: value }
}

fn if_any(bits: u32, yes: u8, no: u8) -> sock_filter {
    sock_filter { code: code(libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K), jt: yes, jf: no, k: bits }
}

fn answer(action: u32) -> sock_filter {
    sock_filter { code: code(libc::BPF_RET | libc::BPF_K), jt: 0, jf: 0, k: action }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the filter as the kernel would: `seccomp(2)`.
    fn decide(architecture: u32, number: u32, flags: u64) -> u32 {
        let program = filter();
        let (mut at, mut held) = (0_usize, 0_u32);
        loop {
            let sock_filter { code, jt, jf, k } = program[at];
            at += 1;
            let jump = |yes: bool| usize::from(if yes { jt } else { jf });
            match code {
                0x20 => {
                    held = match k {
                        0 => number,
                        4 => architecture,
                        16 => u32::try_from(flags & 0xffff_ffff).unwrap(),
                        _ => panic!("offset {k}"),
                    }
                }
                0x54 => held &= k,
                0x15 => at += jump(held == k),
                0x45 => at += jump(held & k != 0),
                0x06 => return k,
                _ => panic!("code {code:#x}"),
            }
        }
    }

    #[test]
    fn namespaces_are_refused_and_everything_else_is_allowed() {
        for machine in &MACHINES {
            let of = |number, flags| decide(machine.name, number, flags);
            for flag in [0x2_0000, 0x200_0000, 0x400_0000, 0x800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000_u64] {
                for call in [machine.clone, machine.unshare] {
                    assert_eq!(of(call, flag), REFUSE, "{call} {flag:#x}");
                    assert_eq!(of(call, flag | 0x200), REFUSE, "{call} {flag:#x}");
                }
            }
            // CLONE_NEWTIME is the exit signal's bit in clone(2).
            assert_eq!((of(machine.unshare, 0x80), of(machine.clone, 0x80)), (REFUSE, ALLOW));
            // A thread and a process of a C library, and what it unshares.
            for (call, flags) in [(machine.clone, 0x3d_0f00), (machine.clone, 0x120_0011), (machine.unshare, 0x400)] {
                assert_eq!(of(call, flags), ALLOW, "{call} {flags:#x}");
            }
            assert_eq!((of(machine.setns, 0), of(machine.clone3, 0)), (REFUSE, UNKNOWN));
            for number in (0..=500).chain([u32::MAX]) {
                if ![machine.clone, machine.unshare, machine.setns, machine.clone3].contains(&number) {
                    assert_eq!(of(number, u64::MAX), ALLOW, "{number}");
                }
            }
        }
    }

    #[test]
    fn x32_calls_and_unknown_machines_are_refused_too() {
        let Machine { name, clone, unshare, setns, clone3 } = MACHINES[0];
        let x32 = |number: u32, flags| decide(name, number | 0x4000_0000, flags);
        assert_eq!([x32(clone, 0x1000_0000), x32(unshare, 0x1000_0000), x32(setns, 0)], [REFUSE; 3]);
        assert_eq!((x32(clone3, 0), x32(clone, 0x11)), (UNKNOWN, ALLOW));
        assert_eq!(decide(0x8000_0016, 1, 0), REFUSE);
    }

    #[test]
    fn numbers_of_this_machine_are_the_kernels() {
        let Machine { clone, unshare, setns, clone3, .. } = MACHINES[0];
        let numbers = [libc::SYS_clone, libc::SYS_unshare, libc::SYS_setns, libc::SYS_clone3];
        assert_eq!([clone, unshare, setns, clone3].map(i64::from), numbers.map(i64::from));
    }
}
