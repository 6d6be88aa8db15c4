//! The service's command: restores after an interrupted run, then answers every request until none waits.
//!
//! CI polls for its answer, so every request gets one. If no deploy is possible at all, because the configuration is
//! wrong, the state cannot be read or Podman is missing, that failure is the answer. A request whose answer cannot be
//! written stays claimed, and the service tries again: the disk may be full, or the directory gone.

use std::{collections::BTreeMap, fs, path::PathBuf, process::ExitCode, thread, time::Duration};

use crate::{
    config::{self, Config},
    deploy::{self, Kind, Order},
    failure::Failure,
    interrupt,
    job::{Ended, Job},
    output::Level,
    place::{self, Place},
    report::Report,
    state::State,
    store::{self, Lock, Store},
    trigger::{Request, Spool, UNCLAIMED},
};

/// Between two attempts to write an answer.
const RETRY: Duration = Duration::from_secs(5);
const FIX_OF_SPOOL: &str = "keep [spool] dir on the file system of the home directory, and let CI write files there";
const FIX_OF_TAG: &str = "write one tag and nothing else, in a regular file";

pub(crate) struct Service<'a> {
    place: &'a Place,
    report: &'a Report,
    /// The answers that could not be written yet, by the request's name.
    unwritten: BTreeMap<String, Ended>,
    /// What was reported already: an attempt that fails as the last one did is not reported again.
    reported: String,
}

impl<'a> Service<'a> {
    pub(crate) fn new(place: &'a Place, report: &'a Report) -> Self {
        Self { place, report, unwritten: BTreeMap::new(), reported: String::new() }
    }

    /// Answers until no request waits. The exit code is that of the last run.
    pub(crate) fn run(mut self) -> Result<ExitCode, Failure> {
        let mut last = ExitCode::SUCCESS;
        loop {
            match self.round() {
                Ok(code) => last = code.unwrap_or(last),
                Err(failure) if self.unwritten.is_empty() => return Err(failure),
                Err(failure) => self.warn("answer", &failure),
            }
            if self.unwritten.is_empty() {
                return Ok(last);
            }
            if interrupt::signal().is_some() {
                return Ok(last);
            }
            // Without the lock: a deploy or a rollback by hand is possible meanwhile.
            thread::sleep(RETRY);
        }
    }

    fn round(&mut self) -> Result<Option<ExitCode>, Failure> {
        let Some(lock) = Lock::take(&self.place.state, true)? else { return Ok(None) };
        match self.prepare(&lock) {
            Ok((config, mut store, recovered)) => self.serve(&config, &mut store, recovered),
            Err(failure) => self.decline(failure).map(Some),
        }
    }

    /// What every deploy needs. An interrupted run is ended here, before the spool is opened: it may be gone.
    fn prepare<'l>(&self, lock: &'l Lock) -> Result<(Config, Store<'l>, Option<Ended>), Failure> {
        let config = Config::read(&self.place.config)?;
        let mut store = lock.store()?;
        let spool = spool_dir(&config)?;
        if store.state.spool.as_ref() != Some(&spool) {
            store.state.spool = Some(spool);
            // Needed only if the configuration cannot be read later.
            let _ = store.save();
        }
        let job = Job { place: self.place, config: &config, report: self.report };
        let recovered = deploy::recover(&job, &mut store)?;
        Ok((config, store, recovered))
    }

    fn serve(
        &mut self,
        config: &Config,
        store: &mut Store,
        recovered: Option<Ended>,
    ) -> Result<Option<ExitCode>, Failure> {
        let job = Job { place: self.place, config, report: self.report };
        let spool = Spool::open(&place::expand(&spool_dir(config)?)?, &self.place.state)?;
        if recovered.as_ref().is_some_and(|ended| ended.later) {
            return Ok(recovered.as_ref().map(Ended::exit));
        }
        let mut last = recovered;
        let mut tried: Vec<String> = Vec::new();
        loop {
            let mut requests = spool.claim()?;
            store.state.unanswered.retain(|one| requests.iter().any(|request| one.is_of(&request.name)));
            requests.retain(|request| !tried.contains(&request.name));
            if requests.is_empty() {
                return Ok(last.as_ref().map(Ended::exit));
            }
            for request in requests {
                let known = self.unwritten.get(&request.name).cloned().or_else(|| known(&store.state, &request.name));
                let ended = match known {
                    Some(ended) => ended,
                    None => self.answered(&job, store, &request)?,
                };
                if ended.later {
                    return Ok(Some(ended.exit()));
                }
                if self.write(&spool, &request.name, &ended) {
                    store.answered(&request.name);
                }
                tried.push(request.name);
                last = Some(ended);
                if interrupt::signal().is_some() {
                    // The service was stopped: its next start answers the others.
                    return Ok(last.as_ref().map(Ended::exit));
                }
            }
        }
    }

    fn answered(&self, job: &Job, store: &mut Store, request: &Request) -> Result<Ended, Failure> {
        let ended = match &request.tag {
            Ok(tag) => {
                let kind = Kind::Deploy { gate_only: false };
                deploy::run(job, store, &Order { tag: tag.clone(), request: Some(request.name.clone()), kind })?
            }
            Err(reason) => no_tag(reason),
        };
        self.report.answer(&ended.answer, ended.stuck);
        Ok(ended)
    }

    /// Answers every request with the failure that prevents all deploys.
    fn decline(&mut self, failure: Failure) -> Result<ExitCode, Failure> {
        let state = store::read(&self.place.state).unwrap_or_default();
        let Some(spool) = self.any_spool(&state) else { return Err(failure) };
        let Ok(requests) = spool.claim() else { return Err(failure) };
        for request in requests {
            let known = self.unwritten.get(&request.name).cloned().or_else(|| known(&state, &request.name));
            let ended = known.unwrap_or_else(|| declined(&state, &request, &failure));
            self.write(&spool, &request.name, &ended);
        }
        let code = failure.exit();
        if self.is_new(&failure) {
            self.report.fatal(failure);
        }
        Ok(code)
    }

    /// The spool of the configuration as far as it can be read, or the one of the last run.
    fn any_spool(&self, state: &State) -> Option<Spool> {
        let text = fs::read_to_string(&self.place.config).unwrap_or_default();
        let dirs = config::spool_in(&text).into_iter().chain(state.spool.clone());
        let dirs = dirs.filter_map(|dir| place::expand(&dir).ok());
        dirs.filter_map(|dir: PathBuf| Spool::open(&dir, &self.place.state).ok()).next()
    }

    /// Writes an answer, or keeps it for the next attempt.
    fn write(&mut self, spool: &Spool, name: &str, ended: &Ended) -> bool {
        match spool.answer(name, &ended.text()) {
            Ok(()) => {
                self.unwritten.remove(name);
                true
            }
            Err(failure) => {
                self.warn("answer", &failure);
                self.unwritten.insert(name.to_owned(), ended.clone());
                false
            }
        }
    }

    fn warn(&mut self, name: &str, failure: &Failure) {
        if self.is_new(failure) {
            let words = format!("{}; the next attempt is in {RETRY:?}", failure.with_fix());
            self.report.note(Level::Warn, name, &words);
        }
    }

    fn is_new(&mut self, failure: &Failure) -> bool {
        let line = failure.line();
        let is_new = self.reported != line;
        self.reported = line;
        is_new
    }
}

fn spool_dir(config: &Config) -> Result<String, Failure> {
    let spool = config.spool.as_ref().map(|spool| spool.dir.clone());
    spool.ok_or_else(|| {
        Failure::configuration("deploy --trigger", "[spool] dir is not configured")
            .fix("set dir in [spool], or deploy by hand: stepdown deploy TAG")
    })
}

/// The answer of a request whose run ended in an earlier process.
fn known(state: &State, name: &str) -> Option<Ended> {
    state.unanswered.iter().find(|one| one.is_of(name)).map(Ended::of)
}

fn no_tag(reason: &str) -> Ended {
    let fix = if reason.starts_with(UNCLAIMED) { FIX_OF_SPOOL } else { FIX_OF_TAG };
    Ended::refused(format!("fail - {reason}; nothing has changed"), Some(fix.to_owned()))
}

fn declined(state: &State, request: &Request, failure: &Failure) -> Ended {
    let tag = match &request.tag {
        Ok(tag) => tag,
        Err(reason) => return no_tag(reason),
    };
    let interrupted = state.run.as_ref().filter(|run| run.request.as_ref() == Some(&request.name));
    let words = match interrupted {
        Some(run) if run.phase.touched() => "its cutover was interrupted, and is not restored yet",
        _ => "nothing has changed",
    };
    Ended::refused(format!("fail {tag} {}; {words}", failure.line()), Some(failure.fix.clone()))
}
