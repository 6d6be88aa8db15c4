//! The app tries every known way to regain privilege, and all of them fail.

use crate::support::capability::{CHOWN, FOUR, SETUID};
use crate::support::protocol::{Content, Kind, Node, Stream};
use crate::support::sandbox::{Sandbox, node, sandbox};

const CALLS: [&str; 10] = [
    "setuid0",
    "setgid0",
    "setgroups0",
    "capset",
    "ambient",
    "securebits0",
    "bounding",
    "mount",
    "chroot",
    "chown0=/tmp",
];

fn try_all(sandbox: &Sandbox, words: &[&str], refusals: &[&str]) {
    let app = sandbox.clone().words(["witness"].iter().chain(words)).run().app();
    for word in words {
        assert!(refusals.contains(&app.attempt(word)), "{word}: {}", app.attempt(word));
    }
}

#[test]
fn no_system_call_regains_root() {
    // The root file system is writable, so that it is not the cause of the refusal.
    let writable = sandbox().with(|spec| spec.read_only = false);
    try_all(&writable, &CALLS, &["EPERM"]);
    try_all(&writable.clone().with(|spec| spec.pid_one = false), &CALLS, &["EPERM"]);
    try_all(&writable.user(1001, 1001, FOUR), &CALLS, &["EPERM"]);
}

/// Copies of the witness that would give privilege to whoever executes them.
fn traps() -> Sandbox {
    let witness =
        |path: &str, owner, mode| Node { owner, mode: Some(mode), ..node(path, Kind::File(Content::Witness)) };
    sandbox().with(|spec| {
        spec.tree.push(witness("/bin/setuid", (0, 0), 0o4755));
        spec.tree.push(witness("/bin/setuid-app", (1002, 1002), 0o4755));
        spec.tree.push(witness("/bin/setgid", (0, 0), 0o2755));
        spec.tree
            .push(Node { capabilities: Some((SETUID | CHOWN, false)), ..witness("/bin/permitted", (0, 0), 0o755) });
        spec.tree.push(Node { capabilities: Some((SETUID | CHOWN, true)), ..witness("/bin/effective", (0, 0), 0o755) });
    })
}

fn runs_without_gain(sandbox: &Sandbox, paths: &[&str]) {
    for path in paths {
        let run = sandbox.clone().words(["witness".to_owned(), format!("run={path}")]).run();
        let app = run.app();
        assert_eq!(app.attempt(&format!("run={path}")), "exit status: 0", "{path}");
        let child = run.child();
        child.is("Uid", "1001 1001 1001 1001");
        child.is("Gid", "1001 1001 1001 1001");
        child.is("Groups", "1001");
        assert_eq!(child.sets()[..3], [0; 3], "{path}");
        assert_eq!(child.sets()[4], 0, "{path}");
    }
}

// The whole class of escalation by files: CVE-2022-2989 needed such a file to matter.
#[test]
fn set_user_id_set_group_id_and_file_capabilities_give_nothing() {
    runs_without_gain(&traps(), &["/bin/setuid", "/bin/setuid-app", "/bin/setgid", "/bin/permitted"]);
    let app = traps().words(["witness", "run=/bin/effective"]).run().app();
    assert_eq!(app.attempt("run=/bin/effective"), "EPERM");
}

#[test]
fn set_id_programs_give_nothing_to_a_non_root_start_without_setpcap() {
    let start = traps().user(1001, 1001, 0).with(|spec| spec.start.bounding = FOUR);
    runs_without_gain(&start, &["/bin/setuid", "/bin/setuid-app", "/bin/setgid", "/bin/permitted", "/bin/effective"]);
}

#[test]
fn a_program_that_an_empty_bounding_set_forbids_is_explained() {
    traps()
        .words(["/bin/effective"])
        .run()
        .refused_late(126, &["/bin/effective", "file capabilities", "keep_capabilities"]);
}

// CVE-2019-5736: the runtime's binary, overwritten through /proc.
#[test]
fn the_app_can_write_neither_to_init_nor_to_what_pid_1_runs() {
    let words = ["write=/init", "write=/proc/1/exe", "write=/proc/self/exe"];
    // ETXTBSY and EACCES both mean refused; which one depends on whether the root is writable.
    let writable = sandbox().with(|spec| spec.read_only = false);
    try_all(&writable, &words, &["EACCES", "ETXTBSY"]);
    try_all(
        &writable.with(|spec| spec.pid_one = false),
        &["write=/init", "write=/proc/1/exe", "memory=1", "read=/proc/1/environ"],
        &["EACCES", "EPERM"],
    );
}

#[test]
fn the_app_cannot_trace_an_init_above_it() {
    try_all(&sandbox().with(|spec| spec.pid_one = false), &["ptrace=1"], &["EPERM"]);
}

#[test]
fn a_supervising_init_is_dropped_like_the_app() {
    for base in [sandbox(), sandbox().user(1001, 1001, FOUR)] {
        let run = base.words(["--supervise", "witness", "status=1"]).run();
        let app = run.app();
        app.is_dropped_to(1001, 1001, "1001");
        let none = "0000000000000000";
        let dropped = format!(
            "Uid: 1001 1001 1001 1001, Gid: 1001 1001 1001 1001, Groups: 1001, \
             CapInh: {none}, CapPrm: {none}, CapEff: {none}, CapBnd: {none}, CapAmb: {none}, NoNewPrivs: 1"
        );
        assert_eq!(app.attempt("status=1"), dropped);
    }
}

// CVE-2016-2779, CVE-2017-5226: characters pushed into the terminal of a privileged process. No privileged process is
// left on it: the process that was root on this terminal has become the app.
#[test]
fn no_privileged_process_keeps_the_terminal() {
    let app = sandbox()
        .with(|spec| spec.streams = [Stream::Terminal, Stream::Terminal, Stream::Terminal])
        .words(["witness", "tiocsti"])
        .run()
        .app();
    app.is("Pid", "1");
    app.is_dropped_to(1001, 1001, "1001");
    assert!(["EIO", "EPERM", "ENOTTY"].contains(&app.attempt("tiocsti")));
}
