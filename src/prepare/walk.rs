//! Hands over what is below the top of a volume.
//!
//! The app of a previous life may have owned all of it. So every entry is opened as a handle without following a link,
//! judged and changed through the handle; other mounts and device nodes are left alone; and a file with a second name
//! is handed over only if every name was met inside, where nobody else could move one to be met twice, since one outside
//! would hand over what is not the volume's (CVE-2017-18078). `chown(2)`, `fchownat(2)`.

use std::collections::BTreeMap;
use std::ffi::CStr;
use std::os::fd::OwnedFd;

use nix::errno::Errno;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, Uid, chownat, openat};

use super::listing::{Listing, Names, Pieces};
use super::open::{self, HANDLE, Seen};
use super::ownership::{failed, give, is_theirs, unproved};
use crate::error::{Error, Result, errno};
use crate::privilege::Target;

/// Set-user-ID and set-group-ID.
const SET_ID: u32 = 0o6000;

/// Write permission of the group, which is also the most that an access list gives to anyone, and of others.
const WRITE_OF_OTHERS: u32 = 0o022;

const ROOT: u32 = Uid::ROOT.as_raw();

/// Deeper trees would take more descriptors than a process has by default.
const DEEPEST: usize = 200;

/// Hands over everything below the open top, but not the top itself.
pub(super) fn hand_over(path: &str, top: &OwnedFd, target: &Target) -> Result<()> {
    let device = open::look(top).map_err(|reason| failed(path, "fstat", reason))?.device;
    let mount = open::mount_number(top, path)?;
    let mut walk = Walk { path, target, device, mount, links: BTreeMap::new(), changed: 0, left: 0, set_id: 0 };
    walk.directory(top, 0, &mut Listing::default())?;
    walk.tell_what_is_left();
    log::info!("{path}: {} entries handed over, {} left as they are", walk.changed, walk.left);
    Ok(())
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
    fn directory(&mut self, handle: &OwnedFd, depth: usize, listing: &mut Listing) -> Result<()> {
        if depth > DEEPEST {
            return Err(self.failed("walk (more than 200 levels deep)", Errno::ELOOP));
        }
        let readable = self.readable(handle)?;
        // After it may have changed hands to be read.
        let kept = self.is_kept(handle, ROOT)?;
        let mut below = Names::default();
        let (path, pieces) = (self.path, if kept { Pieces::Small } else { Pieces::Whole });
        let failed = |reason| failed(path, "getdents64", reason);
        listing.read(&readable, pieces, failed, |names| {
            for (name, inode, directory) in names.iter() {
                if directory || self.entry(handle, name)? {
                    below.push(name, inode, directory);
                }
            }
            Ok(())
        })?;
        // Its descriptor is not needed below, and there may be many levels.
        drop(readable);
        for (name, ..) in below.iter() {
            self.below(handle, name, depth, listing)?;
        }
        Ok(())
    }

    /// An entry that is not listed as a directory. Whether it is one all the same, and nothing is done yet.
    fn entry(&mut self, directory: &OwnedFd, name: &CStr) -> Result<bool> {
        let Some(entry) = self.open(directory, name)? else { return Ok(false) };
        let seen = self.look(&entry)?;
        self.judge(directory, &entry, &seen)
    }

    /// What is in it comes first where it is a directory.
    fn below(&mut self, directory: &OwnedFd, name: &CStr, depth: usize, listing: &mut Listing) -> Result<()> {
        let Some(entry) = self.open(directory, name)? else { return Ok(()) };
        let seen = self.look(&entry)?;
        if self.judge(directory, &entry, &seen)? {
            self.directory(&entry, depth + 1, listing)?;
            // It may have changed hands to be read.
            let seen = self.look(&entry)?;
            self.give(&entry, &seen)?;
        }
        Ok(())
    }

    /// A handle that follows no link; None where the name is gone since it was listed.
    fn open(&self, directory: &OwnedFd, name: &CStr) -> Result<Option<OwnedFd>> {
        match openat(directory, name, HANDLE, Mode::empty()).map_err(errno) {
            Ok(handle) => Ok(Some(handle)),
            Err(Errno::ENOENT) => Ok(None),
            Err(reason) => Err(self.failed("openat", reason)),
        }
    }

    fn look(&self, entry: &OwnedFd) -> Result<Seen> {
        open::look(entry).map_err(|reason| self.failed("fstat", reason))
    }

    /// Whether it is another mount, even of the same file system.
    fn leaves_mount(&self, entry: &OwnedFd, seen: &Seen) -> Result<bool> {
        match seen.mount_root {
            Some(root) => Ok(root),
            None => Ok(open::mount_number(entry, self.path)? != self.mount),
        }
    }

    /// Hands it over or leaves it. Whether it is a directory, to which neither is done.
    fn judge(&mut self, directory: &OwnedFd, entry: &OwnedFd, seen: &Seen) -> Result<bool> {
        if seen.device != self.device || self.leaves_mount(entry, seen)? {
            self.left += 1;
            return Ok(false);
        }
        match FileType::from_raw_mode(seen.mode) {
            FileType::Directory => return Ok(true),
            // A device in the user's hands would be more than a file.
            FileType::BlockDevice | FileType::CharacterDevice | FileType::Unknown => {
                self.left += 1;
                return Ok(false);
            }
            _ if seen.owner == self.user() => return Ok(false),
            // Handed over by the last of its names: a handle of each until then would be more than a process may have. None
            // counts that somebody else may move: it could be met as often as the file has names.
            _ if seen.names > 1 => {
                let counts = self.is_kept(directory, seen.owner.0)?;
                let met = self.links.entry(seen.inode).or_insert(0);
                *met += u64::from(counts);
                if *met < seen.names {
                    return Ok(false);
                }
                self.links.remove(&seen.inode);
            }
            _ => {}
        }
        self.give(entry, seen)?;
        Ok(false)
    }

    fn give(&mut self, entry: &OwnedFd, before: &Seen) -> Result<()> {
        if before.owner == self.user() {
            return Ok(());
        }
        match give(entry, self.target) {
            Ok(()) => {
                let after = self.look(entry)?;
                if !is_theirs(&after, self.target) {
                    return Err(unproved(self.path, &after, self.target));
                }
                self.changed += 1;
            }
            // A new owner takes such a bit away, and without CAP_FOWNER only its owner may change a mode. It gives nothing
            // after the drop.
            Err(Errno::EPERM) if before.mode & SET_ID != 0 => {
                self.left += 1;
                self.set_id += 1;
            }
            Err(reason) => return Err(self.failed("fchownat", reason)),
        }
        Ok(())
    }

    /// Whether nobody but root and this owner could have added or moved a name in it up to now.
    fn is_kept(&self, directory: &OwnedFd, owner: u32) -> Result<bool> {
        let seen = self.look(directory)?;
        Ok(seen.mode & WRITE_OF_OTHERS == 0 && (seen.owner.0 == ROOT || seen.owner.0 == owner))
    }

    fn user(&self) -> (u32, u32) {
        (self.target.uid, self.target.gid)
    }

    /// The directory opened to be listed. Root without `CAP_DAC_OVERRIDE` may have to own it for that; its right owner gets
    /// it back when what is below it is done.
    fn readable(&self, handle: &OwnedFd) -> Result<OwnedFd> {
        let open =
            || openat(handle, ".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).map_err(errno);
        let opened = match open() {
            Err(Errno::EACCES) => {
                chownat(handle, "", Some(Uid::ROOT), None, AtFlags::EMPTY_PATH)
                    .map_err(|error| self.failed("fchownat", errno(error)))?;
                open()
            }
            other => other,
        };
        opened.map_err(|reason| self.failed("openat", reason))
    }

    /// In one line each. What is left of the files with several names has one outside, or where it does not count.
    fn tell_what_is_left(&mut self) {
        if self.set_id > 0 {
            log::warn!(
                "{}: set-user-ID and set-group-ID files of other users stay as they are: {}",
                self.path,
                self.set_id
            );
        }
        let count = self.links.len() as u64;
        if count > 0 {
            self.left += count;
            log::warn!(
                "{}: files with a name outside of it, or in a directory that others may write to, stay as they are: {count}",
                self.path
            );
        }
    }

    fn failed(&self, call: &'static str, reason: Errno) -> Error {
        failed(self.path, call, reason)
    }
}
