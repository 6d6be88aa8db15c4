//! The entries of a directory, for a question about them.

use std::ffi::CString;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{Mode, OFlags, RawDir, RawDirEntry, open};

/// Whether the directory has no entries, as far as this user can read it.
pub fn is_empty(directory: &Path) -> bool {
    find(directory, |_, _| true).is_ok_and(|found| found.is_none())
}

/// The first entry that is wanted. Not by `std::fs::read_dir`, which panics if the file system fails the `close(2)`.
///
/// # Errors
/// `open(2)`'s and `getdents64(2)`'s.
pub fn find(
    directory: &Path,
    wanted: impl Fn(&OwnedFd, &RawDirEntry<'_>) -> bool,
) -> rustix::io::Result<Option<CString>> {
    let listed = open(directory, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let mut buffer = [MaybeUninit::uninit(); 4096];
    let mut entries = RawDir::new(&listed, &mut buffer);
    while let Some(entry) = entries.next() {
        let entry = entry?;
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") && wanted(&listed, &entry) {
            return Ok(Some(entry.file_name().to_owned()));
        }
    }
    Ok(None)
}
