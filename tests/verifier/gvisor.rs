//! Kernels that print fewer status lines than Linux and have no securebits, and a Linux with filters that imitate
//! one.

use libc::{PR_GET_SECUREBITS, PR_SET_SECUREBITS};

use super::*;
use crate::support::gvisor::{newer, older, unknown, unprinted};

fn on(rules: Vec<Fault>, start: Sandbox) -> Run {
    start.with(|spec| spec.faults = Some(Faults { rules, ..Faults::default() })).run()
}

fn answered(arguments: &[u32], answer: Answer) -> Fault {
    Fault { child: false, call: SYS_prctl, arguments: arguments.to_vec(), nth: None, answer }
}

#[test]
fn kernel_without_securebits_boots_with_another_proof() {
    // Without CAP_SETPCAP newer ones refuse every value of the securebits.
    let refusing: Vec<Fault> = newer().into_iter().filter(|rule| rule.answer != Answer::Done).collect();
    let privileged = || vec![sandbox(), from_all_sets(), sandbox().user(1001, 1001, FOUR)];
    let without = || vec![sandbox().user(1001, 1001, 0)];
    for (kernel, lines, starts) in [
        (older(), "CapAmb and NoNewPrivs", [privileged(), without()].concat()),
        (newer(), "NoNewPrivs", privileged()),
        (refusing, "NoNewPrivs", without()),
    ] {
        for start in starts {
            let run = on(kernel.clone(), start);
            let app = run.app();
            assert_eq!(app.sets(), [0; 5], "{}", run.shown());
            app.is("Uid", "1001 1001 1001 1001");
            app.is("NoNewPrivs", "1");
            run.check(run.stderr().matches(&format!("no {lines} in")).count() == 1, "one note");
        }
    }
}

#[test]
fn kernel_without_securebits_refuses_a_skipped_step() {
    for kernel in [older(), newer()] {
        for step in STEPS[..STEPS.len() - 1].iter().filter(|step| step.name != SECUREBITS) {
            let left_out = Fault { nth: step.nth, call: step.call, ..answered(step.arguments, Answer::Done) };
            on([vec![left_out], kernel.clone()].concat(), (step.start)()).refused_late(77, &["drop"]);
        }
    }
}

#[test]
fn unprinted_no_new_privs_is_proved_by_an_attempt() {
    for kernel in [older(), newer()] {
        let lie = [answered(&[SET_NO_NEW_PRIVS], Answer::Done), answered(&[GET_NO_NEW_PRIVS], Answer::Value(1))];
        on([lie.to_vec(), kernel].concat(), sandbox()).refused_late(77, &["drop not proved", "no_new_privs", "EACCES"]);
    }
}

#[test]
fn unprinted_ambient_capability_is_detected() {
    let set = answered(&[CAP_AMBIENT, libc::PR_CAP_AMBIENT_IS_SET as u32, 7], Answer::Value(1));
    on([vec![set], vec![unprinted(true)]].concat(), sandbox()).refused_late(77, &["drop not proved", "ambient"]);
}

#[test]
fn kept_capability_is_refused_without_securebits() {
    for kernel in [older(), newer()] {
        on(kernel, keeping()).refused(77, &["keep_capabilities", "fix: remove keep_capabilities"]);
    }
}

#[test]
fn filtered_linux_is_not_taken_for_gvisor() {
    // It prints all lines.
    on(older()[1..].to_vec(), sandbox()).refused_late(77, &["cannot drop privilege"]);
    on(newer()[1..].to_vec(), sandbox()).refused_late(77, &["cannot drop privilege"]);
    // Its lines are hidden, but some of its calls work.
    for ambient in [true, false] {
        for option in [PR_SET_SECUREBITS, PR_GET_SECUREBITS] {
            on(vec![unprinted(ambient), unknown(option)], sandbox()).refused_late(77, &["drop"]);
        }
    }
    // All calls but the ambient ones.
    let (_, rest) = older().split_last().map(|(last, rest)| (last.clone(), rest.to_vec())).unwrap();
    on(rest, sandbox()).refused_late(77, &["cannot drop privilege"]);
    let claimed = answered(&[SET_SECUREBITS], Answer::Done);
    on([vec![claimed], vec![unprinted(false)]].concat(), sandbox()).refused_late(77, &["the securebits are"]);
}

#[test]
fn linux_without_the_lines_is_dropped_completely() {
    for ambient in [true, false] {
        on(vec![unprinted(ambient)], from_all_sets()).app().is_dropped_to(1001, 1001, "1001");
    }
}

#[test]
fn lines_that_disappear_during_the_boot_are_refused() {
    let later = Fault { nth: Some(1), ..unprinted(true) };
    on([vec![later], older()[1..].to_vec()].concat(), sandbox().user(1001, 1001, 0)).refused_late(77, &["drop"]);
}
