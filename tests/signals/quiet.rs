//! A waiting init does not wake up, and uses little memory.

use std::time::Duration;

use super::peer::Init::{self, Tini};
use super::running::Running;
use super::stage::Stage;
use super::table::{Try, failed, note, scenario};

/// An init that has forwarded a signal and now waits for its app.
fn waiting(stage: Stage) -> Try<Running> {
    let mut run = stage.start()?;
    run.ready()?;
    run.signal(10)?;
    run.line("got 10 ")?;
    run.asleep()?;
    Ok(run)
}

// tini wakes up once a second.
#[test]
fn no_wake_up() {
    scenario("quiet: no wake-up at all while the app sleeps for two seconds", |init| {
        let mut run = waiting(Stage::of(init).app("listen alarm=2200"))?;
        let before = switches(&mut run)?;
        // The app's own timer.
        run.patience = Duration::from_secs(20);
        run.line("got 14 ")?;
        let after = switches(&mut run)?;
        run.check(before == after, format!("no context switch: {before:?} became {after:?}"))
    });
}

fn switches(run: &mut Running) -> Try<(u64, u64)> {
    Ok((run.field("status", "voluntary_ctxt_switches")?, run.field("status", "nonvoluntary_ctxt_switches")?))
}

/// The memory that the process alone uses, in KiB: its anonymous pages. Pages of the program belong to the page
/// cache, and the kernel can reclaim them.
pub fn anonymous(run: &mut Running) -> Try<u64> {
    run.field("smaps_rollup", "Anonymous")
}

/// The minimum of some runs: depending on the stack's random position a run needs one page more.
fn least(stage: impl Fn() -> Stage) -> Try<u64> {
    let mut least = u64::MAX;
    for _ in 0..5 {
        least = least.min(anonymous(&mut waiting(stage().app("listen"))?)?);
    }
    Ok(least)
}

#[test]
fn memory() {
    scenario("quiet: private memory of the waiting PID 1, at most tini-static's", |init: Init| {
        let most = least(|| Stage::of(Tini).program("/usr/bin/tini-static"))?;
        // A long configuration, whose memory must have been freed.
        let config: String = (0..400)
            .map(|number| format!("[[require]]\nenv = \"PATH\"\nhint = \"number {number} of many\"\n"))
            .collect();
        let found = least(|| Stage::of(init).config(&config))?;
        note(format!("memory: {init} {found} KiB, tini-static {most} KiB"));
        if found > most && cfg!(debug_assertions) && std::env::var_os("STEPDOWN_INIT").is_none() {
            note(format!("memory: {init} not compared, since the binary under test is not a release build"));
            return Ok(());
        }
        if found > most { failed(format!("at most {most} KiB, not {found}")) } else { Ok(()) }
    });
}
