//! Kernels that print less than Linux and have no securebits, and a Linux that was made to look like one.

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
fn kernels_without_securebits_boot_with_the_drop_proved_otherwise() {
    // Without CAP_SETPCAP the newer ones refuse every value of the securebits.
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
fn a_skipped_step_is_refused_on_these_kernels_too() {
    for kernel in [older(), newer()] {
        for step in STEPS[..STEPS.len() - 1].iter().filter(|step| step.name != SECUREBITS) {
            let left_out = Fault { nth: step.nth, call: step.call, ..answered(step.arguments, Answer::Done) };
            on([vec![left_out], kernel.clone()].concat(), (step.start)()).refused_late(77, &["drop"]);
        }
    }
}

#[test]
fn no_new_privs_is_proved_by_trying_where_it_is_not_printed() {
    for kernel in [older(), newer()] {
        let lie = [answered(&[SET_NO_NEW_PRIVS], Answer::Done), answered(&[GET_NO_NEW_PRIVS], Answer::Value(1))];
        on([lie.to_vec(), kernel].concat(), sandbox()).refused_late(77, &["drop not proved", "no_new_privs", "EACCES"]);
    }
}

#[test]
fn an_ambient_capability_is_found_where_it_is_not_printed() {
    let set = answered(&[CAP_AMBIENT, libc::PR_CAP_AMBIENT_IS_SET as u32, 7], Answer::Value(1));
    on([vec![set], vec![unprinted(true)]].concat(), sandbox()).refused_late(77, &["drop not proved", "ambient"]);
}

#[test]
fn a_capability_to_keep_is_refused_there() {
    for kernel in [older(), newer()] {
        on(kernel, keeping()).refused(77, &["keep_capabilities", "fix: remove keep_capabilities"]);
    }
}

#[test]
fn linux_with_a_filter_is_not_taken_for_one_of_them() {
    // It prints all lines.
    on(older()[1..].to_vec(), sandbox()).refused_late(77, &["cannot drop privilege"]);
    on(newer()[1..].to_vec(), sandbox()).refused_late(77, &["cannot drop privilege"]);
    // Its lines are filtered away, but it has some of the calls.
    for ambient in [true, false] {
        for option in [PR_SET_SECUREBITS, PR_GET_SECUREBITS] {
            on(vec![unprinted(ambient), unknown(option)], sandbox()).refused_late(77, &["drop"]);
        }
    }
    // All but the ambient calls.
    let (_, rest) = older().split_last().map(|(last, rest)| (last.clone(), rest.to_vec())).unwrap();
    on(rest, sandbox()).refused_late(77, &["cannot drop privilege"]);
    let claimed = answered(&[SET_SECUREBITS], Answer::Done);
    on([vec![claimed], vec![unprinted(false)]].concat(), sandbox()).refused_late(77, &["the securebits are"]);
}

#[test]
fn linux_without_the_lines_is_dropped_in_full() {
    for ambient in [true, false] {
        on(vec![unprinted(ambient)], from_all_sets()).app().is_dropped_to(1001, 1001, "1001");
    }
}

#[test]
fn lines_that_disappear_during_the_boot_are_refused() {
    let later = Fault { nth: Some(1), ..unprinted(true) };
    on([vec![later], older()[1..].to_vec()].concat(), sandbox().user(1001, 1001, 0)).refused_late(77, &["drop"]);
}
