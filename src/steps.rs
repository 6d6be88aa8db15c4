//! Runs the configured steps, in order: as root before the drop, as the user after it. The first that fails ends the
//! boot, since later steps rely on it.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use crate::child::run::{End, MOST_CAPTURED, Runner, run};
use crate::child::wait::{Event, Signals};
use crate::child::{Change, next_change};
use crate::config::signals;
use crate::error::{Error, Result, fix};
use crate::exec::{self, Launch};
use crate::health::{self, Poll};
use crate::plan::health::HealthPlan;
use crate::plan::{self, Given, Plan, StepPlan, root_steps};
use crate::privilege::{Dropped, Root};
use crate::text::Time;
use crate::trust::Trust;

/// How long the process of a finished wait may take to end.
const PATIENCE: Duration = Duration::from_millis(500);

/// The time between two log lines about a wait.
const REMINDER: Duration = Duration::from_secs(10);

/// Runs the root steps; returns how long they took.
///
/// # Errors
/// [`Error::Step`]; what [`root_steps::judge`] refuses.
pub fn run_as_root(launch: Launch<'_, Root>, steps: &[StepPlan]) -> Result<Duration> {
    let began = Instant::now();
    for (number, step) in steps.iter().enumerate() {
        // The first one was verified with the plan, and nothing has run since.
        if number == 0 {
            run_one(Runner::Root(launch), step, None)?;
            continue;
        }
        let mut judged = step.clone();
        judged.app.programs = vec![root_steps::judge(step, &Trust::new(true))?];
        run_one(Runner::Root(launch), &judged, None)?;
    }
    Ok(if steps.is_empty() { Duration::ZERO } else { began.elapsed() })
}

/// Runs the user's steps; returns how long they took. After a step with an output the plan is resolved again; `most` is
/// the timeout of a step that has none.
///
/// # Errors
/// [`Error::Step`]; what a resolution refuses.
pub fn run_as_user(
    launch: Launch<'_, Dropped>,
    plan: &mut Plan,
    given: &Given<'_>,
    most: Option<Duration>,
) -> Result<Duration> {
    if plan.steps.as_user.is_empty() {
        return Ok(Duration::ZERO);
    }
    let began = Instant::now();
    let mut rest = std::mem::take(&mut plan.steps.as_user).into_iter();
    while let Some(mut step) = rest.next() {
        step.timeout = step.timeout.or(most);
        let output = user_step(launch, &step)?;
        if step.output.is_some() {
            let resolved = plan::resolve_after(given, plan, &step, output.as_deref());
            if let (Err(Error::Unset { name, .. }), Some(b"")) = (&resolved, output.as_deref())
                && step.output.as_ref() == Some(name)
            {
                // Setting the variable from outside would not help.
                return Err(not_a_line(&step, "nothing", name));
            }
            rest = resolved?.into_iter();
        }
    }
    Ok(began.elapsed())
}

/// Runs one step of the user, unless a path prevents it. Returns its output if that becomes a variable.
fn user_step(launch: Launch<'_, Dropped>, step: &StepPlan) -> Result<Option<Vec<u8>>> {
    if let Some(path) = step.exists.forbidden_by()? {
        log::info!("step {} is held back by {}", step.name, path.display());
        return Ok(None);
    }
    let done = match (&step.wait, &step.output) {
        (Some(wait), _) => wait_for(launch, step, wait).map(|()| None),
        (None, None) => run_one(Runner::User(launch), step, None).map(|()| None),
        (None, Some(variable)) => {
            let mut output = Vec::new();
            run_one(Runner::User(launch), step, Some(&mut output))
                .and_then(|()| one_line(step, variable, output).map(Some))
        }
    };
    match done {
        Err(error @ Error::Step { .. }) if step.optional => {
            log::warn!("{error}; going on, since the step is optional; fix: {}", error.fix());
            Ok(None)
        }
        done => done,
    }
}

/// The one line of an output, without its end.
fn one_line(step: &StepPlan, variable: &str, mut output: Vec<u8>) -> Result<Vec<u8>> {
    output.pop_if(|last| *last == b'\n');
    let what = if output.len() > MOST_CAPTURED {
        "more than 4 KiB"
    } else if output.contains(&b'\n') {
        "more than one line"
    } else if output.contains(&0) {
        "a NUL"
    } else {
        return Ok(output);
    };
    Err(not_a_line(step, what, variable))
}

fn not_a_line(step: &StepPlan, what: &str, variable: &str) -> Error {
    failed(step, format!("printed {what}, and its output becomes {variable}"), fix::running::NOT_A_LINE.into())
}

fn run_one(runner: Runner<'_>, step: &StepPlan, captured: Option<&mut Vec<u8>>) -> Result<()> {
    log::info!("step {}", step.name);
    let failed = |what, remedy: &'static str| Err(failed(step, what, remedy.into()));
    let (end, last) = run(runner, &step.name, &step.app, step.timeout, captured)?;
    // Its last line is usually its reason.
    let said = if last.is_empty() { String::new() } else { format!(", saying '{last}'") };
    match end {
        End::Changed(Change::Exited(0)) => Ok(()),
        End::Changed(Change::Exited(code)) => failed(format!("exited with {code}{said}"), fix::running::STEP_FAILED),
        End::Changed(Change::Killed(signal)) => {
            failed(format!("was ended by signal {signal}{said}"), fix::running::STEP_FAILED)
        }
        End::Changed(Change::Stopped(signal)) => {
            failed(format!("was stopped by {}{said}", signals::name(signal)), fix::running::STEP_FROZEN)
        }
        End::TimedOut => failed(
            format!("did not end within {}{said}", Time(step.timeout.unwrap_or_default())),
            fix::running::STEP_TIMED_OUT,
        ),
        End::Stopped(signal) => Err(stopped(step, signal)),
        End::NotStarted { what, fix } => Err(self::failed(step, format!("could not be started: {what}"), fix.into())),
    }
}

/// Repeats the check until it passes or the time is over.
fn wait_for(launch: Launch<'_, Dropped>, step: &StepPlan, wait: &HealthPlan) -> Result<()> {
    if health::passes_at_once(wait) {
        log::info!("step {}", step.name);
        return Ok(());
    }
    let object = wait.question.object();
    log::info!("step {}: waiting for {object}", step.name);
    let signals = Signals::receive(exec::signals_of_steps());
    let end = step.timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let mut poll = Poll::new(wait);
    let (mut last, mut remind) = (String::new(), Instant::now().checked_add(REMINDER));
    loop {
        let mut answer = poll.woken(launch)?;
        // Before every wait, not only after SIGCHLD, in case one was lost.
        // Between two questions there is no child to wait for (ECHILD).
        while let Ok(Some((pid, change))) = next_change() {
            answer = poll.ended(pid, change).or(answer);
        }
        match answer {
            Some(Ok(())) => return Ok(()),
            Some(Err(reason)) => last = reason,
            None => {}
        }
        let now = Instant::now();
        let said = if last.is_empty() { "no answer yet".to_owned() } else { format!("last: {last}") };
        if end.is_some_and(|end| now >= end) {
            finish(poll, &signals);
            let (said, remedy) = health::and_fix(&said, fix::running::UNREACHED);
            let what = format!("waited {} for {object}; {said}", Time(step.timeout.unwrap_or_default()));
            return Err(failed(step, what, Cow::Owned(remedy.to_owned())));
        }
        if remind.is_some_and(|at| now >= at) {
            log::info!("step {}: still waiting for {object}; {said}", step.name);
            remind = now.checked_add(REMINDER);
        }
        let wake = [poll.wake_at(), end, remind].into_iter().flatten().min();
        if let Event::Signal(signal) = signals.next(wake)?
            && launch.is_stop(signal)
        {
            finish(poll, &signals);
            return Err(stopped(step, signal.number));
        }
    }
}

fn failed(step: &StepPlan, what: String, remedy: Cow<'static, str>) -> Error {
    Error::Step { name: step.name.clone(), what, remedy }
}

fn stopped(step: &StepPlan, signal: i32) -> Error {
    Error::Stopped { signal, during: format!("during the step '{}'", step.name).into() }
}

/// Ends a running check, and reaps it.
fn finish(poll: Poll<'_>, signals: &Signals) {
    let deadline = Instant::now().checked_add(PATIENCE);
    poll.end();
    while let Ok(change) = next_change() {
        if change.is_none() && !matches!(signals.next(deadline), Ok(Event::Signal(_))) {
            break;
        }
    }
}
