//! The state's file: one JSON document, replaced as a whole, under a lock; and the journal beside it.
//!
//! A state is written and synced before the step that it names begins. A start after SIGKILL, a power cut or a reboot
//! therefore knows what may have been changed.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{Read, Seek, SeekFrom, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use rustix::fs::{FlockOperation, OFlags, flock};
use serde::Deserialize;

use crate::{
    failure::{Context, Failure},
    output::Line,
    state::{Outcome, Phase, State},
};

/// The version of the state's file. An older stepdown would leave out what a newer one has written.
const VERSION: u32 = 1;

#[derive(Deserialize)]
struct Version {
    #[serde(default)]
    version: u32,
}

/// The state's folder, locked for as long as this lives.
pub(crate) struct Lock {
    folder: PathBuf,
    _file: File,
}

impl Lock {
    /// None: another stepdown holds it, and `wait` is false.
    pub(crate) fn take(folder: &Path, wait: bool) -> Result<Option<Self>, Failure> {
        let shown = folder.display();
        fs::create_dir_all(folder.join("claimed")).on("make", &shown)?;
        fs::set_permissions(folder, Permissions::from_mode(0o700)).on("close to others", &shown)?;
        let file = open(&folder.join("lock"), OpenOptions::new().write(true).create(true).truncate(false))?;
        let how = if wait { FlockOperation::LockExclusive } else { FlockOperation::NonBlockingLockExclusive };
        match flock(&file, how) {
            Ok(()) => Ok(Some(Self { folder: folder.to_owned(), _file: file })),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(error).on("lock", &shown),
        }
    }

    /// The state as it is on disk.
    pub(crate) fn store(&self) -> Result<Store<'_>, Failure> {
        Ok(Store { folder: &self.folder, state: read(&self.folder)? })
    }
}

/// The state, which is written while the lock is held.
pub(crate) struct Store<'a> {
    folder: &'a Path,
    pub(crate) state: State,
}

impl Store<'_> {
    /// Writes a new file, syncs it and renames it: a reader sees the old state or the new one.
    pub(crate) fn save(&self) -> Result<(), Failure> {
        let path = self.folder.join("state.json");
        let new = self.folder.join("state.json.new");
        let text = serde_json::to_string_pretty(&self.state).on("encode", "the state")?;
        let write = || -> std::io::Result<()> {
            let mut options = OpenOptions::new();
            let mut file = options.write(true).create(true).truncate(true).mode(0o600);
            file = file.custom_flags(OFlags::NOFOLLOW.bits().cast_signed());
            let mut file = file.open(&new)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&new, &path)?;
            File::open(self.folder)?.sync_all()
        };
        write().on("write", path.display())
    }

    /// Writes the phase that begins, then a line of the journal.
    pub(crate) fn enter(&mut self, phase: Phase) -> Result<(), Failure> {
        let Some(run) = self.state.run.as_mut() else { return Ok(()) };
        run.phase = phase;
        let tag = run.tag.clone();
        self.save()?;
        let unit = if let Phase::Cutting { unit } = phase { Some(unit) } else { None };
        self.note(&Line::Entered { at: now(), tag: &tag, phase: phase.name(), unit });
        signal_after(&phase.point());
        Ok(())
    }

    /// Ends the run with its answer.
    pub(crate) fn end(&mut self, answer: &str, fix: Option<&str>, stuck: bool) -> Result<(), Failure> {
        let run = self.state.run.take();
        let request = run.as_ref().and_then(|run| run.request.clone());
        let outcome = Outcome { request, answer: answer.to_owned(), fix: fix.map(str::to_owned), ended: now(), stuck };
        if outcome.request.is_some() {
            self.state.unanswered.push(outcome.clone());
        }
        self.state.last = Some(outcome);
        self.save()?;
        let seconds = run.as_ref().map(|run| now().saturating_sub(run.started));
        self.note(&Line::Ended { at: now(), tag: run.as_ref().map(|run| &run.tag), answer, fix, stuck, seconds });
        Ok(())
    }

    /// The request has its answer. If this cannot be written, the next start finds no such request and forgets it.
    pub(crate) fn answered(&mut self, request: &str) {
        let before = self.state.unanswered.len();
        self.state.unanswered.retain(|one| !one.is_of(request));
        if self.state.unanswered.len() != before {
            let _ = self.save();
        }
    }

    /// The history is informational: a line that cannot be written does not end a deploy.
    fn note(&self, line: &Line) {
        let path = self.folder.join("history.jsonl");
        let file = open(&path, OpenOptions::new().read(true).append(true).create(true));
        if let (Ok(mut file), Ok(text)) = (file, line.text()) {
            // A full disk or a power cut may have left the last line incomplete.
            let mut last = [b'\n'];
            let _ = file.seek(SeekFrom::End(-1)).and_then(|_| file.read(&mut last));
            let end = if last == [b'\n'] { "" } else { "\n" };
            let _ = writeln!(file, "{end}{text}");
        }
    }
}

pub(crate) fn read(folder: &Path) -> Result<State, Failure> {
    let path = folder.join("state.json");
    let mut text = String::new();
    match open(&path, OpenOptions::new().read(true)) {
        Ok(mut file) => file.read_to_string(&mut text).on("read", path.display())?,
        Err(_) if !path.exists() => return Ok(State { version: VERSION, ..State::default() }),
        Err(failure) => return Err(failure),
    };
    let version = serde_json::from_str::<Version>(&text).map_or(VERSION, |found| found.version);
    if version > VERSION {
        let reason = format!("it is of version {version}, and this stepdown knows {VERSION}");
        return Err(Failure::new(format!("read {}", path.display()), reason).fix("install the stepdown that wrote it"));
    }
    let state: Result<State, _> = serde_json::from_str(&text);
    let state = state.on("read", path.display()).map_err(|failure| {
        let path = path.display();
        failure.fix(format!("mv {path} {path}.bad; what serves is then read from the image pointer"))
    })?;
    Ok(State { version: VERSION, ..state })
}

pub(crate) fn history(folder: &Path) -> Result<String, Failure> {
    let path = folder.join("history.jsonl");
    if path.exists() { fs::read_to_string(&path).on("read", path.display()) } else { Ok(String::new()) }
}

pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn open(path: &Path, options: &mut OpenOptions) -> Result<File, Failure> {
    options.mode(0o600).custom_flags(OFlags::NOFOLLOW.bits().cast_signed()).open(path).on("open", path.display())
}

/// Tests kill or stop the program just after a state is on disk. A release build has none of this.
#[cfg(debug_assertions)]
pub(crate) fn signal_after(name: &str) {
    use rustix::process::Signal;

    for (variable, signal) in [("STEPDOWN_TEST_KILL_AFTER", Signal::KILL), ("STEPDOWN_TEST_STOP_AFTER", Signal::STOP)] {
        if std::env::var(variable).is_ok_and(|wanted| wanted == name) {
            let _ = rustix::process::kill_process(rustix::process::getpid(), signal);
        }
    }
}

#[cfg(not(debug_assertions))]
pub(crate) fn signal_after(_: &str) {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::Run;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("stepdown-state-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        folder
    }

    fn run(phase: Phase) -> Run {
        Run {
            tag: "v1".parse().unwrap(),
            request: Some("trigger-1".to_owned()),
            rollback: false,
            started: 1,
            phase,
            candidate: None,
            before: None,
            reason: None,
            fix: None,
        }
    }

    #[test]
    fn state_is_read_back_as_it_was_saved() {
        let folder = folder("back");
        let lock = Lock::take(&folder, false).unwrap().unwrap();
        let mut store = lock.store().unwrap();
        store.state.run = Some(run(Phase::Claimed));
        store.enter(Phase::Cutting { unit: 2 }).unwrap();
        assert_eq!(read(&folder).unwrap(), store.state);
        store.end("ok v1", None, false).unwrap();
        let read = read(&folder).unwrap();
        assert_eq!((read.run, read.last.unwrap().request.unwrap()), (None, "trigger-1".to_owned()));
        assert_eq!(history(&folder).unwrap().lines().count(), 2);
        fs::write(folder.join("history.jsonl"), "{\"at\":1").unwrap();
        store.end("ok v1", None, false).unwrap();
        assert!(history(&folder).unwrap().starts_with("{\"at\":1\n{\"at\":"));
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn state_of_a_newer_version_is_refused_and_left() {
        let folder = folder("newer");
        let lock = Lock::take(&folder, false).unwrap().unwrap();
        let newer = "{\"version\":2,\"serving\":17}";
        fs::write(folder.join("state.json"), newer).unwrap();
        let failure = lock.store().map(|_| ()).unwrap_err();
        assert!(failure.reason.starts_with("it is of version 2,"), "{}", failure.reason);
        assert_eq!(failure.fix, "install the stepdown that wrote it");
        fs::write(folder.join("state.json"), "{\"version\":1").unwrap();
        assert!(lock.store().map(|_| ()).unwrap_err().fix.starts_with("mv "));
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn second_lock_is_refused_while_the_first_is_held() {
        let folder = folder("lock");
        let first = Lock::take(&folder, false).unwrap();
        assert!(first.is_some() && Lock::take(&folder, false).unwrap().is_none());
        drop(first);
        assert!(Lock::take(&folder, false).unwrap().is_some());
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn planted_link_is_not_written_through() {
        let folder = folder("link");
        let lock = Lock::take(&folder, false).unwrap().unwrap();
        let store = lock.store().unwrap();
        let victim = folder.join("victim");
        fs::write(&victim, "mine").unwrap();
        std::os::unix::fs::symlink(&victim, folder.join("state.json.new")).unwrap();
        assert!(store.save().is_err());
        assert_eq!(fs::read_to_string(&victim).unwrap(), "mine");
        fs::remove_dir_all(&folder).unwrap();
    }
}
