//! The end of the app: its exit code, remapped codes, and the grace period.

use std::time::{Duration, Instant};

use super::peer::Init::{Catatonit, Dumb, Tini};
use super::running::Running;
use super::stage::{Stage, signal_app};
use super::table::{Not, Try, scenario};

/// Runs the app once for each number, and compares how each run ends.
fn each_ends(
    stage: Stage,
    verb: &str,
    numbers: impl Iterator<Item = i32> + Clone,
    expected: impl Fn(i32) -> i32,
) -> Try {
    let list = numbers.clone().map(|number| number.to_string()).collect::<Vec<_>>().join(",");
    let mut run = stage.option(format!("each={list}")).command([signal_app(), verb.into(), "{}".into()]).start()?;
    run.patience = Duration::from_secs(60);
    for number in numbers {
        let line = run.line(&format!("stage: each {number} "))?;
        let wanted = format!("stage: each {number} code {}", expected(number));
        run.check(line == wanted, format!("'{wanted}', not '{line}'"))?;
    }
    run.ends("code 0")
}

#[test]
fn every_exit_code() {
    scenario("end: all 256 exit codes", |init| each_ends(Stage::of(init), "exit", 0..=255, |code| code));
}

/// All signals except those that are not fatal by default or stop a process: CHLD, CONT, STOP, TSTP, TTIN, TTOU, URG,
/// WINCH.
#[test]
fn every_cause_of_death() {
    scenario("end: every fatal signal gives 128 + its number", |init| {
        let fatal = (1..=64).filter(|signal| ![17, 18, 19, 20, 21, 22, 23, 28].contains(signal));
        each_ends(Stage::of(init), "die", fatal, |signal| 128 + signal)
    });
}

#[test]
fn remapped() {
    scenario("end: the exit-code map, also for signals", |init| {
        if matches!(init, Dumb | Catatonit) {
            return Err(Not::Applicable);
        }
        let stage = || {
            Stage::of(init)
                .config("[supervise]\nexit_codes = { 143 = 0, 7 = 0, 9 = 42 }\n")
                .flags(Tini, &["-e", "143", "-e", "7"])
        };
        each_ends(stage(), "exit", [7, 8, 143].into_iter(), |code| if code == 8 { 8 } else { 0 })?;
        each_ends(stage(), "die", [15, 9].into_iter(), |signal| if signal == 15 { 0 } else { 137 })?;
        // tini's map has only one target.
        if init.is_own() { each_ends(stage(), "exit", [9].into_iter(), |_| 42) } else { Ok(()) }
    });
}

fn deaf(stage: Stage) -> Try<Running> {
    let mut run = stage.config("[stop]\ngrace = \"400ms\"\n").app("listen deaf").start()?;
    run.ready()?;
    Ok(run)
}

#[test]
fn grace_then_kill() {
    scenario("end: TERM ignored, then SIGKILL after the grace", |init| {
        super::stage::only_own(init)?;
        let mut run = deaf(Stage::of(init))?;
        let started = Instant::now();
        run.signal(15)?;
        run.line("got 15 ")?;
        run.ends("code 137")?;
        let took = started.elapsed();
        run.check(
            took >= Duration::from_millis(400) && took < Duration::from_secs(10),
            format!("the grace of 400 ms, not {took:?}"),
        )?;
        let logged = run.logged("did not end within");
        run.check(logged, "a log line about it")
    });
}

#[test]
fn a_second_stop_does_not_prolong_the_grace() {
    scenario("end: further TERMs do not prolong the grace", |init| {
        super::stage::only_own(init)?;
        let mut run = deaf(Stage::of(init))?;
        let started = Instant::now();
        while started.elapsed() < Duration::from_millis(600) && !run.has_said("stage: ended") {
            // After it has ended there is no process to signal.
            if run.signal(15).is_err() || run.line_within("got 15 ", Duration::from_millis(500)).is_err() {
                break;
            }
        }
        run.ends("code 137")
    });
}

#[test]
fn no_grace_without_a_stop() {
    scenario("end: other signals start no grace", |init| {
        super::stage::only_own(init)?;
        let mut run = Stage::of(init).config("[stop]\ngrace = \"100ms\"\n").app("listen alarm=500").start()?;
        run.ready()?;
        for signal in [1, 10, 12, 28, 34] {
            run.signal(signal)?;
            run.line(&format!("got {signal} "))?;
        }
        run.line("got 14 ")?;
        run.signal(15)?;
        run.ends("code 0")
    });
}

#[test]
fn ends_with_input_open() {
    scenario("end: immediately with the app, during a flood of signals", |init| {
        let mut run = Stage::of(init).app("listen").start()?;
        run.ready()?;
        for _ in 0..200 {
            run.signal(10)?;
            run.signal(12)?;
        }
        run.signal(15)?;
        run.line("got 15 ")?;
        run.ends("code 0")
    });
}
