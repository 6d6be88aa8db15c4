//! Opens the files that root acts on, and refuses files that others can change.
//!
//! Whoever owns or can write a file, or a directory or link on its path, decides what root does. So every name of the
//! path is opened without following a link, each descriptor is checked by `fstat(2)`, links are followed by hand, and
//! the caller reads the checked descriptor. A read-only mount or the sticky bit does not make a writer harmless: the
//! same file may be writable elsewhere, and anyone can add names to a sticky directory. `path_resolution(7)`,
//! `inode(7)`, `acl(5)`.

mod path;

use std::cell::{Cell, RefCell};
use std::ffi::OsString;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use nix::errno::Errno;
use rustix::fs::{
    AtFlags, FileType, FsWord, Mode, OFlags, Stat, Statx, StatxAttributes, StatxFlags, fstat, fstatfs, getxattr_query,
    open, openat, readlinkat, statx,
};
use rustix::process::getpid;

use crate::error::{Denied, Whose, io_errno};
pub(crate) use path::absolute;
use path::reversed;

/// As many links as the kernel follows: `path_resolution(7)`.
const MOST_LINKS: usize = 40;

/// Directories that are kept open, since most paths of a boot begin with the same ones.
const MOST_HELD: usize = 16;

/// The id that the kernel shows for an unmapped owner. Most user namespaces also map a user with that number.
const OVERFLOW: u32 = 65534;

/// The flags of a descriptor that is checked, changed through, or used as a directory, but never read or written:
/// neither the mode of a file nor a FIFO in its place can stop the boot.
pub(crate) const HANDLE: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Engines mount a tmpfs here for every container, often writable to everyone. Before PID 1 has started anything, a
/// name that is missing there is about to be made by root.
const ENGINES_TMPFS: &str = "/run";

/// `TMPFS_MAGIC` of `statfs(2)`.
pub(crate) const TMPFS: FsWord = 0x0102_1994;

const STICKY: u32 = 0o1000;
const GROUP_WRITES: u32 = 0o020;
const OTHERS_WRITE: u32 = 0o002;

/// `PROC_SUPER_MAGIC`, `SYSFS_MAGIC` and `CGROUP2_SUPER_MAGIC` of `statfs(2)`: the kernel writes these file systems,
/// and in a user namespace their owner is often not mapped.
const KERNELS_OWN: [FsWord; 3] = [0x9fa0, 0x6265_6572, 0x6367_7270];

/// Opens files for a start as root; for a non-root start it accepts every file.
#[derive(Clone, Debug)]
pub struct Trust {
    judges: bool,
    held: Rc<Held>,
}

#[derive(Debug, Default)]
struct Held {
    /// Directories that only root can change, by their path without links.
    directories: RefCell<Vec<(PathBuf, Rc<OwnedFd>, Stat)>>,
    /// The uid that owns the root directory.
    root: Cell<u32>,
}

/// The file at a path.
#[derive(Debug)]
pub struct Reached {
    /// The open file.
    pub file: Rc<OwnedFd>,
    /// Its path without links.
    pub path: PathBuf,
    /// `fstat(2)` of it.
    pub facts: Stat,
    /// The reason to refuse it, if the caller opened it anyway.
    pub denied: Option<Denied>,
}

/// How a file is opened at the end of its path, and the consequence of a refusal.
#[derive(Clone, Copy)]
struct Wanted {
    flags: OFlags,
    denied_too: bool,
    /// Whether another program looks the path up again, instead of reading what was opened here.
    by_path: bool,
}

impl Trust {
    /// For this start: checks paths if it is as root.
    pub fn new(as_root: bool) -> Trust {
        Trust { judges: as_root, held: Rc::default() }
    }

    /// Opens a file for reading, with further flags, if it is root's alone.
    ///
    /// # Errors
    /// [`Denied`].
    pub fn open(&self, path: &Path, flags: OFlags) -> Result<(File, Stat), Denied> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | flags;
        if !self.judges {
            return plain(path, flags);
        }
        self.walk(path, Wanted { flags, denied_too: false, by_path: false })?.into_file()
    }

    /// Opens a file for reading, or returns the reason why root must not use it.
    ///
    /// # Errors
    /// [`Denied::Call`].
    pub fn open_any(&self, path: &Path) -> Result<(File, Stat, Option<Denied>), Denied> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        if !self.judges {
            let flags = flags | OFlags::NONBLOCK | OFlags::NOCTTY;
            return plain(path, flags).map(|(file, facts)| (file, facts, None));
        }
        let mut reached = self.walk(path, Wanted { flags, denied_too: true, by_path: false })?;
        let denied = reached.denied.take();
        reached.into_file().map(|(file, facts)| (file, facts, denied))
    }

    /// Resolves a path for a program that will look it up again.
    ///
    /// # Errors
    /// [`Denied`].
    pub fn reach(&self, path: &Path) -> Result<Reached, Denied> {
        self.walk(path, Wanted { flags: HANDLE, denied_too: false, by_path: true })
    }

    /// The kernel's own walk, one name after the other.
    fn walk(&self, path: &Path, wanted: Wanted) -> Result<Reached, Denied> {
        let absolute = absolute(path)?;
        let mut to_go = reversed(&absolute);
        let (mut here, mut way, mut links) = (PathBuf::new(), Vec::<Step>::new(), 0);
        let mut denied = None;
        while let Some(name) = to_go.pop() {
            if name == ".." {
                if way.len() > 1 {
                    way.pop();
                    here.pop();
                }
                continue;
            }
            let place = here.join(&name);
            if name == "/" {
                way.clear();
            }
            let last = to_go.is_empty();
            // Others can leave a FIFO here, and opening that would block the boot.
            let is_others = denied.is_some() || way.last().is_some_and(|step| step.open_to.is_some());
            let flags = if is_others { wanted.flags | OFlags::NONBLOCK | OFlags::NOCTTY } else { wanted.flags };
            let (file, facts) = self.open_one(&way, &name, &place, flags, last)?;
            let kind = FileType::from_raw_mode(facts.st_mode);
            let by_directory = || way.last().and_then(|step| judge_by_directory(step, &place, &file, kind, wanted));
            if let Some(reason) = self.judge(&place, &file, &facts, last).or_else(by_directory) {
                if !wanted.denied_too {
                    return Err(reason);
                }
                denied = denied.or(Some(reason));
            }
            match kind {
                FileType::Symlink => {
                    links += 1;
                    if links > MOST_LINKS {
                        return Err(Denied::Call("open", Errno::ELOOP));
                    }
                    if wanted.by_path && name == "cwd" && place.starts_with("/proc") {
                        return Err(Denied::CannotJudge(format!("{} leads each process elsewhere", place.display())));
                    }
                    let target = readlinkat(&file, "", Vec::new()).map_err(|error| call("readlinkat", error))?;
                    let target = reversed(Path::new(&OsString::from_vec(target.into_bytes())));
                    if target.last().is_some_and(|first| first == "/") {
                        here.clear();
                    }
                    to_go.extend(target);
                    continue;
                }
                FileType::Directory => {}
                _ if !last => return Err(Denied::Call("open", Errno::ENOTDIR)),
                _ => {}
            }
            here = place;
            if last {
                return Ok(Reached { file, path: here, facts, denied });
            }
            if denied.is_none() {
                self.hold(&here, &file, facts);
            }
            way.push(Step { file, open_to: open_to(&facts), facts });
        }
        // The path ends in `..`, which leads back to a directory that was already checked.
        let end = way.pop().ok_or(Denied::Call("open", Errno::ENOENT))?;
        match end.open_to {
            Some(whose) if !wanted.denied_too => Err(Denied::NotRoots { place: here, whose }),
            _ => Ok(Reached { file: end.file, path: here, facts: end.facts, denied }),
        }
    }

    /// Opens one name: as a handle, or, at the end of the path, as it is wanted.
    fn open_one(
        &self,
        way: &[Step],
        name: &OsString,
        place: &Path,
        flags: OFlags,
        last: bool,
    ) -> Result<(Rc<OwnedFd>, Stat), Denied> {
        if !last && let Some((_, file, facts)) = self.held.directories.borrow().iter().find(|held| is_at(held, place)) {
            return Ok((file.clone(), *facts));
        }
        let at = |flags| match way.last() {
            None => open(place, flags, Mode::empty()),
            Some(step) => openat(&*step.file, name, flags, Mode::empty()),
        };
        let opened = if last {
            match at(flags | OFlags::NOFOLLOW) {
                // A link: it is checked, and followed.
                Err(rustix::io::Errno::LOOP) => at(HANDLE),
                other => other,
            }
        } else {
            at(HANDLE)
        };
        let file = Rc::new(opened.map_err(|error| match way.last() {
            // Everyone could add the name.
            Some(Step { file, open_to: Some(whose), .. })
                if error == rustix::io::Errno::NOENT && !is_engines_tmpfs(place, file) =>
            {
                Denied::NotRoots { place: place.parent().unwrap_or(place).to_owned(), whose: *whose }
            }
            _ => call("open", error),
        })?);
        let facts = fstat(&*file).map_err(|error| call("fstat", error))?;
        if way.is_empty() {
            self.held.root.set(facts.st_uid);
        }
        Ok((file, facts))
    }

    fn hold(&self, path: &Path, file: &Rc<OwnedFd>, facts: Stat) {
        let mut held = self.held.directories.borrow_mut();
        if held.len() < MOST_HELD && !held.iter().any(|held| is_at(held, path)) {
            held.push((path.to_owned(), file.clone(), facts));
        }
    }

    /// Checks one name of a path by its owner and mode.
    fn judge(&self, place: &Path, file: &OwnedFd, facts: &Stat, last: bool) -> Option<Denied> {
        let not_roots = |place: &Path, whose| Some(Denied::NotRoots { place: place.to_owned(), whose });
        let kind = FileType::from_raw_mode(facts.st_mode);
        if !self.may_own(file.as_fd(), kind, facts.st_uid) {
            let whose = if is_mapped(facts.st_uid) { Whose::Owner(facts.st_uid) } else { Whose::Unmapped };
            return not_roots(place, whose);
        }
        let whose = open_to(facts)?;
        match kind {
            // A link has no mode, and a device no content that somebody could have left in it.
            FileType::Symlink | FileType::CharacterDevice | FileType::BlockDevice => None,
            FileType::Directory if facts.st_mode & STICKY != 0 && !last => None,
            _ if matches!(whose, Whose::Group(_)) && has_list(file.as_fd()) => not_roots(place, Whose::Listed),
            _ => not_roots(place, whose),
        }
    }

    /// Checks a file found in a directory that only root can write.
    pub(crate) fn judge_entry(&self, place: &Path, file: &OwnedFd, facts: &Stat) -> Option<Denied> {
        self.judge(place, file, facts, true)
    }

    /// Root; who owns `/`, if this namespace maps no such user; and, of the kernel's own file systems and of devices,
    /// an owner outside of the namespace.
    fn may_own(&self, file: BorrowedFd<'_>, kind: FileType, uid: u32) -> bool {
        if uid == 0 {
            return true;
        }
        let unmapped = !is_mapped(uid);
        if unmapped && uid == self.held.root.get() {
            return true;
        }
        let device = || matches!(kind, FileType::CharacterDevice | FileType::BlockDevice);
        (unmapped || uid == OVERFLOW) && (device() || is_kernels_own(file))
    }
}

/// Whether this is the directory of that path. Both were joined name by name, so equal bytes mean equal paths.
fn is_at(held: &(PathBuf, Rc<OwnedFd>, Stat), path: &Path) -> bool {
    held.0.as_os_str() == path.as_os_str()
}

/// A directory on the way.
struct Step {
    file: Rc<OwnedFd>,
    facts: Stat,
    /// Who may write to it although it could be passed: it is sticky.
    open_to: Option<Whose>,
}

impl Reached {
    fn into_file(self) -> Result<(File, Stat), Denied> {
        // Only directories on the way are held by others as well.
        let file = match Rc::try_unwrap(self.file) {
            Ok(file) => file,
            Err(shared) => shared.try_clone().map_err(|error| Denied::Call("dup", io_errno(&error)))?,
        };
        Ok((File::from(file), self.facts))
    }
}

/// Whether the kernel itself writes the file system.
pub(crate) fn is_kernels_own(file: impl AsFd) -> bool {
    fstatfs(file).is_ok_and(|facts| KERNELS_OWN.contains(&facts.f_type))
}

/// Judges a name by its directory, if that is sticky and writable to others. They may add links, and files that they
/// link or move there, but can neither move nor remove a directory of root's. A mount is the engine's. But in another
/// container, who owns the name below the mount can remove it, which ends the mount here: what a program looks up again
/// must not be one. `unlink(2)`.
fn judge_by_directory(step: &Step, place: &Path, file: &OwnedFd, kind: FileType, wanted: Wanted) -> Option<Denied> {
    let whose = step.open_to?;
    let stays = match (kind, wanted.by_path) {
        (FileType::Directory, false) => true,
        (FileType::Directory, true) => is_mounted(file) == Some(false) || is_engines_tmpfs(place, &step.file),
        (_, false) => is_mounted(file) == Some(true),
        (_, true) => is_mounted(file) == Some(true) && is_engines_tmpfs(place, &step.file),
    };
    (!stays).then(|| Denied::NotRoots { place: place.parent().unwrap_or(place).to_owned(), whose })
}

/// Whether the name is one of a tmpfs of the engine's, before anything of the app's could run: only PID 1 knows that.
fn is_engines_tmpfs(place: &Path, directory: &OwnedFd) -> bool {
    place.parent() == Some(Path::new(ENGINES_TMPFS))
        && getpid().is_init()
        && fstatfs(directory).is_ok_and(|facts| facts.f_type == TMPFS)
        // A directory of a root file system that is a tmpfs outlives the app.
        && is_mounted(directory) != Some(false)
}

/// Whether the file is the root of a mount; None before Linux 5.8, which does not report it.
fn is_mounted(file: &OwnedFd) -> Option<bool> {
    mount_root(&statx(file, "", AtFlags::EMPTY_PATH, StatxFlags::empty()).ok()?)
}

/// The kernel's answer whether it is the root of a mount: since Linux 5.8.
pub(crate) fn mount_root(facts: &Statx) -> Option<bool> {
    let told = facts.stx_attributes_mask.contains(StatxAttributes::MOUNT_ROOT);
    told.then(|| facts.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
}

/// Who can write it besides its owner. The group's bits are also the maximum that an access list gives to anyone.
fn open_to(facts: &Stat) -> Option<Whose> {
    if facts.st_mode & OTHERS_WRITE != 0 {
        Some(if facts.st_mode & STICKY != 0 { Whose::Sticky } else { Whose::Everyone })
    } else if facts.st_mode & GROUP_WRITES != 0 {
        Some(Whose::Group(facts.st_gid))
    } else {
        None
    }
}

/// Whether an access list is why the group's bits are set: by `/proc`, since a handle is not asked for attributes.
fn has_list(file: BorrowedFd<'_>) -> bool {
    let place = format!("/proc/self/fd/{}", file.as_raw_fd());
    getxattr_query(place, "system.posix_acl_access").is_ok_and(|length| length > 0)
}

/// Whether this user namespace has a user of this number: `user_namespaces(7)`. One that it does not map is shown as
/// the overflow uid, and nobody here can be it.
fn is_mapped(uid: u32) -> bool {
    let Ok(map) = std::fs::read_to_string("/proc/self/uid_map") else { return true };
    map.lines().any(|line| {
        let mut numbers = line.split_ascii_whitespace().map(str::parse::<u64>);
        match (numbers.next(), numbers.nth(1)) {
            (Some(Ok(first)), Some(Ok(count))) => (first..first.saturating_add(count)).contains(&u64::from(uid)),
            _ => true,
        }
    })
}

fn plain(path: &Path, flags: OFlags) -> Result<(File, Stat), Denied> {
    let file = open(path, flags, Mode::empty()).map_err(|error| call("open", error))?;
    let facts = fstat(&file).map_err(|error| call("fstat", error))?;
    Ok((File::from(file), facts))
}

fn call(name: &'static str, error: rustix::io::Errno) -> Denied {
    Denied::Call(name, Errno::from_raw(error.raw_os_error()))
}
