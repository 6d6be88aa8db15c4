//! Requests from CI: `deploy-trigger` and `deploy-status`, and the spool `new/ID`, `done/ID`.
//!
//! CI can write to the directory, perhaps as another user: an entry may be a link, a directory, a pipe or of any size.
//! A request is claimed by a rename into the private state, opened without following links and without blocking, and
//! read only if it is a small regular file. An entry that cannot be claimed is renamed to a hidden name, so that it
//! does not block other requests. An answer is written to a new file that is renamed: a planted link is replaced, not
//! followed.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File},
    io::{Read, Write},
    os::{
        fd::{AsFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use rustix::{
    fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, fstat, mkdirat, openat, renameat, statat, unlinkat},
    io::Errno,
};

use crate::{
    failure::{Context, Failure},
    tag::{LONGEST, Tag},
};

const TRIGGER: &str = "deploy-trigger";
const STATUS: &str = "deploy-status";
/// Why a request has no tag, if it could not be moved.
pub(crate) const UNCLAIMED: &str = "the request cannot be claimed";
/// The prefixes of claimed requests.
const BY_TRIGGER: &str = "trigger-";
const BY_SPOOL: &str = "spool-";

pub(crate) struct Spool {
    dir: OwnedFd,
    shown: String,
    claimed: OwnedFd,
}

/// A claimed request: its name among the claimed, and its tag or why it has none.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) name: String,
    pub(crate) tag: Result<Tag, String>,
}

impl Spool {
    /// CI writes to `dir`; only this program writes to `state`.
    pub(crate) fn open(dir: &Path, state: &Path) -> Result<Self, Failure> {
        let shown = dir.display().to_string();
        let dir = openat(CWD, dir, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).on("open", &shown)?;
        let path = state.join("claimed");
        let claimed = openat(CWD, &path, OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
            .on("open", path.display())?;
        Ok(Self { dir, shown, claimed })
    }

    /// Every request that was claimed earlier or waits now, the oldest first.
    pub(crate) fn claim(&self) -> Result<Vec<Request>, Failure> {
        let names = list(&self.claimed).on("list", "claimed requests")?;
        let names = names.iter().filter_map(|name| name.to_str()).map(str::to_owned);
        let mut requests: Vec<Request> = names.map(|name| Request { tag: self.read(&name), name }).collect();
        let trigger = self.take(&self.dir, OsStr::new(TRIGGER), format!("{BY_TRIGGER}{}", stamp()))?;
        if trigger.is_some() {
            // The answer of an earlier request would be read as this one's.
            let _ = unlinkat(&self.dir, STATUS, AtFlags::empty());
        }
        requests.extend(trigger);
        match self.claim_new(&mut requests) {
            // What is claimed already is answered first.
            Err(failure) if requests.is_empty() => Err(failure),
            _ => Ok(requests),
        }
    }

    fn claim_new(&self, requests: &mut Vec<Request>) -> Result<(), Failure> {
        let Some(new) = self.folder("new")? else { return Ok(()) };
        for id in list(&new).on("list", format!("{}/new", self.shown))? {
            let name = format!("{BY_SPOOL}{}-{}", stamp(), id.to_string_lossy());
            requests.extend(self.take(&new, &id, name)?);
        }
        Ok(())
    }

    /// Moves an entry into the private state under `name`. A directory of another user cannot be moved to another
    /// directory, and a name may be too long: these entries are only renamed.
    fn take(&self, folder: &OwnedFd, entry: &OsStr, name: String) -> Result<Option<Request>, Failure> {
        let error = match renameat(folder, entry, &self.claimed, &name) {
            Ok(()) => return Ok(Some(Request { tag: self.read(&name), name })),
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => error,
        };
        let renamed = match error {
            Errno::ACCESS | Errno::PERM | Errno::NAMETOOLONG | Errno::XDEV => set_aside(folder, entry),
            other => Err(other),
        };
        renamed.map_err(|_| {
            Failure::new(format!("claim {}/{}", self.shown, entry.display()), error.to_string())
                .fix("keep [spool] dir on the file system of the home directory, and owned by this user")
        })?;
        Ok(Some(Request { tag: Err(format!("{UNCLAIMED}: {error}")), name }))
    }

    /// Opens a folder of the spool without following links. None: it does not exist.
    fn folder(&self, name: &str) -> Result<Option<OwnedFd>, Failure> {
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match openat(&self.dir, name, flags, Mode::empty()) {
            Ok(folder) => Ok(Some(folder)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error).on("open", format!("{}/{name}", self.shown)),
        }
    }

    /// Opens without blocking, since opening a pipe would wait for its other end.
    fn read(&self, name: &str) -> Result<Tag, String> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = openat(&self.claimed, name, flags, Mode::empty()).map_err(|error| match error {
            Errno::LOOP => "the request is a link".to_owned(),
            other => format!("the request cannot be opened: {other}"),
        })?;
        let found = fstat(&file).map_err(|error| format!("the request cannot be read: {error}"))?;
        if FileType::from_raw_mode(found.st_mode) != FileType::RegularFile {
            return Err("the request is not a regular file".to_owned());
        }
        let mut bytes = Vec::new();
        // A tag, a newline, and one byte more to notice a longer request.
        let longest = LONGEST + 1;
        let limit = u64::try_from(longest + 1).unwrap_or(u64::MAX);
        File::from(file).take(limit).read_to_end(&mut bytes).map_err(|error| format!("the request: {error}"))?;
        if bytes.len() > longest {
            return Err(format!("the request is longer than {longest} bytes"));
        }
        let text = std::str::from_utf8(&bytes).map_err(|_| "the tag is not text".to_owned())?;
        text.strip_suffix('\n').unwrap_or(text).parse().map_err(|reason| format!("the tag is not valid: {reason}"))
    }

    /// Writes the answer, then removes the request. If the answer cannot be written, the request stays claimed.
    pub(crate) fn answer(&self, name: &str, answer: &str) -> Result<(), Failure> {
        self.write_answer(name, answer)?;
        self.let_go(name)
    }

    fn write_answer(&self, name: &str, answer: &str) -> Result<(), Failure> {
        if let Some((_, id)) = name.strip_prefix(BY_SPOOL).and_then(|rest| rest.split_once('-')) {
            match mkdirat(&self.dir, "done", Mode::from_raw_mode(0o755)) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(error).on("make", format!("{}/done", self.shown)),
            }
            let done = self.folder("done")?.ok_or(Errno::NOENT).on("open", format!("{}/done", self.shown))?;
            write_new(&done, id, answer).on("write", format!("{}/done/{id}", self.shown))?;
        } else if statat(&self.dir, TRIGGER, AtFlags::SYMLINK_NOFOLLOW).is_err() {
            write_new(&self.dir, STATUS, answer).on("write", format!("{}/{STATUS}", self.shown))?;
        }
        // If another trigger waits, its sender would read this answer as its own.
        Ok(())
    }

    fn let_go(&self, name: &str) -> Result<(), Failure> {
        let removed = match unlinkat(&self.claimed, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT | Errno::NAMETOOLONG) => return Ok(()),
            Err(Errno::ISDIR) => fs::remove_dir_all(self.path_of(name)).on("remove", name),
            Err(error) => Err(error).on("remove", name),
        };
        // A directory may hold another user's files. It must not be answered again.
        removed.or_else(|failure| set_aside(&self.claimed, OsStr::new(name)).map_err(|_| failure))
    }

    fn path_of(&self, name: &str) -> std::path::PathBuf {
        use std::os::fd::AsRawFd;
        Path::new("/proc/self/fd").join(self.claimed.as_raw_fd().to_string()).join(name)
    }
}

/// Makes the name of a request unique, also if a client uses an ID twice.
fn stamp() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{:020}", since.as_nanos())
}

/// Renames an entry within its folder to a hidden name, which is not a request, and removes it if it is empty.
fn set_aside(folder: &OwnedFd, entry: &OsStr) -> Result<(), Errno> {
    let hidden = format!(".refused-{}", stamp());
    renameat(folder, entry, folder, &hidden)?;
    let _ = unlinkat(folder, &hidden, AtFlags::REMOVEDIR);
    Ok(())
}

/// The names in a folder that are not hidden, in order: a client writes `.ID` and renames it to `ID`.
fn list(folder: impl AsFd) -> Result<Vec<OsString>, Errno> {
    let mut names = Vec::new();
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let name = OsStr::from_bytes(entry.file_name().to_bytes());
        if !name.as_bytes().starts_with(b".") {
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(names)
}

fn write_new(folder: &OwnedFd, name: &str, text: &str) -> std::io::Result<()> {
    let new = format!(".answer-{}", stamp());
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file = File::from(openat(folder, &new, flags, Mode::from_raw_mode(0o644))?);
    let written = writeln!(file, "{text}").and_then(|()| file.sync_all());
    let renamed = written.and_then(|()| Ok(replace(folder, &new, name)?));
    if renamed.is_err() {
        let _ = unlinkat(folder, &new, AtFlags::empty());
    }
    match renamed {
        // No file can have this name, so no client waits for it.
        Err(error) if Errno::from_io_error(&error) == Some(Errno::NAMETOOLONG) => Ok(()),
        renamed => renamed,
    }
}

/// Renames a file over what is there. A directory there is set aside.
fn replace(folder: &OwnedFd, new: &str, name: &str) -> Result<(), Errno> {
    match renameat(folder, new, folder, name) {
        Err(Errno::ISDIR) => {
            set_aside(folder, OsStr::new(name))?;
            renameat(folder, new, folder, name)
        }
        renamed => renamed,
    }
}

#[cfg(test)]
mod tests {
    use std::{
        os::unix::fs::symlink,
        path::PathBuf,
        sync::atomic::{AtomicU32, Ordering},
    };

    use super::*;

    struct Room(PathBuf);

    impl Room {
        fn new() -> Self {
            static NUMBER: AtomicU32 = AtomicU32::new(0);
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let room = std::env::temp_dir().join(format!("stepdown-trigger-{}-{number}", std::process::id()));
            let _ = fs::remove_dir_all(&room);
            fs::create_dir_all(room.join("state/claimed")).unwrap();
            fs::create_dir_all(room.join("spool/new")).unwrap();
            Self(room)
        }

        fn spool(&self) -> Spool {
            Spool::open(&self.0.join("spool"), &self.0.join("state")).unwrap()
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.join("spool").join(name)
        }

        fn one(&self) -> Request {
            let mut requests = self.spool().claim().unwrap();
            assert_eq!(requests.len(), 1, "{requests:?}");
            requests.remove(0)
        }

        fn refusal(&self) -> String {
            let request = self.one();
            let reason = request.tag.unwrap_err();
            self.spool().answer(&request.name, "fail").unwrap();
            assert_eq!(fs::read_dir(self.0.join("state/claimed")).unwrap().count(), 0);
            assert!(!self.path(TRIGGER).exists());
            reason
        }
    }

    impl Drop for Room {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn trigger_is_claimed_once_and_answered() {
        let room = Room::new();
        fs::write(room.path(TRIGGER), "v1\n").unwrap();
        fs::write(room.path(STATUS), "ok v0\n").unwrap();
        let request = room.one();
        assert_eq!(request.tag, Ok("v1".parse().unwrap()));
        assert!(!room.path(TRIGGER).exists() && !room.path(STATUS).exists());
        // A process that starts after a SIGKILL finds it again.
        assert_eq!(room.one().name, request.name);
        room.spool().answer(&request.name, "ok v1").unwrap();
        assert_eq!(fs::read_to_string(room.path(STATUS)).unwrap(), "ok v1\n");
        assert!(room.spool().claim().unwrap().is_empty());
    }

    #[test]
    fn invalid_tags_are_refused() {
        for garbage in ["", "\n", "GAR BAGE", "../../etc", "--help", "v1\nv2", "v1\n\n", "\u{0}"] {
            let room = Room::new();
            fs::write(room.path(TRIGGER), garbage).unwrap();
            assert!(room.refusal().starts_with("the tag is not valid"), "{garbage:?}");
        }
    }

    #[test]
    fn requests_that_are_not_small_regular_files_are_refused() {
        let room = Room::new();
        File::create(room.path(TRIGGER)).unwrap().set_len(64 << 20).unwrap();
        assert_eq!(room.refusal(), "the request is longer than 129 bytes");
        fs::create_dir_all(room.path(TRIGGER).join("deep/er")).unwrap();
        assert_eq!(room.refusal(), "the request is not a regular file");
        rustix::fs::mkfifoat(CWD, room.path(TRIGGER), Mode::from_raw_mode(0o600)).unwrap();
        assert_eq!(room.refusal(), "the request is not a regular file");
        let secret = room.0.join("secret");
        fs::write(&secret, "v1").unwrap();
        symlink(&secret, room.path(TRIGGER)).unwrap();
        assert_eq!(room.refusal(), "the request is a link");
        assert_eq!(fs::read_to_string(&secret).unwrap(), "v1");
    }

    #[test]
    fn invalid_name_does_not_block_other_requests() {
        let room = Room::new();
        for name in [&[b'x'; 255][..], b"\xff", b"good"] {
            fs::write(room.path("new").join(OsStr::from_bytes(name)), "v1").unwrap();
        }
        let requests = room.spool().claim().unwrap();
        assert_eq!(requests.iter().filter(|request| request.tag.is_ok()).count(), 2, "{requests:?}");
        for request in &requests {
            let _ = room.spool().answer(&request.name, "answered");
        }
        assert!(room.spool().claim().unwrap().is_empty());
        assert_eq!(fs::read_to_string(room.path("done/good")).unwrap(), "answered\n");
    }

    #[test]
    fn link_planted_at_the_status_is_replaced_and_not_followed() {
        let room = Room::new();
        let victim = room.0.join("victim");
        fs::write(&victim, "mine").unwrap();
        fs::write(room.path(TRIGGER), "v1").unwrap();
        let request = room.one();
        symlink(&victim, room.path(STATUS)).unwrap();
        room.spool().answer(&request.name, "ok v1").unwrap();
        assert_eq!(fs::read_to_string(&victim).unwrap(), "mine");
        assert!(!room.path(STATUS).is_symlink());
        fs::remove_dir(room.path("new")).unwrap();
        let elsewhere = room.0.join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        fs::write(elsewhere.join("mine"), "v1").unwrap();
        symlink(&elsewhere, room.path("new")).unwrap();
        assert!(room.spool().claim().is_err() && elsewhere.join("mine").exists());
    }

    #[test]
    fn answer_is_withheld_while_another_trigger_waits() {
        let room = Room::new();
        fs::write(room.path(TRIGGER), "v1").unwrap();
        let first = room.one();
        fs::write(room.path(TRIGGER), "v2").unwrap();
        room.spool().answer(&first.name, "ok v1").unwrap();
        assert!(!room.path(STATUS).exists());
        let second = room.one();
        room.spool().answer(&second.name, "ok v2").unwrap();
        assert_eq!(fs::read_to_string(room.path(STATUS)).unwrap(), "ok v2\n");
    }

    #[test]
    fn each_request_of_the_spool_has_its_own_answer() {
        let room = Room::new();
        for (id, tag) in [("b", "v2"), ("a", "v1"), (".hidden", "v3"), ("c", "no tag")] {
            fs::write(room.path("new").join(id), tag).unwrap();
        }
        let requests = room.spool().claim().unwrap();
        let ids: Vec<_> = requests.iter().map(|request| request.name.rsplit('-').next().unwrap()).collect();
        assert_eq!(ids, ["a", "b", "c"]);
        for request in &requests {
            room.spool().answer(&request.name, &format!("{:?}", request.tag.is_ok())).unwrap();
        }
        assert_eq!(fs::read_to_string(room.path("done/b")).unwrap(), "true\n");
        assert_eq!(fs::read_to_string(room.path("done/c")).unwrap(), "false\n");
    }
}
