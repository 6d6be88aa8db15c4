//! A path as the kernel walks it.

use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;

use crate::error::{Denied, io_errno};

/// The path from the root directory.
pub(crate) fn absolute(path: &Path) -> Result<PathBuf, Denied> {
    if path.as_os_str().is_empty() {
        return Err(Denied::Call("open", Errno::ENOENT));
    }
    let here = || std::env::current_dir().map_err(|error| Denied::Call("getcwd", io_errno(&error)));
    if path.is_absolute() { Ok(path.to_owned()) } else { Ok(here()?.join(path)) }
}

/// The names of a path, the first one last. The root directory's, joined, leads back to it.
pub(super) fn reversed(path: &Path) -> Vec<OsString> {
    path.components().rev().filter(|part| *part != Component::CurDir).map(|part| part.as_os_str().to_owned()).collect()
}
