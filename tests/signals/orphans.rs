//! Processes other than the app: orphans while it runs, and leftovers after it ended.

use std::time::{Duration, Instant};

use super::peer::Init;
use super::running::Running;
use super::stage::{Stage, only_own};
use super::table::{Try, scenario};

const TERM: i32 = 15;

/// Waits until there is no zombie, and no process but the init, the app and the expected others.
fn only(run: &mut Running, number: usize) -> Try {
    run.until(&format!("{number} processes and no zombie"), |run| {
        let all = run.processes();
        all.len() == number && all.iter().all(|(_, state)| *state != 'Z')
    })
}

#[test]
fn a_storm() {
    scenario("reap: ten thousand orphans, 500 at a time, no zombie left while running", |init| {
        let mut run = Stage::of(init).app("storm 10000 500").start()?;
        // The time limit is for a slow machine, not for the init.
        run.patience = Duration::from_secs(60);
        run.line("stormed")?;
        run.ready()?;
        run.patience = init.patience();
        only(&mut run, 2)?;
        run.signal(TERM)?;
        run.ends("code 0")
    });
}

fn adopts(stage: Stage, others: usize) -> Try {
    let mut run = stage.app("adopted").start()?;
    let app = run.number("app of ")?;
    let orphan = run.number("orphan of ")?;
    let inner = u64::try_from(run.inner).unwrap();
    run.check(
        (app, orphan) == (inner, inner),
        format!("the app and the orphan as children of {inner}: {app}, {orphan}"),
    )?;
    run.ready()?;
    only(&mut run, others + 2)?;
    run.signal(TERM)?;
    run.ends("code 0")
}

// The others are PID 1 and the bystander. dumb-init is not a subreaper.
#[test]
fn subreaper() {
    scenario("reap: a subreaper when not PID 1", |init| adopts(Stage::of(init).below(), 2));
}

#[test]
fn subreaper_as_the_user() {
    scenario("reap: a subreaper when not PID 1, started at uid 1001", |init| {
        adopts(Stage::of(init).below().option("uid=1001"), 2)
    });
}

#[test]
fn orphans_as_pid_one() {
    scenario("reap: orphans as PID 1", |init| adopts(Stage::of(init), 0));
}

/// The app ends with 7 and leaves a grandchild that needs a line of input after its SIGTERM.
fn gets_its_time(stage: Stage, app: &str) -> Try<Running> {
    let mut run = stage.writer().app(app).start()?;
    run.line("grandchild ready")?;
    run.ready()?;
    run.signal(TERM)?;
    run.line("grandchild got 15")?;
    run.write("take care\n")?;
    run.line("grandchild done <take care>")?;
    run.ends("code 7")?;
    Ok(run)
}

// The other inits end immediately, and the kernel kills everything with PID 1.
#[test]
fn a_grandchild_with_a_trap() {
    scenario("leftovers: a grandchild with a TERM trap gets the grace period", |init| {
        gets_its_time(Stage::of(init), "family 7").map(drop)
    });
}

#[test]
fn a_grandchild_in_a_session_of_its_own() {
    scenario("leftovers: the same in another session", |init| {
        gets_its_time(Stage::of(init), "family 7 apart").map(drop)
    });
}

#[test]
fn leftovers_below() {
    scenario("leftovers: ended when not PID 1, without ending other processes", |init| {
        let mut run = gets_its_time(Stage::of(init).below(), "family 7 apart")?;
        let line = run.said().iter().find(|line| line.contains("stage: left ")).cloned().unwrap_or_default();
        run.check(line == "stage: left [] bystander true", format!("only the bystander left: {line}"))
    });
}

fn killed_after_grace(stage: Stage) -> Try {
    let mut run = stage.config("[stop]\ngrace = \"400ms\"\n").app("family 7 deaf apart").start()?;
    run.line("grandchild ready")?;
    run.ready()?;
    let started = Instant::now();
    run.signal(TERM)?;
    run.line("grandchild got 15")?;
    run.ends("code 7")?;
    let took = started.elapsed();
    run.check(took >= Duration::from_millis(400), format!("the whole grace, not {took:?}"))?;
    let logged = run.logged("SIGKILL");
    run.check(logged, "a log line about it")
}

#[test]
fn leftovers_that_ignore_term() {
    scenario("leftovers: SIGKILL after the grace, the app's exit code", |init| {
        only_own(init)?;
        killed_after_grace(Stage::of(init))
    });
}

#[test]
fn leftovers_that_ignore_term_below() {
    scenario("leftovers: SIGKILL after the grace when not PID 1", |init: Init| {
        only_own(init)?;
        killed_after_grace(Stage::of(init).below())
    });
}
