//! The states before the cutover: `claimed`, `resolved`, `verified`, `pulled`, `gated`, `pre`.
//!
//! A failure or a restart in any of these changes nothing about what serves.

use std::time::Duration;

use crate::{
    config::{Drift, Mode},
    cutover::{self, Failing},
    drift,
    failure::Failure,
    gate::{LABEL, gate_line},
    interrupt,
    job::{Ended, Job, kept, units},
    memory,
    output::Level,
    parallel, podman, registry,
    state::{Phase, Release, Run, short},
    store::{self, Store, now},
    systemd::Unit,
    tag::Tag,
    tool, verify,
};

const FIX_OF_GATE: &str = "correct what the line names, in the image or in the unit and its drop-ins; stepdown deploy \
                          --gate-only TAG checks it again and changes nothing";

pub(crate) struct Order {
    pub(crate) tag: Tag,
    pub(crate) request: Option<String>,
    pub(crate) kind: Kind,
}

pub(crate) enum Kind {
    Deploy {
        gate_only: bool,
    },
    /// To an image that served before; `now` skips verification and gate.
    Rollback {
        to: Box<Release>,
        now: bool,
    },
}

pub(crate) fn run(job: &Job, store: &mut Store, order: &Order) -> Result<Ended, Failure> {
    interrupt::begin();
    let ended = run_until_signal(job, store, order);
    interrupt::end();
    ended
}

fn run_until_signal(job: &Job, store: &mut Store, order: &Order) -> Result<Ended, Failure> {
    store.state.run = Some(Run {
        tag: order.tag.clone(),
        request: order.request.clone(),
        rollback: matches!(order.kind, Kind::Rollback { .. }),
        started: now(),
        phase: Phase::Claimed,
        candidate: None,
        before: None,
        reason: None,
        fix: None,
    });
    if let Err(failure) = store.enter(Phase::Claimed) {
        return Ok(refused(job, store, &order.tag, &failure));
    }
    match prepare(job, store, order) {
        Err(failure) => Ok(refused(job, store, &order.tag, &failure)),
        Ok(()) if matches!(order.kind, Kind::Deploy { gate_only: true }) => {
            interrupt::ignore();
            drop_candidate(job, store);
            let answer = format!("ok {} passed the gate; nothing has changed", order.tag);
            store.end(&answer, None, false)?;
            Ok(Ended::done(answer))
        }
        Ok(()) => Ok(cutover::run(job, store)),
    }
}

/// Ends a run that an earlier process left unfinished: before the cutover nothing has changed; from the cutover on, the
/// previous image is restored.
pub(crate) fn recover(job: &Job, store: &mut Store) -> Result<Option<Ended>, Failure> {
    interrupt::begin();
    interrupt::ignore();
    let ended = end_unfinished(job, store);
    interrupt::end();
    ended
}

fn end_unfinished(job: &Job, store: &mut Store) -> Result<Option<Ended>, Failure> {
    podman::sweep(&format!("{LABEL}={}", job.place.app))?;
    let Some(run) = store.state.run.clone() else {
        if !store.state.unheld.is_empty() {
            drop_unheld(job, store)?;
            // A pull that outlived its stepdown has ended by now.
            store.state.unheld.clear();
            store.save()?;
        }
        return Ok(None);
    };
    let interrupted = Failure::new("deploy", format!("it was interrupted in state {}", run.phase.name()))
        .fix(format!("stepdown deploy {} tries it again", run.tag));
    let ended = match run.reason {
        _ if !run.phase.touched() => refused(job, store, &run.tag, &interrupted),
        Some(reason) => cutover::restore(job, store, &Failing { reason, fix: run.fix, unit: None }),
        None => cutover::restore(job, store, &Failing::from(interrupted)),
    };
    job.report.note(Level::Warn, "interrupted run", &ended.answer);
    Ok(Some(ended))
}

fn refused(job: &Job, store: &mut Store, tag: &Tag, failure: &Failure) -> Ended {
    interrupt::ignore();
    drop_candidate(job, store);
    let answer = format!("fail {tag} {}; nothing has changed", failure.line());
    if let Err(failure) = store.end(&answer, Some(&failure.fix), false) {
        job.report.note(Level::Warn, "state", &failure.with_fix());
    }
    job.report.note(Level::Fix, "to fix it", &failure.fix);
    Ended::refused(answer, Some(failure.fix.clone()))
}

/// Removes the image that will not serve, unless something uses it.
fn drop_candidate(job: &Job, store: &mut Store) {
    let swept = podman::sweep(&format!("{LABEL}={}", job.place.app)).and_then(|()| drop_unheld(job, store));
    let dropped = swept.and_then(|()| podman::retire(&job.place.app, &kept(store, usize::MAX)));
    if let Err(failure) = dropped {
        job.report.note(Level::Warn, "clean up", &failure.with_fix());
    }
}

/// Removes the images that were pulled and not held. One that is not here stays in the state: its pull may outlive the
/// stepdown that was killed, and end later.
fn drop_unheld(job: &Job, store: &mut Store) -> Result<(), Failure> {
    let mut left = Vec::new();
    for reference in &store.state.unheld {
        if !podman::drop_unheld(&job.place.app, reference, &kept(store, usize::MAX))? {
            left.push(reference.clone());
        }
    }
    store.state.unheld = left;
    Ok(())
}

/// Pulls and holds an image. It is in the state before it is on the disk.
fn pull(job: &Job, store: &mut Store, reference: &str) -> Result<Release, Failure> {
    if !store.state.unheld.iter().any(|one| one == reference) && !podman::exists(reference)? {
        store.state.unheld.push(reference.to_owned());
        store.save()?;
    }
    let pulled = podman::pull(reference, verify::pull_policy(job.config)).and_then(|()| podman::image(reference));
    if pulled.is_err() && !podman::exists(reference)? {
        store.state.unheld.retain(|one| one != reference);
    }
    store::signal_after("pull");
    let gone = || Failure::new(format!("pull {reference}"), "it was removed at once").fix("deploy it again");
    let release = held(job, pulled?.ok_or_else(gone)?)?;
    store.state.unheld.retain(|one| one != reference);
    Ok(release)
}

fn prepare(job: &Job, store: &mut Store, order: &Order) -> Result<(), Failure> {
    let look = || {
        let units = units(job)?;
        let before = serving(job, store)?;
        if let Some(before) = &before {
            podman::keep_held(&job.place.app, &before.image)?;
        }
        Ok((units, before))
    };
    let (units, before) = job.report.step("look", look, |(units, before)| {
        let serving = before.as_ref().map_or("nothing".to_owned(), Release::name);
        format!("{} units, serving {serving}", units.len())
    })?;
    for unit in units.iter().filter(|unit| before.is_some() && unit.active != "active") {
        let words = format!("it is {} before the deploy, and is started with the others", unit.active);
        job.report.note(Level::Warn, &unit.service(), &words);
    }
    if let Some(run) = store.state.run.as_mut() {
        run.before = before.clone();
    }
    let candidate = match &order.kind {
        Kind::Rollback { to, now: true } => present(job, to).and_then(|found| held(job, found))?,
        Kind::Rollback { to, now: false } => fetch(job, store, order, Some(to), before.as_ref())?,
        Kind::Deploy { .. } => fetch(job, store, order, None, before.as_ref())?,
    };
    if let Some(run) = store.state.run.as_mut() {
        run.candidate = Some(candidate.clone());
    }
    store.enter(Phase::Pulled)?;
    if !matches!(order.kind, Kind::Rollback { now: true, .. }) {
        compare(job, &units, &candidate)?;
        gate_all(job, &units, &candidate)?;
        store.enter(Phase::Gated)?;
    }
    if matches!(order.kind, Kind::Deploy { gate_only: false }) && !job.config.gate.pre.is_empty() {
        store.enter(Phase::Pre)?;
        pre(job, &candidate)?;
    }
    Ok(())
}

/// The image that the pointer names, with its tag and digest from the state.
pub(crate) fn serving(job: &Job, store: &Store) -> Result<Option<Release>, Failure> {
    let Some(found) = podman::image(&job.pointer())? else { return Ok(None) };
    let known = store.state.serving.iter().chain(&store.state.previous).find(|known| known.image == found.image);
    Ok(Some(known.cloned().unwrap_or(found)))
}

fn present(job: &Job, to: &Release) -> Result<Release, Failure> {
    podman::image(&to.image)?.map(|_| to.clone()).ok_or_else(|| {
        Failure::new(format!("roll back {}", job.place.app), format!("image {} is no longer here", short(&to.image)))
            .fix("leave out --now: the image is then pulled, verified and checked")
    })
}

fn held(job: &Job, release: Release) -> Result<Release, Failure> {
    podman::hold(&job.place.app, &release.image).map(|()| release)
}

fn fetch(
    job: &Job,
    store: &mut Store,
    order: &Order,
    back: Option<&Release>,
    before: Option<&Release>,
) -> Result<Release, Failure> {
    let image = &job.config.image;
    let digest = match back.and_then(|release| release.digest.clone()) {
        Some(digest) => digest,
        None => {
            let resolved = job.report.step("resolve", || registry::resolve(image, &order.tag), |r| r.digest.clone())?;
            // A signature does not name the tag. Someone who can move tags could deploy an old image with known faults.
            if let Some(before) = before.filter(|before| back.is_none() && resolved.created < before.created) {
                return Err(Failure::new(
                    format!("deploy {}", order.tag),
                    format!("it is older than {}", before.name()),
                )
                .fix(format!("stepdown rollback {} goes back on purpose", order.tag)));
            }
            resolved.digest
        }
    };
    store.enter(Phase::Resolved)?;
    job.report.step("verify", || verify::verify(job.config, &digest), Clone::clone)?;
    store.enter(Phase::Verified)?;
    let reference = format!("{image}@{digest}");
    let candidate =
        job.report.step("pull", || pull(job, store, &reference), |release| short(&release.image).to_owned())?;
    Ok(candidate.with(&order.tag, &digest))
}

/// Compares each unit with what the image renders. An image that renders nothing has no `/init`: a gate would start the
/// app itself, which does not know `BOOT_CHECK_ONLY`.
fn compare(job: &Job, units: &[Unit], candidate: &Release) -> Result<(), Failure> {
    let words = |lines: &Vec<String>| match lines.len() {
        0 => "the units are as the image renders them".to_owned(),
        count => format!("{count} differences"),
    };
    let lines = job.report.step("drift", || drift_of(job, units, &candidate.image), words)?;
    for line in &lines {
        job.report.note(Level::Warn, "drift", line);
    }
    if lines.is_empty() || job.config.drift == Drift::Warn {
        return Ok(());
    }
    Err(Failure::new("drift", lines.join("; ")).fix(drift::FIX))
}

pub(crate) fn drift_of(job: &Job, units: &[Unit], image: &str) -> Result<Vec<String>, Failure> {
    let page = drift::page(image, &format!("{LABEL}={}", job.place.app))?;
    let rendered = match drift::rendering(&page) {
        Ok(rendered) => rendered,
        Err(failure) => return Ok(vec![failure.with_fix()]),
    };
    let of = |unit: &Unit| {
        drift::differences(unit, &rendered).into_iter().map(|line| format!("{}: {line}", unit.name)).collect::<Vec<_>>()
    };
    Ok(units.iter().flat_map(of).collect())
}

/// Runs the boot check under each unit's own flags, beside what serves. After a failure no further gate starts.
fn gate_all(job: &Job, units: &[Unit], candidate: &Release) -> Result<(), Failure> {
    let mut gates = Vec::new();
    for unit in units {
        let name = format!("gate {}", unit.name);
        let mode = job.config.mode(&unit.name);
        if mode == Mode::Off {
            job.report.note(Level::Skip, &name, "mode = \"off\"");
            continue;
        }
        let line = gate_line(&unit.line, &job.place.app, &unit.name, &candidate.image, mode, &job.config.gate.env)
            .map_err(|reason| {
                Failure::new(unit.service(), reason).fix(format!(
                    "take the flag out of the unit, or set [gate] mode = {{ \"{}\" = \"off\" }}",
                    unit.name
                ))
            })?;
        gates.push((name, line.words()));
    }
    let at_once = memory::gates_at_once(job.config.gate.at_once, units);
    let limit = job.config.gate.timeout.0;
    let check = |at: usize| {
        let Some((name, words)) = gates.get(at) else { return Ok(()) };
        let output = tool::run(words, limit)?;
        if output.ok() {
            return Ok(());
        }
        Err(Failure::new(name, verdict(&output)).fix(output.or_longer(FIX_OF_GATE, "[gate] timeout")))
    };
    let names: Vec<&str> = gates.iter().map(|(name, _)| name.as_str()).collect();
    job.report.begin(&names.join(", "));
    let results = parallel::each(gates.len(), at_once, check, |at, result, took| {
        job.report.ended(names.get(at).copied().unwrap_or_default(), result, |()| "passed".to_owned(), took);
    });
    job.report.end();
    results.map(|_| ())
}

/// The FAIL line of the boot check; without one, the last lines of output.
fn verdict(output: &tool::Output) -> String {
    let mut lines = output.out.lines().chain(output.err.lines());
    let failed = lines.find(|line| line.split_whitespace().any(|word| word == "FAIL"));
    match failed {
        Some(line) if !output.timed_out => tool::quoted(line),
        _ => output.complaint(),
    }
}

fn pre(job: &Job, candidate: &Release) -> Result<(), Failure> {
    let digest = candidate.digest.as_deref().unwrap_or_default();
    let image = format!("{}@{digest}", job.config.image);
    let argv: Vec<String> = job.config.gate.pre.iter().map(|word| word.replace("{image}", &image)).collect();
    let limit: Duration = job.config.gate.timeout.0;
    let run = || {
        let output = tool::run(&argv, limit)?;
        // The command may contain a password, and the answer goes to CI.
        let fix =
            "run the command of [gate] pre by hand with this image, and correct what it prints; then deploy again";
        if output.ok() {
            return Ok(());
        }
        Err(Failure::new("pre", output.complaint()).fix(output.or_longer(fix, "[gate] timeout")))
    };
    job.report.step("pre", run, |()| "done".to_owned())
}
