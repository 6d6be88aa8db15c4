//! Runs the configured steps, in order: as root before the drop, as the user after it. The first that fails ends the
//! boot, since later steps rely on it.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use crate::child::Change;
use crate::child::run::{End, Runner, run};
use crate::error::{Error, Result};
use crate::exec::Launch;
use crate::plan::{StepPlan, root_steps};
use crate::privilege::{Dropped, Root};
use crate::trust::Trust;

/// Runs the root steps; returns how long they took.
///
/// # Errors
/// [`Error::Step`]; what [`root_steps::judge`] refuses.
pub fn run_as_root(launch: Launch<'_, Root>, steps: &[StepPlan]) -> Result<Duration> {
    let began = Instant::now();
    for (number, step) in steps.iter().enumerate() {
        // The first one was judged with the plan, and nothing has run since.
        if number == 0 {
            run_one(Runner::Root(launch), step)?;
            continue;
        }
        let mut judged = step.clone();
        judged.app.programs = vec![root_steps::judge(step, &Trust::new(true))?];
        run_one(Runner::Root(launch), &judged)?;
    }
    Ok(if steps.is_empty() { Duration::ZERO } else { began.elapsed() })
}

/// Runs the user's steps; returns how long they took.
///
/// # Errors
/// [`Error::Step`].
pub fn run_as_user(launch: Launch<'_, Dropped>, steps: &[StepPlan]) -> Result<Duration> {
    let began = Instant::now();
    steps.iter().try_for_each(|step| run_one(Runner::User(launch), step))?;
    Ok(if steps.is_empty() { Duration::ZERO } else { began.elapsed() })
}

fn run_one(runner: Runner<'_>, step: &StepPlan) -> Result<()> {
    log::info!("step {}", step.name);
    let failed = |what: String, remedy: Cow<'static, str>| Err(Error::Step { name: step.name.clone(), what, remedy });
    let mend = Cow::Borrowed("see the step's output above");
    let (end, last) = run(runner, &step.name, &step.app, step.timeout)?;
    // Its last line is usually its reason.
    let said = if last.is_empty() { String::new() } else { format!(", saying '{last}'") };
    match end {
        End::Changed(Change::Exited(0)) => Ok(()),
        End::Changed(Change::Exited(code)) => failed(format!("exited with {code}{said}"), mend),
        End::Changed(Change::Killed(signal)) => failed(format!("was ended by signal {signal}{said}"), mend),
        End::Changed(Change::Stopped(signal)) => failed(format!("was stopped by signal {signal}{said}"), mend),
        End::TimedOut => failed(
            format!("did not end within {:?}{said}", step.timeout.unwrap_or_default()),
            Cow::Borrowed("find what it waits for, or raise its timeout"),
        ),
        End::Stopped(signal) => failed(
            format!("was ended, since the container was told to stop (signal {signal})"),
            Cow::Borrowed("no fix needed: the stop came during the boot"),
        ),
        End::NotStarted { what, fix } => failed(format!("could not be started: {what}"), Cow::Owned(fix)),
    }
}
