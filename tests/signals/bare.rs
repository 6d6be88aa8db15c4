//! A supervising PID 1 is closed to the app: its memory, its working directory and tracing.

use std::fs;

use super::stage::{Stage, file};
use super::table::{Try, scenario};

fn closed(stage: Stage) -> Try {
    let mut run = stage.app("peek").start()?;
    run.line("peeked")?;
    let open: Vec<String> =
        run.said().iter().filter(|line| line.starts_with("peek ") && line.ends_with(" 0")).cloned().collect();
    run.check(open.is_empty(), format!("no access of the app to its parent, found: {open:?}"))?;
    let tried = run.said().iter().filter(|line| line.starts_with("peek ")).count();
    run.check(tried == 8, "eight attempts")
}

#[test]
fn as_root() {
    scenario("closed: memory, environment and tracing of PID 1, started as root", |init| {
        closed(Stage::of(init).option("four").user_by_setpriv())
    });
}

#[test]
fn as_the_user() {
    scenario("closed: the same, started at uid 1001", |init| closed(Stage::of(init).option("uid=1001")));
}

/// Delays the init between fork and its next call until the app has tried.
#[test]
fn from_the_first_moment() {
    scenario("closed: the same, from the app's first instruction", |init| {
        closed(Stage::of(init).option("uid=1001").option("hold"))
    });
}

#[test]
fn below() {
    scenario("closed: the same, not PID 1", |init| closed(Stage::of(init).below().option("uid=1001")));
}

// tini keeps its initial working directory.
#[test]
fn working_directory() {
    scenario("closed: the init's working directory is /, the app keeps its own", |init| {
        let directory = file("");
        let path = directory.to_str().unwrap().trim_end_matches('/').to_owned();
        let mut run = Stage::of(init).option(format!("cwd={path}")).app("state").start()?;
        run.ready()?;
        let kept = run.has_said(&format!("cwd {path}"));
        run.check(kept, format!("the app in {path}"))?;
        run.until("the init in /", |run| {
            fs::read_link(format!("/proc/{}/cwd", run.pid)).is_ok_and(|at| at.to_str() == Some("/"))
        })
    });
}
