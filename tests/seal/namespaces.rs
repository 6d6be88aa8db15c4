//! Every way to a new namespace is refused: by each flag, by other numbers of the calls, by a filter or tracer of the
//! app.

use crate::support::cases;
use crate::{container, ends, sealed, trying};

/// `CLONE_NEWNS`, `CLONE_NEWCGROUP`, `CLONE_NEWUTS`, `CLONE_NEWIPC`, `CLONE_NEWUSER`, `CLONE_NEWPID`, `CLONE_NEWNET`.
const FLAGS: [&str; 7] = ["0x20000", "0x2000000", "0x4000000", "0x8000000", "0x10000000", "0x20000000", "0x40000000"];

#[test]
fn every_namespace_is_refused_by_every_call() {
    let mut expected = Vec::new();
    for flag in FLAGS {
        for verb in ["unshare", "clone", "thread=unshare", "forked=unshare"] {
            expected.push((format!("{verb}={flag}"), "EPERM"));
        }
        expected.push((format!("clone3={flag}"), "ENOSYS"));
    }
    // CLONE_NEWTIME, and a user namespace with others, as bubblewrap creates it.
    for flags in ["0x80", "0x7e020000"] {
        expected.push((format!("unshare={flags}"), "EPERM"));
    }
    for kind in ["user", "mnt", "pid", "net", "uts", "ipc", "cgroup"] {
        expected.push((format!("setns=/proc/self/ns/{kind}"), "EPERM"));
    }
    let expected: Vec<(&str, &str)> = expected.iter().map(|(attempt, end)| (attempt.as_str(), *end)).collect();
    ends(&sealed(expected.iter().map(|(attempt, _)| *attempt)), &expected);
    // It is the seal that refuses: without it there is a user namespace.
    let free = ["clone=0x10000000", "clone3=0x10000000", "unshare=0x10000000"];
    ends(&trying(&container(""), free), &free.map(|attempt| (attempt, "ok")));
    cases("namespaces", expected.len());
}

#[test]
fn children_and_threads_are_not_restricted() {
    let attempts =
        ["clone=0", "unshare=0x400", "unshare=0x200", "unshare=0x40000", "thread=memory-file", "forked=memory-file"];
    ends(&sealed(attempts), &attempts.map(|attempt| (attempt, "ok")));
}

// x32 sets a bit in each number, and 32-bit programs use other numbers. A kernel may support neither.
#[cfg(target_arch = "x86_64")]
#[test]
fn other_numbers_of_the_same_calls_are_refused() {
    let refused = [
        ("call=0x40000038:0x10000011", "EPERM"),
        ("call=0x40000110:0x10000000", "EPERM"),
        ("call=0x40000134:0", "EPERM"),
        ("call=0x400001b3:0", "ENOSYS"),
    ];
    ends(&sealed(refused.map(|(attempt, _)| attempt)), &refused);
    let compatible = [
        ("i386=120:0x10000011", "EPERM"),
        ("i386=310:0x10000000", "EPERM"),
        ("i386=346:0", "EPERM"),
        ("i386=435:0", "ENOSYS"),
    ];
    let run = sealed(compatible.map(|(attempt, _)| attempt));
    let app = run.app();
    for (attempt, end) in compatible {
        // int 0x80 raises SIGSEGV if the kernel has no 32-bit calls.
        let held = [end, "signal 11"].contains(&app.attempt(attempt));
        run.check(held, &format!("{end} for {attempt}, not {}", app.attempt(attempt)));
    }
}

// The strictest filter decides, regardless of later ones.
#[test]
fn a_filter_of_the_app_cannot_loosen_the_seal() {
    ends(&sealed(["own-filter=unshare=0x10000000"]), &[("own-filter=unshare=0x10000000", "EPERM")]);
}

// The kernel runs the filters after the tracer.
#[cfg(target_arch = "x86_64")]
#[test]
fn a_tracer_that_changes_the_call_gets_no_namespace() {
    let attempts = ["renumber=272:0x10000000", "renumber=56:0x10000011"];
    ends(&sealed(attempts), &attempts.map(|attempt| (attempt, "EPERM")));
    ends(&trying(&container(""), attempts), &attempts.map(|attempt| (attempt, "ok")));
}

#[test]
fn writes_are_not_restricted_if_only_namespaces_are_sealed() {
    let run = trying(&container("namespaces = false"), ["create=/tmp/new", "unshare=0x10000000"]);
    ends(&run, &[("create=/tmp/new", "ok"), ("unshare=0x10000000", "EPERM")]);
}
