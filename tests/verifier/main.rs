//! Tests of the proof of the drop, on the shipped binary: a filter skips each step of the drop and reports success,
//! and the boot must be refused; then one witness of the proof also lies, and the others must still refuse.
//!
//! A lying kernel can make the proof accept two things. That the securebits are locked, which only one call reports
//! (see the last test but one: the app gains nothing). And, with a false `/proc/self/status` from the start, that a
//! capability was never in the bounding set, so that it is not removed (`no_new_privs` makes it useless).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../support/mod.rs"]
mod support;

mod gvisor;

use std::fmt::Write as _;
use std::io::Write as _;

use libc::{
    SYS_capget, SYS_capset, SYS_getgroups, SYS_getresgid, SYS_getresuid, SYS_prctl, SYS_read, SYS_setgroups,
    SYS_setresgid, SYS_setresuid,
};
use support::capability::{FOUR, NET_BIND_SERVICE};
use support::protocol::{Answer, Fault, Faults};
use support::run::Run;
use support::sandbox::{Sandbox, sandbox};

const CAPBSET_READ: u32 = libc::PR_CAPBSET_READ as u32;
const CAPBSET_DROP: u32 = libc::PR_CAPBSET_DROP as u32;
const GET_SECUREBITS: u32 = libc::PR_GET_SECUREBITS as u32;
const SET_SECUREBITS: u32 = libc::PR_SET_SECUREBITS as u32;
const SET_NO_NEW_PRIVS: u32 = libc::PR_SET_NO_NEW_PRIVS as u32;
const GET_NO_NEW_PRIVS: u32 = libc::PR_GET_NO_NEW_PRIVS as u32;
const CAP_AMBIENT: u32 = libc::PR_CAP_AMBIENT as u32;
const AMBIENT_CLEAR: u32 = libc::PR_CAP_AMBIENT_CLEAR_ALL as u32;

/// A step of the drop: its system call and first arguments.
struct Step {
    name: &'static str,
    call: i64,
    arguments: &'static [u32],
    /// Which of these calls to skip, where the proof makes the same call to see it refused.
    nth: Option<usize>,
    /// A start in which the skipped step would leave privilege.
    start: fn() -> Sandbox,
}

const STEPS: [Step; 11] = [
    Step { name: "no_new_privs", call: SYS_prctl, arguments: &[SET_NO_NEW_PRIVS], nth: None, start: sandbox },
    Step {
        name: "CHOWN of the bounding set",
        call: SYS_prctl,
        arguments: &[CAPBSET_DROP, 0],
        nth: None,
        start: sandbox,
    },
    Step {
        name: "SETGID of the bounding set",
        call: SYS_prctl,
        arguments: &[CAPBSET_DROP, 6],
        nth: None,
        start: sandbox,
    },
    Step {
        name: "SETUID of the bounding set",
        call: SYS_prctl,
        arguments: &[CAPBSET_DROP, 7],
        nth: Some(0),
        start: sandbox,
    },
    Step {
        name: "SETPCAP of the bounding set",
        call: SYS_prctl,
        arguments: &[CAPBSET_DROP, 8],
        nth: None,
        start: sandbox,
    },
    Step { name: SECUREBITS, call: SYS_prctl, arguments: &[SET_SECUREBITS, 0xef], nth: None, start: sandbox },
    Step { name: "the groups", call: SYS_setgroups, arguments: &[], nth: Some(0), start: sandbox },
    Step { name: "the gid", call: SYS_setresgid, arguments: &[1001], nth: None, start: sandbox },
    Step { name: "the uid", call: SYS_setresuid, arguments: &[1001], nth: None, start: sandbox },
    Step { name: SETS, call: SYS_capset, arguments: &[], nth: Some(0), start: from_all_sets },
    Step { name: "the same, except a kept capability", call: SYS_capset, arguments: &[], nth: Some(1), start: keeping },
];

const SECUREBITS: &str = "the securebits";
const SETS: &str = "permitted, effective, inheritable";

/// The sources that the proof reads, as a call and its first arguments.
const WITNESSES: [(&str, i64, &[u32]); 8] = [
    ("getresuid", SYS_getresuid, &[]),
    ("getresgid", SYS_getresgid, &[]),
    ("getgroups", SYS_getgroups, &[]),
    ("capget", SYS_capget, &[]),
    ("PR_GET_NO_NEW_PRIVS", SYS_prctl, &[GET_NO_NEW_PRIVS]),
    ("PR_GET_SECUREBITS", SYS_prctl, &[GET_SECUREBITS]),
    ("PR_CAPBSET_READ", SYS_prctl, &[CAPBSET_READ]),
    ("/proc/self/status", SYS_read, &[]),
];

fn from_all_sets() -> Sandbox {
    sandbox().with(|spec| spec.start.ambient = FOUR)
}

fn keeping() -> Sandbox {
    sandbox().capabilities(FOUR | NET_BIND_SERVICE).config("keep_capabilities = ['NET_BIND_SERVICE']")
}

/// Skips a step, and makes witnesses lie.
fn deceived(step: &Step, witnesses: &[(i64, &[u32])]) -> Run {
    let rule =
        |call, arguments: &[u32], nth, answer| Fault { child: false, call, arguments: arguments.to_vec(), nth, answer };
    let mut rules = vec![rule(step.call, step.arguments, step.nth, Answer::Done)];
    for (call, arguments) in witnesses {
        // The status is also read at the start, where no step was skipped yet.
        let nth = (*call == SYS_read).then_some(1);
        rules.push(rule(*call, arguments, nth, Answer::Lie));
    }
    (step.start)().with(|spec| spec.faults = Some(Faults { rules, ..Faults::default() })).run()
}

/// The reason in the fatal record.
fn reason(run: &Run) -> String {
    let text = run.stderr();
    let record = text.lines().find_map(|line| line.strip_prefix("init: fatal: ")).unwrap_or("").to_owned();
    record.split("; fix: ").next().unwrap_or("").to_owned()
}

fn say(table: &str) {
    // Written directly, because the test harness captures `println!`.
    let _ = writeln!(std::io::stderr(), "{table}");
}

#[test]
fn skipped_step_of_the_drop_is_refused() {
    let mut table = String::from("a skipped step whose call reports success: the message of /init, with exit code 77");
    for step in &STEPS {
        let run = deceived(step, &[]);
        run.refused_late(77, &["drop"]);
        let _ = write!(table, "\n{:<34} {}", step.name, reason(&run));
        // A filter that cannot count calls, like a container's seccomp profile.
        (step.start)().answer(step.call, step.arguments, 0).run().refused_late(77, &["drop"]);
    }
    say(&table);
}

#[test]
fn clearing_the_inheritable_set_clears_the_ambient_set() {
    let clear = Step {
        name: "ambient",
        call: SYS_prctl,
        arguments: &[CAP_AMBIENT, AMBIENT_CLEAR],
        nth: None,
        start: from_all_sets,
    };
    deceived(&clear, &[]).app().is_dropped_to(1001, 1001, "1001");
}

#[test]
fn the_fake_answers_reach_the_proof() {
    // All lies at once about a complete drop: each answer is the expected one.
    let rules = WITNESSES.iter().map(|(_, call, arguments)| Fault {
        child: false,
        call: *call,
        arguments: arguments.to_vec(),
        nth: (*call == SYS_read).then_some(1),
        answer: Answer::Lie,
    });
    let run = sandbox().with(|spec| spec.faults = Some(Faults { rules: rules.collect(), ..Faults::default() })).run();
    run.app().is_dropped_to(1001, 1001, "1001");
    run.check(run.outcome.answered >= WITNESSES.len() - 1, "an answer from every witness");
}

#[test]
fn one_false_source_does_not_hide_a_skipped_step() {
    let mut table = String::from("a skipped step and one lying witness: the witness that detects it");
    // With a kept capability the honest answers differ from the lies.
    for step in &STEPS[..STEPS.len() - 1] {
        for (name, call, arguments) in WITNESSES {
            // Only this call reports the securebits.
            if (step.name, name) == (SECUREBITS, "PR_GET_SECUREBITS") {
                continue;
            }
            let run = deceived(step, &[(call, arguments)]);
            run.refused_late(77, &["drop"]);
            let _ = write!(table, "\n{:<34} {name:<20} {}", step.name, reason(&run));
        }
    }
    say(&table);
}

#[test]
fn only_a_false_securebits_answer_passes_and_gives_nothing() {
    let securebits = STEPS.iter().find(|step| step.name == SECUREBITS).unwrap();
    let app = deceived(securebits, &[(SYS_prctl, &[GET_SECUREBITS])]).app();
    // Without a capability in any set, and with no_new_privs, securebits have no effect.
    app.is_dropped_to(1001, 1001, "1001");
}

#[test]
fn regaining_finds_ids_and_sets_when_all_sources_are_false() {
    let all: Vec<(i64, &[u32])> = WITNESSES.iter().map(|(_, call, arguments)| (*call, *arguments)).collect();
    for (step, way) in [("the uid", "setresuid to 0"), ("the gid", "setresgid to 0"), (SETS, "allowed after the drop")]
    {
        let step = STEPS.iter().find(|one| one.name == step).unwrap();
        deceived(step, &all).refused_late(77, &["drop not proved", way]);
    }
}
