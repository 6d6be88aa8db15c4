//! Hands over the content of a volume.
//!
//! An earlier container's app may have owned the content, and another container's app may change it now. So every entry
//! is opened with `O_PATH` without following links, then checked and changed through the descriptor. Other mounts and
//! device nodes are skipped. `chown(2)`, `fchownat(2)`.
//!
//! A file with several hard links may have one outside of the volume (CVE-2017-18078). It is handed over only if all of
//! its names were found inside, each in a directory that only root or the file's owner could have changed since. A
//! directory in which names were counted is handed over by a second walk at the end.
//!
//! Without `CAP_DAC_OVERRIDE` root cannot enter each directory. Such a one is read with its owner's file system uid, so
//! that an app that runs keeps it. Where that uid cannot be set, root takes the directory over, and then no name in it
//! counts. A directory that its owner cannot enter either is skipped with a warning.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::CStr;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Uid, chownat, openat, readlink};

use super::listing::{Listing, Names, Pieces};
use super::open::{self, Seen};
use super::ownership::{failed, failed_at, give, is_theirs, unproved};
use crate::error::{Error, Result, errno};
use crate::exec;
use crate::privilege::{self, Root, Target};
use crate::sys::SignalMask;
use crate::trust::HANDLE;

/// Set-user-ID and set-group-ID.
const SET_ID: u32 = 0o6000;

/// Write permission of the group, which is also the most that an access list gives to anyone, and of others.
const WRITE_OF_OTHERS: u32 = 0o022;

const ROOT: u32 = Uid::ROOT.as_raw();

/// The maximum depth: deeper trees need more descriptors than the default limit.
const DEEPEST: usize = 200;

/// The bytes of directory names that are kept on all levels together; further directories are skipped with a warning.
const MOST_KEPT: usize = 8 << 20;

/// In place of a number of counted names: all were counted. Kept, since removal from a tree is 2 KB of code.
const ALL: u64 = u64::MAX;

/// How many entries are handled before a stop is noticed.
const BETWEEN_STOPS: u64 = 256;

/// Hands over everything below the open top, but not the top itself.
pub(super) fn hand_over(root: &Root, path: &str, top: &OwnedFd, target: &Target, mask: SignalMask) -> Result<()> {
    let before = open::look(top).map_err(|reason| failed(path, "fstat", reason))?;
    let mut walk = Walk {
        root,
        path,
        target,
        device: before.device,
        mount: open::mount_number(top, path)?,
        links: BTreeMap::new(),
        counted: BTreeSet::new(),
        second: false,
        kept: 0,
        mask,
        met: 0,
        told: Told::default(),
    };
    let mut listing = Listing::default();
    let mut walked = walk.directory(top, &before, 0, &mut listing);
    if walked.is_ok() && !walk.counted.is_empty() {
        walk.second = true;
        walked = walk.directory(top, &before, 0, &mut listing);
    }
    // A top of another user is given to the user by the caller.
    if walked.is_err() || before.owner.0 == target.uid {
        give_back(path, top, &before);
    }
    walked?;
    walk.tell_what_is_left(!is_theirs(&before, target));
    Ok(())
}

struct Walk<'a> {
    root: &'a Root,
    path: &'a str,
    target: &'a Target,
    device: u64,
    mount: String,
    /// The number of counted names of each file that has others.
    links: BTreeMap<u64, u64>,
    /// The directories with counted names, by inode; they keep their owners until the second walk.
    counted: BTreeSet<u64>,
    /// Whether this is the second walk, for directories only.
    second: bool,
    /// The bytes of directory names that are kept for later, on all levels.
    kept: usize,
    /// The signals that were blocked before: they do not stop the boot.
    mask: SignalMask,
    /// The number of entries so far.
    met: u64,
    told: Told,
}

/// Counters for the log.
#[derive(Default)]
struct Told {
    changed: u64,
    left: u64,
    /// Set-user-ID and set-group-ID files that were skipped.
    set_id: u64,
    /// Directories that root could not enter, and names in them that it could not open.
    barred: u64,
}

/// Whose permissions open a directory and its entries.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reader {
    Root,
    /// Its owner's.
    Owner(u32),
    /// Root's, who took it over.
    NewOwner,
}

/// An open directory that is being walked.
struct Directory<'a> {
    handle: &'a OwnedFd,
    reader: Reader,
    inode: u64,
    /// The only uid that could change its names; none if there is no such uid or the names were counted already.
    keeper: Option<u32>,
}

impl Walk<'_> {
    /// Hands over the content of an open directory, but not the directory itself. `before` is its metadata before that.
    fn directory(&mut self, handle: &OwnedFd, before: &Seen, depth: usize, listing: &mut Listing) -> Result<()> {
        let readable = if depth > DEEPEST { None } else { self.readable(handle, before.owner.0)? };
        let Some((readable, reader)) = readable else {
            self.told.barred += u64::from(!self.second);
            return Ok(());
        };
        let alone = reader != Reader::NewOwner && before.mode & WRITE_OF_OTHERS == 0;
        let keeper = (alone && !self.counted.contains(&before.inode)).then_some(before.owner.0);
        let directory = Directory { handle, reader, inode: before.inode, keeper };
        let mut below = Names::default();
        let pieces = if keeper == Some(ROOT) { Pieces::Small } else { Pieces::Large };
        let kept = self.kept;
        let listed = listing.read(&readable, pieces, Unlisted::Call, |names| {
            for (name, inode, is_directory) in names.iter() {
                if is_directory || self.entry(&directory, name).map_err(Unlisted::Entry)? {
                    if self.kept < MOST_KEPT {
                        self.kept += name.count_bytes();
                        below.push(name, inode, is_directory);
                    } else {
                        self.told.barred += u64::from(!self.second);
                    }
                }
            }
            Ok(())
        });
        match listed {
            // ENOENT: the directory was removed during the walk.
            Ok(true) | Err(Unlisted::Call(Errno::ENOENT)) => {}
            Ok(false) => self.told.barred += u64::from(!self.second),
            Err(Unlisted::Call(reason)) => return Err(self.failed(handle, None, "getdents64", reason)),
            Err(Unlisted::Entry(error)) => return Err(error),
        }
        // Its descriptor is not needed any more, and there may be many levels.
        drop(readable);
        let walked = below.iter().try_for_each(|(name, ..)| self.below(&directory, name, depth, listing));
        self.kept = kept;
        walked
    }

    /// Handles an entry that is not listed as a directory. Returns true if it is one; then nothing was done.
    fn entry(&mut self, directory: &Directory<'_>, name: &CStr) -> Result<bool> {
        let Some(entry) = self.open(directory, name)? else { return Ok(false) };
        let seen = self.look(&entry)?;
        self.judge(Some(directory), &entry, &seen)
    }

    /// Handles a directory: its content first.
    fn below(&mut self, directory: &Directory<'_>, name: &CStr, depth: usize, listing: &mut Listing) -> Result<()> {
        let Some(entry) = self.open(directory, name)? else { return Ok(()) };
        let seen = self.look(&entry)?;
        if !self.judge(None, &entry, &seen)? {
            return Ok(());
        }
        let walked = self.directory(&entry, &seen, depth + 1, listing);
        if walked.is_err() {
            give_back(self.path, &entry, &seen);
            return walked;
        }
        if !self.second && self.counted.contains(&seen.inode) {
            return Ok(());
        }
        // Its owner may have changed to read it.
        let seen = self.look(&entry)?;
        self.give(&entry, &seen)
    }

    /// Opens an entry with `O_PATH` without following a link. None if the name is gone or its directory cannot be
    /// searched.
    fn open(&mut self, directory: &Directory<'_>, name: &CStr) -> Result<Option<OwnedFd>> {
        self.met += 1;
        if self.met.is_multiple_of(BETWEEN_STOPS) {
            exec::refuse_pending_stop(self.mask, "while a volume was handed over")?;
        }
        let open = || openat(directory.handle, name, HANDLE, Mode::empty()).map_err(errno);
        let opened = match directory.reader {
            Reader::Owner(uid) => privilege::as_owner(self.root, uid, open)?.unwrap_or(Err(Errno::EACCES)),
            _ => open(),
        };
        match opened {
            Ok(handle) => Ok(Some(handle)),
            Err(Errno::ENOENT) => Ok(None),
            Err(Errno::EACCES) => {
                self.told.barred += u64::from(!self.second);
                Ok(None)
            }
            Err(reason) => Err(self.failed(directory.handle, Some(name), "openat", reason)),
        }
    }

    fn look(&self, entry: &OwnedFd) -> Result<Seen> {
        open::look(entry).map_err(|reason| self.failed(entry, None, "fstat", reason))
    }

    /// Whether it is another mount, perhaps of the same file system.
    fn leaves_mount(&self, entry: &OwnedFd, seen: &Seen) -> Result<bool> {
        match seen.mount_root {
            Some(root) => Ok(root),
            None => Ok(open::mount_number(entry, self.path)? != self.mount),
        }
    }

    /// Hands the entry over or skips it. Returns true for a directory, which is left to the caller. A name is counted
    /// only with its directory.
    fn judge(&mut self, directory: Option<&Directory<'_>>, entry: &OwnedFd, seen: &Seen) -> Result<bool> {
        let leaves = seen.device != self.device || self.leaves_mount(entry, seen)?;
        let kind = FileType::from_raw_mode(seen.mode);
        if self.second {
            return Ok(!leaves && kind == FileType::Directory);
        }
        match kind {
            _ if leaves => {
                self.told.left += 1;
                return Ok(false);
            }
            FileType::Directory => return Ok(true),
            // The owner of a device node could change its mode and use the device.
            FileType::BlockDevice | FileType::CharacterDevice | FileType::Unknown => {
                self.told.left += 1;
                return Ok(false);
            }
            _ if seen.owner == self.user() => return Ok(false),
            // It is handed over at the last of its names: keeping a descriptor for each file would exceed the limit.
            _ if seen.names > 1 && !self.all_names_met(directory, seen) => return Ok(false),
            _ => {}
        }
        self.give(entry, seen)?;
        Ok(false)
    }

    /// Counts this name if nobody can have moved it. Returns whether it is the last one.
    fn all_names_met(&mut self, directory: Option<&Directory<'_>>, seen: &Seen) -> bool {
        let met = self.links.entry(seen.inode).or_insert(0);
        if *met == ALL {
            return false;
        }
        if let Some(Directory { inode, keeper: Some(keeper), .. }) = directory
            && (*keeper == ROOT || *keeper == seen.owner.0)
        {
            *met += 1;
            self.counted.insert(*inode);
        }
        let all = *met >= seen.names;
        if all {
            *met = ALL;
        }
        all
    }

    fn give(&mut self, entry: &OwnedFd, before: &Seen) -> Result<()> {
        if before.owner == self.user() {
            return Ok(());
        }
        match give(entry, self.target) {
            Ok(()) => {
                let after = self.look(entry)?;
                // The owner may choose another group from now on.
                if after.owner.0 != self.target.uid {
                    return Err(unproved(self.place(entry, None), &after, self.target));
                }
                self.told.changed += 1;
            }
            // A change of owner clears these bits, and without CAP_FOWNER they cannot be set again. After the drop they
            // have no effect.
            Err(Errno::EPERM) if before.mode & SET_ID != 0 => {
                self.told.left += 1;
                self.told.set_id += 1;
            }
            Err(reason) => return Err(self.failed(entry, None, "fchownat", reason)),
        }
        Ok(())
    }

    fn user(&self) -> (u32, u32) {
        (self.target.uid, self.target.gid)
    }

    /// Opens the directory for listing. None if neither root nor its owner can enter it.
    fn readable(&self, handle: &OwnedFd, owner: u32) -> Result<Option<(OwnedFd, Reader)>> {
        let open =
            || openat(handle, ".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).map_err(errno);
        let (mut opened, mut reader) = (open(), Reader::Root);
        if matches!(opened, Err(Errno::EACCES)) {
            (opened, reader) = match privilege::as_owner(self.root, owner, open)? {
                Some(opened) => (opened, Reader::Owner(owner)),
                None => {
                    chownat(handle, "", Some(Uid::ROOT), None, AtFlags::EMPTY_PATH)
                        .map_err(|reason| self.failed(handle, None, "fchownat", errno(reason)))?;
                    (open(), Reader::NewOwner)
                }
            };
        }
        match opened {
            Ok(readable) => Ok(Some((readable, reader))),
            // ENOENT: it was removed in the meantime.
            Err(Errno::EACCES | Errno::ENOENT) => Ok(None),
            Err(reason) => Err(self.failed(handle, None, "openat", reason)),
        }
    }

    /// Logs the counters. Files that still have uncounted names have one outside, or in a directory that does not
    /// count.
    fn tell_what_is_left(&mut self, first: bool) {
        let Told { changed, left, set_id, barred } = self.told;
        if set_id > 0 {
            log::warn!("{}: set-user-ID and set-group-ID files of other users stay as they are: {set_id}", self.path);
        }
        let links = self.links.values().filter(|met| **met != ALL).count() as u64;
        if links > 0 {
            log::warn!(
                "{}: files with a name outside of it, or in a directory that others may write to, stay as they are: \
                 {links}",
                self.path
            );
        }
        if barred > 0 {
            log::warn!(
                "{}: what is in directories that root cannot enter, more than {DEEPEST} levels deep, or among too many \
                 names, stays as it is: {barred}",
                self.path
            );
        }
        let left = left + links + barred;
        // A walk that finds nothing to do is logged only if it is the first hand-over of the volume.
        let level = if first || changed + left > 0 { log::Level::Info } else { log::Level::Debug };
        log::log!(level, "{}: {changed} entries handed over, {left} left as they are", self.path);
    }

    fn failed(&self, at: &OwnedFd, name: Option<&CStr>, call: &'static str, reason: Errno) -> Error {
        failed_at(self.place(at, name), self.path, call, reason)
    }

    /// The path of an open entry or of a name in it, for messages. The walk uses no paths, since entries may be moved.
    fn place(&self, at: &OwnedFd, name: Option<&CStr>) -> String {
        let place = readlink(format!("/proc/self/fd/{}", at.as_raw_fd()), Vec::new());
        let mut place = place.map_or_else(|_| self.path.to_owned(), |place| place.to_string_lossy().into_owned());
        if let Some(name) = name {
            place.push('/');
            place.push_str(&name.to_string_lossy());
        }
        place
    }
}

/// Restores a directory's owner after another error, which is the one that gets reported.
pub(super) fn give_back(path: &str, directory: &OwnedFd, before: &Seen) {
    if open::look(directory).is_ok_and(|now| now.owner != before.owner) {
        let (uid, gid) = (Uid::from_raw(before.owner.0), Gid::from_raw(before.owner.1));
        if let Err(error) = chownat(directory, "", Some(uid), Some(gid), AtFlags::EMPTY_PATH) {
            log::warn!("{path}: a directory keeps a new owner: {error}");
        }
    }
}

/// Why a directory was not walked.
enum Unlisted {
    Call(Errno),
    Entry(Error),
}
