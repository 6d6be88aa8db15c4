//! What root obeys must be out of the app's reach: whoever owns the app's uid waits for the next start.
//! `path_resolution(7)`, `inode(7)`.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::errno::Errno;
use rustix::fs::{StatVfsMountFlags, statvfs};

use crate::error::io_errno;

/// How this user could write a file, replace it or have it replaced: it is its own, its group's or everybody's to
/// write, or in a directory that is, on either way to it (a link in the user's directory could point elsewhere at the
/// next start). None if it could not. What lies on a read-only mount cannot be changed by anyone in the container.
///
/// # Errors
/// The call that failed and its reason.
pub fn writable_to(path: &Path, uid: u32, groups: &[u32]) -> Result<Option<String>, (&'static str, Errno)> {
    let failed = |call| move |error: std::io::Error| (call, io_errno(&error));
    let absolute = std::path::absolute(path).map_err(failed("getcwd"))?;
    let real = std::fs::canonicalize(path).map_err(failed("realpath"))?;
    let ways: BTreeSet<&Path> = absolute.ancestors().chain(real.ancestors()).collect();
    for place in ways {
        let facts = std::fs::metadata(place).map_err(failed("stat"))?;
        let sticky_directory = facts.is_dir() && facts.mode() & 0o1000 != 0;
        let how = if facts.uid() == uid {
            format!("{} belongs to uid {uid}", place.display())
        } else if facts.mode() & 0o020 != 0 && groups.contains(&facts.gid()) && !sticky_directory {
            format!("{} is writable to group {}", place.display(), facts.gid())
        } else if facts.mode() & 0o002 != 0 && !sticky_directory {
            format!("{} is writable to everyone", place.display())
        } else {
            continue;
        };
        let read_only = statvfs(place).is_ok_and(|facts| facts.f_flag.contains(StatVfsMountFlags::RDONLY));
        if !read_only {
            return Ok(Some(how));
        }
    }
    Ok(None)
}
