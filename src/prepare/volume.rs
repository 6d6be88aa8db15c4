//! Hands a volume to the user: its top, and what is below it only when asked to and only when the top is wrong.
//!
//! The app of a previous life may have owned all of it. So every entry is opened as a handle without following a link,
//! judged and changed through the handle; other mounts and device nodes are left alone; and a file with a second name
//! is handed over only if every name was met inside, since one outside would hand over what is not the volume's
//! (CVE-2017-18078). The top comes last: a walk that was cut short is done again. `chown(2)`, `fchownat(2)`.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, Uid, chownat, fstat, openat};

use super::open::{self, HANDLE};
use super::ownership::{give, is_theirs, remedy};
use crate::error::{Error, Result, errno};
use crate::plan::VolumePlan;
use crate::privilege::{Root, Target};

/// Deeper trees would take more descriptors than a process has by default.
const DEEPEST: usize = 200;

/// Hands it over, unless its top is right already.
pub(super) fn hand_over(_root: &Root, entry: &VolumePlan, target: &Target) -> Result<()> {
    let path = &entry.path;
    let remedy = || format!("mount it: --volume {}, or a throw-away --tmpfs {path}", entry.mount("NAME", true));
    let top = open::directory(path, remedy)?;
    if !open::is_mount_point(&top, path)? {
        return Err(Error::MountPoint {
            path: path.clone(),
            what: "is not a mount point: what is written there would be lost".into(),
            remedy: remedy(),
        });
    }
    let before = facts(path, &top)?;
    if is_theirs(&before, target) {
        return Ok(());
    }
    if entry.recursive {
        let mount = open::mount_number(&top, path)?;
        let mut walk = Walk { path, target, device: before.st_dev, mount, links: BTreeMap::new(), changed: 0, left: 0 };
        walk.directory(&top, 0)?;
        walk.linked()?;
        log::info!("{path}: {} entries handed over, {} left as they are", walk.changed, walk.left);
    }
    change(path, &top, target)?;
    let after = facts(path, &top)?;
    if is_theirs(&after, target) {
        return Ok(());
    }
    let found = format!("it belongs to {}:{} instead of {}:{}", after.st_uid, after.st_gid, target.uid, target.gid);
    Err(Error::HandOverUnproved { path: path.clone(), found })
}

/// A file with several names, until all of them were met.
struct Linked {
    handle: OwnedFd,
    names: u64,
    met: u64,
}

struct Walk<'a> {
    path: &'a str,
    target: &'a Target,
    device: u64,
    mount: String,
    links: BTreeMap<u64, Linked>,
    changed: u64,
    left: u64,
}

impl Walk<'_> {
    /// Everything below one open directory; not the directory itself.
    fn directory(&mut self, handle: &OwnedFd, depth: usize) -> Result<()> {
        if depth > DEEPEST {
            return Err(failed(self.path, "walk (more than 200 levels deep)", Errno::ELOOP));
        }
        for name in self.names(handle)? {
            match openat(handle, &name, HANDLE, Mode::empty()).map_err(errno) {
                Ok(entry) => self.entry(entry, depth)?,
                // Gone since it was listed.
                Err(Errno::ENOENT) => {}
                Err(reason) => return Err(failed(self.path, "openat", reason)),
            }
        }
        Ok(())
    }

    fn entry(&mut self, entry: OwnedFd, depth: usize) -> Result<()> {
        let facts = facts(self.path, &entry)?;
        if facts.st_dev != self.device || self.leaves_mount(&entry)? {
            self.left += 1;
            return Ok(());
        }
        match FileType::from_raw_mode(facts.st_mode) {
            FileType::Directory => self.directory(&entry, depth + 1)?,
            // A device in the user's hands would be more than a file.
            FileType::BlockDevice | FileType::CharacterDevice | FileType::Unknown => {
                self.left += 1;
                return Ok(());
            }
            _ if facts.st_nlink > 1 => {
                let linked = self.links.entry(facts.st_ino).or_insert(Linked { handle: entry, names: names(&facts), met: 0 });
                linked.met += 1;
                return Ok(());
            }
            _ => {}
        }
        self.give(&entry)
    }

    /// Whether it is another mount, even of the same file system.
    fn leaves_mount(&self, entry: &OwnedFd) -> Result<bool> {
        match open::is_mount_root(entry) {
            Some(root) => Ok(root),
            None => Ok(open::mount_number(entry, self.path)? != self.mount),
        }
    }

    /// The files with several names, all of which were met inside; the others stay root's.
    fn linked(&mut self) -> Result<()> {
        for (_, linked) in std::mem::take(&mut self.links) {
            if linked.met >= linked.names {
                self.give(&linked.handle)?;
            } else {
                self.left += 1;
                log::warn!("{}: a file with a name outside of it stays as it is ({} of {} names met)", self.path, linked.met, linked.names);
            }
        }
        Ok(())
    }

    fn give(&mut self, entry: &OwnedFd) -> Result<()> {
        if !is_theirs(&facts(self.path, entry)?, self.target) {
            change(self.path, entry, self.target)?;
            self.changed += 1;
        }
        Ok(())
    }

    /// The names in a directory. Root without `CAP_DAC_OVERRIDE` may have to own it to read it; its right owner gets it
    /// back when what is below it is done.
    fn names(&self, handle: &OwnedFd) -> Result<Vec<CString>> {
        let open = || openat(handle, ".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).map_err(errno);
        let readable = match open() {
            Err(Errno::EACCES) => {
                chownat(handle, "", Some(Uid::ROOT), None, AtFlags::EMPTY_PATH).map_err(|error| failed(self.path, "fchownat", errno(error)))?;
                open()
            }
            other => other,
        };
        let mut names = Vec::new();
        let listing = |reason| failed(self.path, "getdents64", reason);
        for entry in Dir::new(readable.map_err(|reason| failed(self.path, "openat", reason))?).map_err(|error| listing(errno(error)))? {
            let name = entry.map_err(|error| listing(errno(error)))?.file_name().to_owned();
            if name.as_bytes() != b"." && name.as_bytes() != b".." {
                names.push(name);
            }
        }
        Ok(names)
    }
}

fn change(path: &str, entry: impl AsFd, target: &Target) -> Result<()> {
    give(entry, target).map_err(|reason| failed(path, "fchownat", reason))
}

/// How many names a file has.
#[allow(clippy::useless_conversion, reason = "the count has another width on another architecture")]
fn names(facts: &Stat) -> u64 {
    u64::from(facts.st_nlink)
}

fn facts(path: &str, entry: &OwnedFd) -> Result<Stat> {
    fstat(entry).map_err(|error| failed(path, "fstat", errno(error)))
}

fn failed(path: &str, call: &'static str, errno: Errno) -> Error {
    Error::HandOver { path: path.to_owned(), call, errno, remedy: remedy(errno, path) }
}
