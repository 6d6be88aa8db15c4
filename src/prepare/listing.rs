//! Lists a directory in large pieces, each in the order of its inodes.
//!
//! In that order the file system reads its inode table sequentially, with recently used blocks in the cache. One buffer
//! is used for a whole walk, and names are not allocated separately: `getdents64(2)`.

use std::ffi::CStr;
use std::os::fd::OwnedFd;

use nix::errno::Errno;
use rustix::fs::{FileType, RawDir};

use crate::error::errno;

/// The size of the buffer in bytes: a thousand names or more.
const BUFFER: usize = 256 * 1024;

/// How many names, and how many bytes of them, are in one piece. The app may have left millions of names, and PID 1 may
/// have little memory.
const LARGEST: (usize, usize) = (32 * 1024, 2 << 20);

/// How many names of a directory are read if others may add names as fast as they are processed.
const MOST: usize = 10_000_000;

/// How much of a directory is read at a time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Pieces {
    /// As much as fits into the buffer.
    Small,
    /// Up to [`LARGEST`], so that most directories are read before any of their names is processed.
    Large,
}

/// Names of one directory.
#[derive(Default)]
pub(super) struct Names {
    /// All names, each with its terminating NUL.
    text: Vec<u8>,
    /// For each name its inode, its offset, and whether it is listed as a directory.
    order: Vec<(u64, usize, bool)>,
}

impl Names {
    pub(super) fn push(&mut self, name: &CStr, inode: u64, directory: bool) {
        self.order.push((inode, self.text.len(), directory));
        self.text.extend_from_slice(name.to_bytes_with_nul());
    }

    fn is_full(&self) -> bool {
        self.order.len() >= LARGEST.0 || self.text.len() >= LARGEST.1
    }

    fn clear(&mut self) {
        self.text.clear();
        self.order.clear();
    }

    /// Each name, its inode, and whether it is listed as a directory, which is a hint only.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&CStr, u64, bool)> {
        let name = |from| CStr::from_bytes_until_nul(self.text.get(from..)?).ok();
        self.order.iter().filter_map(move |(inode, from, directory)| Some((name(*from)?, *inode, *directory)))
    }
}

/// The buffers.
#[derive(Default)]
pub(super) struct Listing {
    buffer: Vec<u8>,
    names: Names,
}

impl Listing {
    /// Calls `piece` with each part of the directory. Returns false if names were left out after [`MOST`].
    ///
    /// # Errors
    /// Errors of `getdents64(2)`, converted by `failed`, and those of `piece`.
    pub(super) fn read<E>(
        &mut self,
        directory: &OwnedFd,
        pieces: Pieces,
        failed: impl Fn(Errno) -> E,
        mut piece: impl FnMut(&Names) -> Result<(), E>,
    ) -> Result<bool, E> {
        self.buffer.reserve_exact(BUFFER);
        let mut entries = RawDir::new(directory, self.buffer.spare_capacity_mut());
        let mut read = 0;
        loop {
            self.names.clear();
            let mut over = true;
            while let Some(entry) = entries.next() {
                let entry = entry.map_err(|error| failed(errno(error)))?;
                let name = entry.file_name();
                if name != c"." && name != c".." {
                    self.names.push(name, entry.ino(), entry.file_type() == FileType::Directory);
                }
                if entries.is_buffer_empty() && (pieces == Pieces::Small || self.names.is_full()) {
                    over = false;
                    break;
                }
            }
            self.names.order.sort_unstable();
            piece(&self.names)?;
            read += self.names.order.len();
            if over || (pieces == Pieces::Large && read >= MOST) {
                return Ok(over);
            }
        }
    }
}
