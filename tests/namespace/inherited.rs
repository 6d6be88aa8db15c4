//! State that the starter of `/init` leaves in the process, beside its credentials: SECURITY.md lists what the app gets
//! unchanged.

use crate::support::capability::FOUR;
use crate::support::sandbox::{Sandbox, sandbox};
use crate::support::signal;

fn odd(start: Sandbox) -> Sandbox {
    start.with(|spec| (spec.start.odd_state, spec.start.blocked) = (true, signal(12)))
}

/// The state that the app finds.
fn left(start: Sandbox) -> Vec<(String, i64)> {
    let run = odd(start).words(["witness", "inherited"]).run();
    let app = run.app();
    app.is("SigBlk", &format!("{:016x}", signal(12)));
    app.is("ShdPnd", &format!("{:016x}", signal(12)));
    let line = app.all("try").into_iter().find_map(|line| line.strip_prefix("inherited: ").map(str::to_owned)).unwrap();
    line.split(", ").map(|one| one.rsplit_once(' ').unwrap()).map(|(a, b)| (a.to_owned(), b.parse().unwrap())).collect()
}

fn expected(parents_death: i64) -> Vec<(String, i64)> {
    [
        ("timer slack", 123_456),
        ("signal at the parent's death", parents_death),
        ("subreaper", 1),
        ("personality", 0x0004_0000),
        ("priority", 5),
        ("scheduling", 3),
        ("priority of input and output", 3),
        ("OOM score", 500),
        ("interval timer", 1),
        ("timer", 0),
        ("robust list", 0),
        ("alternate signal stack", 0),
    ]
    .map(|(what, value)| (what.to_owned(), value))
    .to_vec()
}

#[test]
fn a_starters_process_state_is_passed_on_except_the_signal_at_its_death() {
    assert_eq!(left(sandbox()), expected(0));
}

#[test]
fn a_non_root_start_also_passes_on_the_signal_at_the_parents_death() {
    assert_eq!(left(sandbox().user(1001, 1001, 0)), expected(10));
    assert_eq!(left(sandbox().user(1001, 1001, FOUR)), expected(10));
}
