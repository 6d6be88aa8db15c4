//! What every step of a deploy has in common: the app that it is for, its units, the images that stay, and how it ends.

use std::process::ExitCode;

use crate::{
    config::Config,
    failure::{Failure, REFUSED, STUCK, one_line},
    parallel,
    place::Place,
    podman,
    report::Report,
    state::Outcome,
    store::Store,
    systemd::{self, Unit},
};

pub(crate) struct Job<'a> {
    pub(crate) place: &'a Place,
    pub(crate) config: &'a Config,
    pub(crate) report: &'a Report,
}

/// How a run ended. The answer is `ok TAG`, or `fail TAG reason`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) answer: String,
    pub(crate) fix: Option<String>,
    pub(crate) ok: bool,
    pub(crate) stuck: bool,
    /// The host shuts down: the next start ends the run, and only then answers.
    pub(crate) later: bool,
}

impl Ended {
    pub(crate) fn done(answer: String) -> Self {
        Self { answer, fix: None, ok: true, stuck: false, later: false }
    }

    pub(crate) fn refused(answer: String, fix: Option<String>) -> Self {
        Self { answer, fix, ok: false, stuck: false, later: false }
    }

    pub(crate) fn of(outcome: &Outcome) -> Self {
        let Outcome { answer, fix, stuck, .. } = outcome.clone();
        Self { ok: answer.starts_with("ok "), answer, fix, stuck, later: false }
    }

    /// The answer to a request, with the fix.
    pub(crate) fn text(&self) -> String {
        let fix = self.fix.as_ref().map(|fix| format!("; fix: {}", one_line(fix))).unwrap_or_default();
        format!("{}{fix}", self.answer)
    }

    pub(crate) fn exit(&self) -> ExitCode {
        ExitCode::from(match (self.ok, self.stuck) {
            (true, _) => 0,
            (false, false) => REFUSED,
            (false, true) => STUCK,
        })
    }
}

impl Job<'_> {
    pub(crate) fn pointer(&self) -> String {
        podman::pointer(&self.place.app)
    }
}

/// The images that stay: what serves, what is served again if the run fails, and `keep` of what served before.
pub(crate) fn kept<'a>(store: &'a Store, keep: usize) -> Vec<&'a str> {
    let before = store.state.run.as_ref().and_then(|run| run.before.as_ref());
    let serving = store.state.serving.iter().chain(before);
    serving.chain(store.state.previous.iter().take(keep)).map(|release| release.image.as_str()).collect()
}

/// Every unit as it is loaded now. Each must run the pointer, and pull nothing by itself.
pub(crate) fn units(job: &Job) -> Result<Vec<Unit>, Failure> {
    let units = &job.config.units;
    let pointer = job.pointer();
    let load = |at: usize| {
        let name = units.get(at).ok_or_else(|| Failure::new("load units", "the index is out of range").bug())?;
        systemd::unit(name).and_then(|unit| runs_pointer(&pointer, &unit).map(|()| unit))
    };
    // Each takes three or four calls of busctl.
    parallel::each(units.len(), units.len(), load, |_, _, _| ())
}

pub(crate) fn runs_pointer(pointer: &str, unit: &Unit) -> Result<(), Failure> {
    unit.container()?;
    if unit.line.image != pointer {
        return Err(Failure::new(unit.service(), format!("it runs {}", unit.line.image))
            .fix(format!("set Image={pointer} in the Quadlet and run systemctl --user daemon-reload")));
    }
    if unit.line.value("--pull") != Some("never") {
        return Err(Failure::new(unit.service(), "a restart of it may pull what was not verified")
            .fix("set Pull=never in the Quadlet and run systemctl --user daemon-reload"));
    }
    Ok(())
}
