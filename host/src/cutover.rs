//! The cutover: restarts the units, checks their health, and restores the previous image on any failure.
//!
//! To restore is to reconcile: the pointer names the previous image, and each unit whose container runs another image
//! is restarted. The result is therefore the same from every state, also after SIGKILL or a reboot.

use std::{
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use crate::{
    failure::{Failure, one_line},
    interrupt,
    job::{self, Ended, Job, kept},
    output::Level,
    podman::{self, Container},
    state::{Phase, Release, short},
    store::{Store, now},
    systemd::{self, Unit},
    tool,
};

/// For an app without a health check: it must not restart in this time.
const SOAK_WITHOUT_CHECK: Duration = Duration::from_secs(10);
const BETWEEN: Duration = Duration::from_millis(200);
/// The interval of health checks.
const EACH: Duration = Duration::from_secs(1);
/// A single failed check is repeated after this time.
const SECOND_ASK: Duration = Duration::from_millis(400);

const SHUT_DOWN: &str = "the host was shut down meanwhile";
const DEPLOY_AGAIN: &str = "deploy the tag again";

pub(crate) fn run(job: &Job, store: &mut Store) -> Ended {
    match cut_and_watch(job, store) {
        Ok(candidate) => finish(job, store, candidate),
        // The unit that failed was stopped by the shutdown.
        Err(_) if systemd::is_stopping() => {
            let failure = Failure::new("deploy", SHUT_DOWN).fix(DEPLOY_AGAIN);
            restore(job, store, &Failing::from(failure))
        }
        Err(failure) => restore(job, store, &Failing::from(failure)),
    }
}

fn cut_and_watch(job: &Job, store: &mut Store) -> Result<Release, Failure> {
    let candidate = store.state.run.as_ref().and_then(|run| run.candidate.clone());
    let candidate = candidate.ok_or_else(|| Failure::new("cut over", "the state names no image").bug())?;
    let units = job::units(job)?;
    let mut watched = Vec::new();
    for (at, unit) in units.into_iter().enumerate() {
        store.enter(Phase::Cutting { unit: at })?;
        if at == 0 {
            podman::tag(&candidate.image, &job.pointer())?;
        }
        let name = format!("cut over {}", unit.name);
        let how = if !unit.sockets.is_empty() { "healthy; its socket held the port" } else { "healthy" };
        // A unit that becomes unhealthy while the next one is cut over is noticed now, not in the soak.
        let found = while_watching(&watched, &unit, |given_up| {
            let replace = || replace(job, &unit, &candidate.image, given_up);
            let replaced = job.report.step(&name, replace, |_| how.to_owned());
            replaced.map_err(|failure| failure.of_unit(&unit.name))
        })?;
        watched.push(Watched { unit, found });
    }
    store.enter(Phase::Soaking)?;
    let time = job.config.cutover.soak.map_or_else(|| soak_time(&watched), |span| span.0);
    job.report.step("soak", || soak(&watched, time), |()| format!("healthy for {time:?}"))?;
    Ok(candidate)
}

/// Restarts the unit and waits until its container runs `image` and is healthy. The job's result decides first.
fn replace(job: &Job, unit: &Unit, image: &str, given_up: &AtomicBool) -> Result<Container, Failure> {
    let limit = job.config.cutover.timeout.0;
    let deadline = Instant::now() + limit;
    let gave_up = || {
        let failure = Failure::new(unit.service(), "it is given up: another unit failed meanwhile");
        failure.fix(fix_of_app(unit))
    };
    let is_given_up = || given_up.load(Ordering::SeqCst);
    systemd::restart(unit, limit).map_err(|failure| if is_given_up() { gave_up() } else { failure })?;
    healthy_by(unit, image, deadline, || if is_given_up() { Err(gave_up()) } else { Ok(()) })
}

fn healthy_by(
    unit: &Unit,
    image: &str,
    deadline: Instant,
    go_on: impl Fn() -> Result<(), Failure>,
) -> Result<Container, Failure> {
    let name = unit.container()?;
    let mut last = "it is not running".to_owned();
    loop {
        if let Some(found) = podman::container(name)?.filter(|found| found.running) {
            runs(unit, &found, image)?;
            match judge(name, &found)? {
                Ok(()) => return Ok(found),
                Err(reason) if found.health.as_deref() == Some("unhealthy") => {
                    return Err(Failure::new(format!("{name} is unhealthy"), reason).fix(fix_of_app(unit)));
                }
                Err(reason) => last = reason,
            }
        }
        go_on()?;
        if Instant::now() >= deadline {
            let fix = format!("{}; or raise [cutover] timeout", fix_of_app(unit));
            return Err(Failure::new(format!("{name} is not healthy in time"), last).fix(fix));
        }
        tool::sleep(BETWEEN)?;
    }
}

/// Where the app says why it is not healthy. The container is gone, its lines are in the journal.
fn fix_of_app(unit: &Unit) -> String {
    let service = unit.service();
    format!("release an image that stays healthy; journalctl --user -u {service} has the lines of this one")
}

fn runs(unit: &Unit, found: &Container, image: &str) -> Result<(), Failure> {
    if found.image == image {
        return Ok(());
    }
    let reason = format!("it runs image {}, not {}", short(&found.image), short(image));
    Err(Failure::new(unit.service(), reason).fix(format!(
        "remove what overrides Image= in the drop-ins that systemctl --user cat {} lists",
        unit.service()
    )))
}

/// Runs the container's health check now. Podman's recorded result may be one interval old.
fn judge(name: &str, found: &Container) -> Result<Result<(), String>, Failure> {
    found.check.as_ref().map_or(Ok(Ok(())), |check| podman::ask(name, check))
}

/// A unit that was cut over, and its container as it was then.
struct Watched {
    unit: Unit,
    found: Container,
}

impl Watched {
    fn failure(&self, reason: &str) -> Failure {
        let name = self.unit.container().unwrap_or(&self.unit.name);
        Failure::new(name, reason).fix(fix_of_app(&self.unit)).of_unit(&self.unit.name)
    }

    /// It must be the same container, never restarted, and healthy. Each start by systemd makes a new container.
    fn look(&self, now: Option<&Container>) -> Result<(), Failure> {
        let Some(now) = now else { return Err(self.failure("its container is gone")) };
        if now.id != self.found.id || !now.running || now.restarts != self.found.restarts {
            return Err(self.failure("it ended and was restarted"));
        }
        let name = self.unit.container()?;
        if judge(name, now)?.is_ok() {
            return Ok(());
        }
        tool::sleep(SECOND_ASK)?;
        judge(name, now)?
            .map_err(|reason| Failure::new(format!("{name} turned unhealthy"), reason).fix(fix_of_app(&self.unit)))
            .map_err(|failure| failure.of_unit(&self.unit.name))
    }
}

/// Looks at every unit: one call of Podman for all containers, then all health checks at the same time.
fn look_at(watched: &[Watched]) -> Result<(), Failure> {
    let names = watched.iter().map(|one| one.unit.container()).collect::<Result<Vec<_>, _>>()?;
    let now = podman::containers(&names)?;
    thread::scope(|scope| {
        let looks: Vec<_> =
            watched.iter().zip(&names).map(|(one, name)| scope.spawn(|| one.look(now.get(*name)))).collect();
        looks.into_iter().try_for_each(|look| {
            look.join().unwrap_or_else(|_| Err(Failure::new("soak", "a thread ended early").bug()))
        })
    })
}

/// Runs `work` on `unit` and checks the others every second meanwhile. If one became unhealthy, the work is given up: a
/// unit may need a minute to start. That failure is reported before one of `work`.
fn while_watching<T>(
    watched: &[Watched],
    unit: &Unit,
    work: impl FnOnce(&AtomicBool) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let given_up = &AtomicBool::new(false);
    if watched.is_empty() {
        return work(given_up);
    }
    thread::scope(|scope| {
        let (ended, end) = mpsc::channel::<()>();
        let watch = scope.spawn(move || {
            // The first check is due after an interval: the unit was healthy when its cutover ended.
            while end.recv_timeout(EACH) == Err(mpsc::RecvTimeoutError::Timeout) {
                if let Err(failure) = look_at(watched) {
                    given_up.store(true, Ordering::SeqCst);
                    // The restart that waits ends with its job. The unit is restored in any case.
                    let _ = systemd::cancel(&unit.name);
                    return Err(failure);
                }
            }
            Ok(())
        });
        let done = work(given_up);
        drop(ended);
        watch.join().unwrap_or_else(|_| Err(Failure::new("watch", "a thread ended early").bug())).and(done)
    })
}

fn soak_time(watched: &[Watched]) -> Duration {
    let of = |one: &Watched| one.found.check.as_ref().map_or(SOAK_WITHOUT_CHECK, podman::HealthCheck::soak);
    watched.iter().map(of).max().unwrap_or_default()
}

/// Checks every unit each second.
fn soak(watched: &[Watched], time: Duration) -> Result<(), Failure> {
    let end = Instant::now() + time;
    loop {
        let next = Instant::now() + EACH;
        look_at(watched)?;
        if Instant::now() >= end {
            return Ok(());
        }
        tool::sleep(next.min(end).saturating_duration_since(Instant::now()))?;
    }
}

fn finish(job: &Job, store: &mut Store, candidate: Release) -> Ended {
    interrupt::ignore();
    let before = store.state.run.as_ref().and_then(|run| run.before.clone());
    let answer = format!("ok {}", candidate.name());
    let image = candidate.image.clone();
    let under_way = store.state.clone();
    let served = before.filter(|before| before.image != image);
    store.state.previous.retain(|one| one.image != image && Some(&one.image) != served.as_ref().map(|s| &s.image));
    if let Some(served) = served {
        store.state.previous.insert(0, served);
    }
    store.state.previous.truncate(job.config.retire.keep);
    store.state.serving = Some(Release { since: Some(now()), ..candidate });
    if let Err(failure) = store.end(&answer, None, false) {
        // On disk the run is still under way, and the next start would restore what served before.
        store.state = under_way;
        return restore(job, store, &Failing::from(failure));
    }
    if let Err(failure) = retire(job, store) {
        job.report.note(Level::Warn, "clean up", &failure.line());
    }
    Ended::done(answer)
}

/// Removes the images that neither serve nor may be restored.
fn retire(job: &Job, store: &Store) -> Result<(), Failure> {
    let gone = || podman::retire(&job.place.app, &kept(store, job.config.retire.keep));
    let words = |gone: &Vec<String>| if gone.is_empty() { "nothing".to_owned() } else { gone.join(", ") };
    job.report.step("retire", gone, words).map(|_| ())
}

/// Why the previous image is restored. It is part of the state, so that a restart of this program keeps it.
pub(crate) struct Failing {
    pub(crate) reason: String,
    pub(crate) fix: Option<String>,
    /// The unit that failed: it is restored first.
    pub(crate) unit: Option<String>,
}

impl From<Failure> for Failing {
    fn from(failure: Failure) -> Self {
        Self { reason: failure.line(), fix: Some(failure.fix), unit: failure.unit }
    }
}

/// Restores what served before this run, in whatever state it is.
pub(crate) fn restore(job: &Job, store: &mut Store, failing: &Failing) -> Ended {
    interrupt::ignore();
    let Failing { reason, fix, unit: failed } = failing;
    let Some(run) = store.state.run.as_mut() else {
        let answer = format!("fail {reason}");
        return Ended { stuck: true, ..Ended::refused(answer, fix.clone()) };
    };
    run.reason = Some(reason.clone());
    run.fix = fix.clone();
    let (tag, before) = (run.tag.clone(), run.before.clone());
    if let Err(failure) = store.enter(Phase::Restoring) {
        job.report.note(Level::Warn, "state", &failure.line());
    }
    let result = match &before {
        Some(before) => reconcile(job, before, failed.as_deref()),
        None => withdraw(job, store),
    };
    if result.is_err() && systemd::is_stopping() {
        // systemd starts no unit any more. The run stays under way, and the next start restores. The shutdown may have
        // caused the failure, before systemd said that it stops.
        if let Some(run) = store.state.run.as_mut().filter(|_| !reason.contains(SHUT_DOWN)) {
            run.reason = Some(format!("{reason}; {SHUT_DOWN}"));
            run.fix = Some(DEPLOY_AGAIN.to_owned());
        }
        if let Err(failure) = store.save() {
            job.report.note(Level::Warn, "state", &failure.line());
        }
        let answer = format!("fail {tag} {}; the host shuts down: the next start restores", one_line(reason));
        return Ended { later: true, ..Ended::refused(answer, Some(DEPLOY_AGAIN.to_owned())) };
    }
    // Of what is still wrong: the image can be corrected later.
    let fix = result.as_ref().map_or_else(|stuck| Some(stuck.fix.clone()), |()| fix.clone());
    let (words, stuck) = match (result, &before) {
        (Ok(()), Some(before)) => (format!("serving {}", before.name()), false),
        (Ok(()), None) => ("nothing served before, and nothing serves".to_owned(), false),
        (Err(failure), _) => (format!("stuck: {}", failure.line()), true),
    };
    let answer = format!("fail {tag} {}; {words}", one_line(reason));
    if let Err(failure) = store.end(&answer, fix.as_deref(), stuck) {
        job.report.note(Level::Warn, "state", &failure.line());
    }
    if let Some(fix) = &fix {
        job.report.note(Level::Fix, "to fix it", fix);
    }
    let let_go = podman::retire(&job.place.app, &kept_after_restore(store, before.as_ref()));
    if let Err(failure) = let_go {
        job.report.note(Level::Warn, "clean up", &failure.line());
    }
    Ended { stuck, ..Ended::refused(answer, fix) }
}

fn kept_after_restore<'a>(store: &'a Store, before: Option<&'a Release>) -> Vec<&'a str> {
    let mut images = kept(store, usize::MAX);
    images.extend(before.map(|release| release.image.as_str()));
    images
}

/// Restores the pointer, then every unit: the failed one first, the others in reverse order. A unit that cannot be
/// restored does not stop the others from being restored.
fn reconcile(job: &Job, before: &Release, failed: Option<&str>) -> Result<(), Failure> {
    let (pointer, units) = (job.pointer(), &job.config.units);
    podman::tag(&before.image, &pointer).map_err(|failure| {
        let restart = by_hand(&format!("podman tag {} {pointer} && systemctl --user", before.image), units);
        failure.and_then(&restart)
    })?;
    let mut result = Ok(());
    let mut left = Vec::new();
    let mut names: Vec<&String> = units.iter().rev().collect();
    names.sort_by_key(|name| Some(name.as_str()) != failed);
    for name in names {
        let step = format!("restore {name}");
        let restored = systemd::unit(name).and_then(|unit| {
            let runs = podman::container(unit.container()?)?.filter(|found| found.running);
            let served = runs.filter(|found| unit.active == "active" && found.image == before.image);
            // A tag may be deployed again: the image is the same, and the unit failed with it.
            if let Some(found) = served.filter(|_| Some(name.as_str()) != failed)
                && judge(unit.container()?, &found)?.is_ok()
            {
                return Ok(());
            }
            let replace = || replace(job, &unit, &before.image, &AtomicBool::new(false));
            job.report.step(&step, replace, |_| "healthy".to_owned()).map(|_| ())
        });
        if restored.is_err() {
            left.push(name.clone());
        }
        result = result.and(restored);
    }
    // The pointer names the previous image already.
    result.map_err(|failure| failure.and_then(&by_hand("systemctl --user", &left)))
}

/// The command that starts these units again; after five failed starts systemd would refuse.
fn by_hand(systemctl: &str, units: &[String]) -> String {
    let services = units.iter().map(|unit| format!("{unit}.service")).collect::<Vec<_>>().join(" ");
    format!("{systemctl} reset-failed {services}; systemctl --user restart {services}")
}

/// The first deploy failed: its units are stopped, and the pointer goes.
fn withdraw(job: &Job, store: &Store) -> Result<(), Failure> {
    let candidate = store.state.run.as_ref().and_then(|run| run.candidate.as_ref());
    let pointed = podman::image(&job.pointer())?;
    let mut result = Ok(());
    for name in job.config.units.iter().rev() {
        let stopped = systemd::stop(name, job.config.cutover.timeout.0);
        result = result.and(stopped.map_err(|failure| failure.and_then(&format!("systemctl --user stop {name}"))));
    }
    if candidate.is_some() && pointed.map(|found| found.image) == candidate.map(|release| release.image.clone()) {
        result = result.and(podman::untag(&job.pointer()));
    }
    result
}
