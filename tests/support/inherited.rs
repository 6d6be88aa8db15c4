//! State of a process beside its credentials that an exec keeps or resets: an odd value for each, and what is left.
//!
//! `execve(2)` lists what it resets; everything else here belongs to the process that executes `/init`.

use libc::c_long;

/// What a starter leaves.
const SLACK: u64 = 123_456;
/// `ADDR_NO_RANDOMIZE`. The kernel clears `READ_IMPLIES_EXEC` for 64-bit programs.
const PERSONALITY: u64 = 0x0004_0000;
const NICE: i32 = 5;
const IDLE_IO: c_long = 3 << 13;

fn call(number: c_long, arguments: [c_long; 4]) -> c_long {
    let [a, b, c, d] = arguments;
    // SAFETY: each caller passes integers, or addresses of live structures that outlive the call.
    unsafe { libc::syscall(number, a, b, c, d) }
}

fn address<T>(thing: &mut T) -> c_long {
    std::ptr::from_mut(thing).expose_provenance() as c_long
}

/// Sets all of it. A value that the machine refuses is missing in [`left`], where the test sees it.
pub fn leave() {
    call(libc::SYS_prctl, [libc::PR_SET_TIMERSLACK.into(), SLACK as c_long, 0, 0]);
    call(libc::SYS_prctl, [libc::PR_SET_PDEATHSIG.into(), libc::SIGUSR1.into(), 0, 0]);
    call(libc::SYS_prctl, [libc::PR_SET_CHILD_SUBREAPER.into(), 1, 0, 0]);
    call(libc::SYS_personality, [PERSONALITY as c_long, 0, 0, 0]);
    call(libc::SYS_setpriority, [0, 0, NICE.into(), 0]);
    call(libc::SYS_sched_setscheduler, [0, libc::SCHED_BATCH.into(), address(&mut 0_i32), 0]);
    call(libc::SYS_ioprio_set, [1, 0, IDLE_IO, 0]);
    let _ = std::fs::write("/proc/self/oom_score_adj", "500");
    let mut hour = [0_u64, 0, 3600, 0];
    call(libc::SYS_setitimer, [libc::ITIMER_REAL.into(), address(&mut hour), 0, 0]);
    // A timer of its own, which never fires, without a signal.
    let mut event = [0_u64; 8];
    event[1] = 1 << 32;
    call(libc::SYS_timer_create, [0, address(&mut event), address(&mut 0_i32), 0]);
    let mut list = [0_u64; 3];
    call(libc::SYS_set_robust_list, [address(&mut list), size_of_val(&list) as c_long, 0, 0]);
    let stack = Box::leak(vec![0_u8; 1 << 16].into_boxed_slice());
    let mut stack = [std::ptr::from_mut(stack).expose_provenance() as u64, 0, 1 << 16];
    call(libc::SYS_sigaltstack, [address(&mut stack), 0, 0, 0]);
    // SAFETY: sends a blocked signal to this process.
    unsafe { libc::kill(libc::getpid(), libc::SIGUSR2) };
}

/// What an exec left of it.
pub fn left() -> String {
    let prctl = |option: i32| {
        let mut value = 0_i32;
        call(libc::SYS_prctl, [option.into(), address(&mut value), 0, 0]);
        value
    };
    let (mut remaining, mut stack, mut head, mut length) = ([0_u64; 4], [0_u64; 3], 0_u64, 0_u64);
    call(libc::SYS_getitimer, [libc::ITIMER_REAL.into(), address(&mut remaining), 0, 0]);
    call(libc::SYS_sigaltstack, [0, address(&mut stack), 0, 0]);
    call(libc::SYS_get_robust_list, [0, address(&mut head), address(&mut length), 0]);
    let timer = call(libc::SYS_timer_gettime, [0, address(&mut [0_u64; 4]), 0, 0]) == 0;
    let adjustment = std::fs::read_to_string("/proc/self/oom_score_adj").unwrap_or_default();
    [
        ("timer slack", call(libc::SYS_prctl, [libc::PR_GET_TIMERSLACK.into(), 0, 0, 0])),
        ("signal at the parent's death", prctl(libc::PR_GET_PDEATHSIG).into()),
        ("subreaper", prctl(libc::PR_GET_CHILD_SUBREAPER).into()),
        ("personality", call(libc::SYS_personality, [0xffff_ffff, 0, 0, 0])),
        // The system call returns 20 minus the priority.
        ("priority", 20 - call(libc::SYS_getpriority, [0, 0, 0, 0])),
        ("scheduling", call(libc::SYS_sched_getscheduler, [0, 0, 0, 0])),
        ("priority of input and output", call(libc::SYS_ioprio_get, [1, 0, 0, 0]) >> 13),
        ("OOM score", adjustment.trim().parse().unwrap_or(-1)),
        ("interval timer", (remaining[2] > 0).into()),
        ("timer", timer.into()),
        ("robust list", (head != 0).into()),
        ("alternate signal stack", (stack[0] != 0).into()),
    ]
    .map(|(what, value)| format!("{what} {value}"))
    .join(", ")
}
