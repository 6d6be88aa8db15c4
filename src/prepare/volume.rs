//! Hands a volume to the user: its top, and what is below it only when asked to and only when the top is wrong.
//!
//! The app of a previous life may have owned all of it. So every entry is opened as a handle without following a link,
//! judged and changed through the handle; other mounts and device nodes are left alone; and a file with a second name
//! is handed over only if every name was met inside, since one outside would hand over what is not the volume's
//! (CVE-2017-18078). The top comes last: a walk that was cut short is done again. `chown(2)`, `fchownat(2)`.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::os::fd::OwnedFd;

use nix::errno::Errno;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, Uid, chownat, fstat, openat};

use super::open::{self, HANDLE};
use super::ownership::{bits, give, is_theirs, remedy};
use crate::error::{Error, Result, errno};
use crate::plan::VolumePlan;
use crate::privilege::{Root, Target};

/// Set-user-ID and set-group-ID.
const SET_ID: u32 = 0o6000;

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
        let mut walk = Walk { path, target, device: before.st_dev, mount, links: BTreeMap::new(), changed: 0, left: 0, set_id: 0 };
        walk.directory(&top, 0)?;
        walk.tell_what_is_left();
        log::info!("{path}: {} entries handed over, {} left as they are", walk.changed, walk.left);
    }
    give(&top, target).map_err(|reason| failed(path, "fchownat", reason))?;
    read_back(path, &top, target)
}

struct Walk<'a> {
    path: &'a str,
    target: &'a Target,
    device: u64,
    mount: String,
    /// How many names of a file were met, while there are others.
    links: BTreeMap<u64, u64>,
    changed: u64,
    left: u64,
    /// Set-user-ID and set-group-ID files among those that are left.
    set_id: u64,
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
            // Handed over by the last of its names: a handle of each until then would be more than a process may have.
            _ if facts.st_nlink > 1 => {
                let met = self.links.entry(facts.st_ino).or_insert(0);
                *met += 1;
                if *met < names(&facts) {
                    return Ok(());
                }
                self.links.remove(&facts.st_ino);
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

    /// In one line each. What is left of the files with several names has one outside.
    fn tell_what_is_left(&mut self) {
        if self.set_id > 0 {
            log::warn!("{}: set-user-ID and set-group-ID files of other users stay as they are: {}", self.path, self.set_id);
        }
        let count = self.links.len() as u64;
        if count > 0 {
            self.left += count;
            log::warn!("{}: files with a name outside of it stay as they are: {count}", self.path);
        }
    }

    fn give(&mut self, entry: &OwnedFd) -> Result<()> {
        let before = facts(self.path, entry)?;
        if is_theirs(&before, self.target) {
            return Ok(());
        }
        match give(entry, self.target) {
            Ok(()) => {
                read_back(self.path, entry, self.target)?;
                self.changed += 1;
            }
            // A new owner takes such a bit away, and without CAP_FOWNER only its owner may change a mode. It gives nothing
            // after the drop.
            Err(Errno::EPERM) if bits(&before) & SET_ID != 0 => {
                self.left += 1;
                self.set_id += 1;
            }
            Err(reason) => return Err(failed(self.path, "fchownat", reason)),
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

/// Refuses what is not the user's although the call that made it theirs reports success.
fn read_back(path: &str, entry: &OwnedFd, target: &Target) -> Result<()> {
    let after = facts(path, entry)?;
    if is_theirs(&after, target) {
        return Ok(());
    }
    let found = format!("it, or a file in it, belongs to {}:{} instead of {}:{}", after.st_uid, after.st_gid, target.uid, target.gid);
    Err(Error::HandOverUnproved { path: path.to_owned(), found })
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
