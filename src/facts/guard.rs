//! What root obeys must be out of the app's reach: whoever owns the app's uid waits for the next start.
//! `path_resolution(7)`, `inode(7)`.

use std::ffi::OsString;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use rustix::fs::{StatVfsMountFlags, getxattr, statvfs};

use crate::error::io_errno;

/// As many links as the kernel follows.
const MOST_LINKS: usize = 40;

/// How this user could write a file, replace it or have it replaced: it is its own, its group's or everybody's to
/// write, or in a directory that is, or behind a link that is (it could point elsewhere at the next start). None if it
/// could not. What lies on a read-only mount cannot be changed by anyone in the container.
///
/// # Errors
/// The call that failed and its reason.
pub fn writable_to(path: &Path, uid: u32, groups: &[u32]) -> Result<Option<String>, (&'static str, Errno)> {
    for (place, facts) in way(path)? {
        let sticky_directory = facts.is_dir() && facts.mode() & 0o1000 != 0;
        // A link has no mode of its own.
        let open = if sticky_directory || facts.is_symlink() { 0 } else { facts.mode() & 0o022 };
        let how = if facts.uid() == uid {
            format!("{} belongs to uid {uid}", place.display())
        } else if open & 0o020 != 0 && groups.contains(&facts.gid()) {
            format!("{} is writable to group {}", place.display(), facts.gid())
        } else if open & 0o002 != 0 {
            format!("{} is writable to everyone", place.display())
        } else if open & 0o020 != 0 && listed(&place, uid, groups) {
            format!("{} is writable to uid {uid} by its access list", place.display())
        } else {
            continue;
        };
        let above = if facts.is_symlink() { place.parent().unwrap_or(&place) } else { &place };
        let read_only = statvfs(above).is_ok_and(|facts| facts.f_flag.contains(StatVfsMountFlags::RDONLY));
        if !read_only {
            return Ok(Some(how));
        }
    }
    Ok(None)
}

/// Every place that the kernel comes by on its way to the file: the directories, the links, the file itself.
fn way(path: &Path) -> Result<Vec<(PathBuf, Metadata)>, (&'static str, Errno)> {
    let failed = |call| move |error: std::io::Error| (call, io_errno(&error));
    let absolute = std::path::absolute(path).map_err(failed("getcwd"))?;
    let parts = |path: &Path| path.components().rev().map(|part| part.as_os_str().to_owned()).collect::<Vec<OsString>>();
    let (mut all, mut links, mut here) = (Vec::new(), 0, PathBuf::new());
    let mut left = parts(&absolute);
    while let Some(part) = left.pop() {
        if Path::new(&part).components().next() == Some(Component::ParentDir) {
            here.pop();
            continue;
        }
        // The root itself takes the place of what was before it.
        let place = here.join(part);
        let facts = std::fs::symlink_metadata(&place).map_err(failed("lstat"))?;
        if facts.is_symlink() {
            links += 1;
            if links > MOST_LINKS {
                return Err(("readlink", Errno::ELOOP));
            }
            left.extend(parts(&std::fs::read_link(&place).map_err(failed("readlink"))?));
        } else {
            here.clone_from(&place);
        }
        all.push((place, facts));
    }
    Ok(all)
}

/// Whether the access list names the user, or a group of theirs, as one who may write. Its mask is the mode's group part.
/// `acl(5)`, in the kernel's form: a version, then tag, permissions and id of each entry.
fn listed(place: &Path, uid: u32, groups: &[u32]) -> bool {
    const WRITE: u8 = 2;
    let mut bytes = [0_u8; 4096];
    let length = match getxattr(place, "system.posix_acl_access", &mut bytes) {
        Ok(length) => length,
        // One that is too long to be looked through counts as one that names them.
        Err(reason) => return reason == rustix::io::Errno::RANGE,
    };
    let (entries, _) = bytes.get(4..length).unwrap_or(&[]).as_chunks::<8>();
    entries.iter().any(|[tag, _, permissions, _, id @ ..]| {
        let named = match tag {
            0x02 => u32::from_le_bytes(*id) == uid,
            0x08 => groups.contains(&u32::from_le_bytes(*id)),
            _ => false,
        };
        named && permissions & WRITE != 0
    })
}
