//! The entries of a directory, for a question about them.

use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{Mode, OFlags, RawDir, RawDirEntry, open};
use rustix::io::Errno;

/// Whether the directory has no entries, as far as this user can read it.
pub fn is_empty(directory: &Path) -> bool {
    find(directory, |_, _| Some(())).is_ok_and(|found| found.is_none())
}

/// The first answer that `of` gives to an entry. Not by `std::fs::read_dir`, which panics if the file system fails the
/// `close(2)`.
///
/// # Errors
/// The call, `open(2)` or `getdents64(2)`, and its errno.
pub fn find<T>(
    directory: &Path,
    of: impl Fn(&OwnedFd, &RawDirEntry<'_>) -> Option<T>,
) -> Result<Option<T>, (&'static str, Errno)> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let listed = open(directory, flags, Mode::empty()).map_err(|errno| ("open", errno))?;
    let mut buffer = [MaybeUninit::uninit(); 4096];
    let mut entries = RawDir::new(&listed, &mut buffer);
    while let Some(entry) = entries.next() {
        let entry = entry.map_err(|errno| ("getdents64", errno))?;
        if !matches!(entry.file_name().to_bytes(), b"." | b"..")
            && let Some(answer) = of(&listed, &entry)
        {
            return Ok(Some(answer));
        }
    }
    Ok(None)
}
