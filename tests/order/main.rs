//! The order of a boot's system calls, recorded with strace; and that nothing is changed before a refusal.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)]

#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use support::capability::{FOUR, SETPCAP};
use support::protocol::Kind;
use support::run::Run;
use support::sandbox::{Sandbox, sandbox};
use support::skip;

/// Calls that change something outside the process, or its credentials permanently.
const CHANGES: [&str; 31] = [
    "chown",
    "fchown",
    "lchown",
    "fchownat",
    "chmod",
    "fchmod",
    "fchmodat",
    "fchmodat2",
    "mkdir",
    "mkdirat",
    "mknod",
    "mknodat",
    "rename",
    "renameat",
    "renameat2",
    "link",
    "linkat",
    "symlink",
    "symlinkat",
    "unlink",
    "unlinkat",
    "setuid",
    "setgid",
    "setresuid",
    "setresgid",
    "setreuid",
    "setgroups",
    "capset",
    "mount",
    "umount2",
    "fork",
];

/// `prctl(2)` operations that do.
const SETTERS: [&str; 6] = [
    "PR_SET_",
    "PR_CAPBSET_DROP",
    "PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE",
    "PR_CAP_AMBIENT, PR_CAP_AMBIENT_LOWER",
    "PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR",
    "0x2f",
];

/// The system calls of `/init`, from its exec to the app's exec, which is the last one.
struct Trace {
    calls: Vec<String>,
    run: Run,
}

fn traced(sandbox: Sandbox) -> Trace {
    let strace = Command::new("strace").arg("-V").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !strace.is_ok_and(|status| status.success()) {
        skip("strace is not installed");
    }
    let run = sandbox.with(|spec| spec.trace = true).run();
    let calls: Vec<String> =
        run.outcome.trace.lines().skip_while(|line| !line.starts_with("execve(\"/init\"")).map(str::to_owned).collect();
    let app = calls.iter().skip(1).position(|line| line.starts_with("execve("));
    assert!(!calls.is_empty(), "no exec of /init in the trace\n{}\n{}", run.shown(), run.outcome.trace);
    let end = app.map_or(calls.len(), |position| position + 2);
    Trace { calls: calls[..end].to_vec(), run }
}

impl Trace {
    fn shown(&self) -> String {
        format!("{}\n{}", self.run.shown(), self.calls.join("\n"))
    }

    /// Where the first call is that begins like this.
    #[track_caller]
    fn first(&self, call: &str) -> usize {
        self.calls
            .iter()
            .position(|line| line.starts_with(call))
            .unwrap_or_else(|| panic!("no {call}\n{}", self.shown()))
    }

    #[track_caller]
    fn last(&self, call: &str) -> usize {
        self.calls
            .iter()
            .rposition(|line| line.starts_with(call))
            .unwrap_or_else(|| panic!("no {call}\n{}", self.shown()))
    }

    /// Each of these begins before the next one does.
    #[track_caller]
    fn in_order(&self, calls: &[&str]) {
        let places: Vec<usize> = calls.iter().map(|call| self.first(call)).collect();
        for (pair, names) in places.windows(2).zip(calls.windows(2)) {
            assert!(pair[0] < pair[1], "{} comes after {}\n{}", names[0], names[1], self.shown());
        }
    }

    /// The first call that changes something.
    fn first_change(&self) -> Option<&String> {
        self.calls.iter().find(|line| changes(line))
    }
}

fn changes(line: &str) -> bool {
    let (name, arguments) = line.split_once('(').unwrap_or((line, ""));
    let creates = name.starts_with("open") && (arguments.contains("O_CREAT") || arguments.contains("O_TRUNC"));
    CHANGES.contains(&name)
        || creates
        || (name == "prctl" && SETTERS.iter().any(|setter| arguments.starts_with(setter)))
}

const CONFIG: &str = "[[tmpfs]]\npath = '/cache'\nmode = '0700'\n[[directory]]\npath = '/cache/made'\n";

fn full() -> Sandbox {
    sandbox().tmpfs("/cache").config(CONFIG)
}

/// The same, with a group by name, for which there is one more file to read.
fn with_a_group() -> Sandbox {
    full().words(["--user", "1001:app", "witness"])
}

#[test]
fn stages_of_a_boot_are_in_order() {
    let trace = traced(with_a_group());
    trace.run.app().is_dropped_to(1001, 1001, "1001");
    trace.in_order(
        &[
            "rt_sigprocmask(SIG_SETMASK, ~[]",
            "getxattr(\"/proc/self/exe\"",
            "fcntl(0, F_GETFD",
            "close_range(3, 4294967295, CLOSE_RANGE_CLOEXEC",
            "openat(4, \"init.toml\"",
            "open(\"/proc/self/status\"",
            "openat(4, \"passwd\"",
            "openat(4, \"group\"",
            "stat(\"/bin/witness\"",
            "openat2(AT_FDCWD, \"/cache\"",
            "fchmod(",
            "fchownat(",
            "fchown(1, 1001",
            "fchown(2, 1001",
            "prctl(PR_SET_NO_NEW_PRIVS, 1",
            "prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL",
            "prctl(PR_CAPBSET_DROP, CAP_CHOWN",
            "prctl(PR_CAPBSET_DROP, CAP_SETPCAP",
            "prctl(PR_SET_SECUREBITS",
            "setgroups(1, [1001]",
            "setresgid(1001, 1001, 1001",
            "setresuid(1001, 1001, 1001",
            "capset({version=_LINUX_CAPABILITY_VERSION_3, pid=0}, {effective=0, permitted=0, inheritable=0}",
            "getresuid(",
            "getresgid(",
            "getgroups(",
            "capget(",
            "prctl(PR_GET_NO_NEW_PRIVS",
            "prctl(PR_GET_SECUREBITS",
            "setresuid(0, 0, 0) = -1 EPERM",
            "setresgid(0, 0, 0) = -1 EPERM",
            "setgroups(1, [0]) = -1 EPERM",
            "capset({version=_LINUX_CAPABILITY_VERSION_3, pid=0}, {effective=1<<CAP_SETUID|1<<CAP_SETPCAP",
            "mkdirat(AT_FDCWD, \"/cache/made\"",
            "getcwd(",
            "rt_sigpending(",
            "rt_sigprocmask(SIG_SETMASK, [], ~[KILL STOP]",
            "execve(\"/bin/witness\"",
        ]
        .map(normalised)
        .each_ref()
        .map(String::as_str),
    );
}

/// strace pads the result; the patterns here are written with one space.
fn normalised(pattern: &str) -> String {
    match pattern.split_once(") = ") {
        Some((call, _)) => format!("{call})"),
        None => pattern.to_owned(),
    }
}

#[test]
fn signals_are_blocked_by_the_first_system_call() {
    let trace = traced(full());
    let blocked = trace.first("rt_sigprocmask(SIG_SETMASK, ~[]");
    for line in &trace.calls[1..blocked] {
        let name = line.split('(').next().unwrap();
        // The C library's initialisation.
        assert!(
            ["mmap", "munmap", "mprotect", "brk", "set_tid_address", "arch_prctl"].contains(&name),
            "{line} comes first\n{}",
            trace.shown()
        );
    }
}

#[test]
fn nothing_is_changed_before_the_plan_is_complete() {
    let trace = traced(with_a_group());
    let decided = trace.last("stat(\"/bin/witness\"").max(trace.last("openat(4, \"group\""));
    let change = trace.calls.iter().position(|line| changes(line)).unwrap();
    assert!(decided < change, "{} comes before the end of the plan\n{}", trace.calls[change], trace.shown());
}

#[test]
fn the_kernel_is_read_back_after_the_last_step_of_the_drop() {
    let trace = traced(full());
    let cleared = trace.first("capset(");
    assert!(cleared > trace.first("setresuid(1001"), "{}", trace.shown());
    // The file of the first read is still open and is read again.
    let opened = &trace.calls[trace.first("open(\"/proc/self/status\"")];
    let descriptor = opened.rsplit("= ").next().unwrap();
    let (rewound, read) = (format!("lseek({descriptor}, 0, SEEK_SET"), format!("read({descriptor}, "));
    assert!(trace.last(&read) > trace.last(&rewound), "{}", trace.shown());
    for call in [
        "getresuid(",
        "getresgid(",
        "getgroups(",
        "capget(",
        rewound.as_str(),
        "prctl(PR_GET_NO_NEW_PRIVS",
        "prctl(PR_GET_SECUREBITS",
    ] {
        assert!(trace.last(call) > cleared, "{call} is not called after the drop\n{}", trace.shown());
    }
    // And every attempt to regain privilege fails.
    for line in trace.calls[cleared + 1..]
        .iter()
        .filter(|line| changes(line) && !line.starts_with("mkdir") && !line.contains("/cache/made"))
    {
        assert!(line.contains("= -1 EPERM"), "{line}\n{}", trace.shown());
    }
}

#[test]
fn exec_is_the_last_call_and_the_mask_the_one_before() {
    let trace = traced(full());
    let last = trace.calls.len() - 1;
    assert!(
        trace.calls[last].starts_with("execve(\"/bin/witness\"") && trace.calls[last].ends_with("= 0"),
        "{}",
        trace.shown()
    );
    assert!(trace.calls[last - 1].starts_with("rt_sigprocmask(SIG_SETMASK, []"), "{}", trace.shown());
}

/// Boots, and the maximum of their system calls: a few more than on a kernel that supports all of them.
const BOOTS: [(&str, usize); 3] =
    [("with a tmpfs and a directory", 108), ("with nothing to hand over", 92), ("without root", 76)];

// The count is the same on every machine, so a slower boot is detected here first.
#[test]
fn ordinary_boot_makes_few_system_calls() {
    let mut table: BTreeMap<String, [usize; 3]> = BTreeMap::new();
    let starts = [full(), sandbox(), sandbox().user(1001, 1001, FOUR)];
    for (column, (sandbox, (what, most))) in starts.into_iter().zip(BOOTS).enumerate() {
        let trace = traced(sandbox);
        // Without its own exec and the app's.
        let calls = &trace.calls[1..trace.calls.len() - 1];
        for call in calls {
            table.entry(call.split('(').next().unwrap().to_owned()).or_default()[column] += 1;
        }
        assert!(calls.len() <= most, "{} system calls {what}, at most {most}\n{}", calls.len(), trace.shown());
    }
    println!("system calls of one boot: {}", BOOTS.map(|(what, _)| what).join(", "));
    for (call, counts) in &table {
        println!("{call:<16} {:>3} {:>3} {:>3}", counts[0], counts[1], counts[2]);
    }
    let sum = |column: usize| table.values().map(|counts| counts[column]).sum::<usize>();
    println!("{:<16} {:>3} {:>3} {:>3}", "all", sum(0), sum(1), sum(2));
}

#[test]
fn a_non_root_start_hands_nothing_over_and_changes_no_id() {
    let run = sandbox()
        .user(1001, 1001, FOUR)
        .owned("/cache", Kind::Tmpfs, (1001, 1001), 0o755)
        .config("[[tmpfs]]\npath = '/cache'\n");
    let trace = traced(run);
    trace.run.app().is_dropped_to(1001, 1001, "1001");
    for line in trace.calls.iter().filter(|line| {
        line.contains("chown(")
            || line.contains("chmod(")
            || line.starts_with("setres")
            || line.starts_with("setgroups")
    }) {
        assert!(line.contains("= -1 EPERM"), "{line}\n{}", trace.shown());
    }
}

// CVE-2019-5736 and similar: an app of the same uid could open /proc/1/mem between its start and the change.
#[test]
fn a_supervising_init_is_protected_before_the_app_starts() {
    for start in [sandbox().user(1001, 1001, FOUR), sandbox().user(1001, 1001, 0), sandbox()] {
        let trace = traced(start.words(["--supervise", "witness"]));
        trace.run.check(trace.run.started(), "that the app starts");
        let is_fork =
            |line: &&String| ["clone(", "clone3(", "fork(", "vfork("].iter().any(|call| line.starts_with(call));
        let fork = trace.calls.iter().find(is_fork).unwrap_or_else(|| panic!("no fork\n{}", trace.shown()));
        trace.in_order(&["prctl(PR_SET_DUMPABLE, SUID_DUMP_DISABLE", fork]);
    }
}

#[test]
fn the_first_acts_of_a_start_without_root_close_it_to_the_app() {
    for words in [&["witness"][..], &["--health", "--role", "web"]] {
        let web = "[roles.web]\ncommand = ['witness']\nhealth = { file = '/etc/group' }\n";
        let trace = traced(sandbox().config(web).user(1001, 1001, 0).words(words));
        let acts =
            ["rt_sigprocmask(", "geteuid(", "prctl(PR_SET_DUMPABLE, SUID_DUMP_DISABLE", "prctl(PR_SET_NO_NEW_PRIVS, 1"];
        trace.in_order(&acts);
        let closed = trace.first("prctl(PR_SET_NO_NEW_PRIVS, 1");
        let opened = trace.calls[1..closed].iter().find(|line| line.contains("open") || line.contains("stat"));
        assert!(opened.is_none(), "{opened:?} comes first\n{}", trace.shown());
    }
}

#[test]
fn the_working_directory_is_examined_once_before_it_is_entered() {
    let trace = traced(sandbox().config("workdir = '/bin'\n"));
    trace.run.check(trace.run.started(), "that the app starts");
    let before = &trace.calls[..trace.first("chdir(")];
    let examined = before.iter().filter(|line| line.contains("stat") && line.contains("\"/bin\"")).count();
    assert_eq!(examined, 1, "{}", trace.shown());
}

#[test]
fn health_check_is_not_traced_by_its_program() {
    let web = "[roles.web]\ncommand = ['witness']\nhealth = { exec = ['/bin/witness', 'aside'] }\n";
    let trace = traced(sandbox().config(web).words(["--health", "--role", "web"]));
    trace.run.check(trace.run.outcome.code == Some(0), "an answer");
    let is_fork = |line: &&String| ["clone(", "clone3(", "fork(", "vfork("].iter().any(|call| line.starts_with(call));
    let fork = trace.calls.iter().find(is_fork).unwrap_or_else(|| panic!("no fork\n{}", trace.shown()));
    trace.in_order(&["setresuid(1001", "prctl(PR_SET_DUMPABLE, SUID_DUMP_DISABLE", fork]);
}

#[test]
fn supervising_init_closes_descriptors_of_the_app() {
    let trace = traced(sandbox().words(["--supervise", "witness"]));
    trace.run.check(trace.run.outcome.trace.contains("close_range(3, 4294967295, 0)"), "that it closes descriptors");
}

#[test]
fn nothing_is_changed_before_a_refusal() {
    let link = || sandbox().tmpfs("/real").node("/cache", Kind::Symlink("/real".into())).config(CONFIG);
    for (code, sandbox) in [
        (64, full().words(["--nonsense"])),
        (64, full().env("BOOT_CHECK_ONLY=yes")),
        (64, full().env("INIT_LOG=nonsense")),
        (77, full().capabilities(FOUR & !SETPCAP)),
        (77, full().capabilities(0)),
        (77, full().with(|spec| spec.proc_mounted = false)),
        (78, full().words(["--user", "bogus", "witness"])),
        (78, full().words(["--user", "4294967295", "witness"])),
        (78, full().words(["--role", "bogus", "witness"])),
        (78, full().config("tmpsf = 1")),
        (78, full().config("[[require]]\nenv = 'KEY'")),
        (78, full().words::<&str>([])),
        (78, sandbox().config(CONFIG)),
        (78, link()),
        (78, sandbox().node("/cache", Kind::Directory).config(CONFIG)),
        (127, full().words(["nowhere"])),
        (126, full().words(["/etc/passwd"])),
    ] {
        let trace = traced(sandbox);
        trace.run.refused(code, &[]);
        assert!(trace.first_change().is_none(), "{:?} before a refusal\n{}", trace.first_change(), trace.shown());
        let written: Vec<&String> =
            trace.calls.iter().filter(|line| line.starts_with("write") || line.starts_with("pwrite")).collect();
        assert!(
            written.len() == 1 && written[0].contains("(2, ") && written[0].contains("\"init: fatal: "),
            "more than one record\n{}",
            trace.shown()
        );
    }
}

#[test]
fn the_plan_changes_nothing() {
    let trace = traced(full().words(["--plan", "witness"]));
    trace.run.check(trace.run.outcome.code == Some(0) && trace.run.stdout().contains("/cache mode 0700"), "the plan");
    trace.run.unchanged();
    assert!(trace.first_change().is_none(), "{:?}\n{}", trace.first_change(), trace.shown());
}
