//! gVisor's kernels as rules for answers to `/init`: their status lines, and their missing calls.

use libc::{EINVAL, EPERM, PR_CAP_AMBIENT, PR_GET_SECUREBITS, PR_SET_SECUREBITS, SYS_prctl, SYS_read};

use super::protocol::{Answer, Fault};

fn rule(call: i64, arguments: &[i32], nth: Option<usize>, answer: Answer) -> Fault {
    let arguments = arguments.iter().map(|argument| argument.unsigned_abs()).collect();
    Fault { child: false, call, arguments, nth, answer }
}

/// A status without `NoNewPrivs` and, if `ambient` is false, without `CapAmb`.
pub fn unprinted(ambient: bool) -> Fault {
    rule(SYS_read, &[], None, Answer::Unprinted { ambient })
}

/// A `prctl(2)` operation that the kernel lacks.
pub fn unknown(option: i32) -> Fault {
    rule(SYS_prctl, &[option], None, Answer::Errno(EINVAL))
}

/// Releases before August 2026, such as Debian's 20240729: no securebits and no ambient set.
pub fn older() -> Vec<Fault> {
    vec![unprinted(true), unknown(PR_GET_SECUREBITS), unknown(PR_SET_SECUREBITS), unknown(PR_CAP_AMBIENT)]
}

/// Later releases: an ambient set, and `KEEP_CAPS` as the only securebit. They refuse even an unchanged value without
/// `CAP_SETPCAP`, which `/init` no longer has at its second attempt.
pub fn newer() -> Vec<Fault> {
    vec![
        unprinted(false),
        rule(SYS_prctl, &[PR_SET_SECUREBITS, 0], Some(0), Answer::Done),
        rule(SYS_prctl, &[PR_SET_SECUREBITS], None, Answer::Errno(EPERM)),
    ]
}
