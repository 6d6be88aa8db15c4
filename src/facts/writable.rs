//! What root obeys must be out of the app's reach: whoever owns the app's uid waits for the next start.
//! `path_resolution(7)`, `inode(7)`.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use rustix::fs::{FileType, Stat, StatVfsMountFlags, getxattr, lstat, readlink, statvfs};

use crate::error::{errno, io_errno};

/// As many links as the kernel follows: `path_resolution(7)`.
const MOST_LINKS: usize = 40;

/// How this user could write a file, replace it or have it replaced: it is its own, its group's or everybody's to
/// write, or in a directory that is, or behind a link that is, anywhere on the way to it. None if it could not. What
/// lies on a read-only mount cannot be changed by anyone in the container.
///
/// # Errors
/// The call that failed and its reason.
pub fn writable_to(path: &Path, uid: u32, groups: &[u32]) -> Result<Option<String>, (&'static str, Errno)> {
    let absolute = std::path::absolute(path).map_err(|error| ("getcwd", io_errno(&error)))?;
    // The kernel's own walk, one name after the other: a link leads on to other directories, and each of them counts.
    let mut to_go = reversed(&absolute);
    let (mut here, mut links) = (PathBuf::new(), 0);
    while let Some(name) = to_go.pop() {
        if name == ".." {
            here.pop();
            continue;
        }
        let place = here.join(name);
        let facts = lstat(&place).map_err(|error| ("stat", errno(error)))?;
        let is_link = FileType::from_raw_mode(facts.st_mode) == FileType::Symlink;
        let on = if is_link { &here } else { &place };
        if let Some(how) = how_writable(&place, &facts, uid, groups)
            && !statvfs(on).is_ok_and(|facts| facts.f_flag.contains(StatVfsMountFlags::RDONLY))
        {
            return Ok(Some(how));
        }
        if !is_link {
            here = place;
            continue;
        }
        links += 1;
        if links > MOST_LINKS {
            return Err(("stat", Errno::ELOOP));
        }
        let target = readlink(&place, Vec::new()).map_err(|error| ("readlink", errno(error)))?;
        to_go.extend(reversed(Path::new(&OsString::from_vec(target.into_bytes()))));
    }
    Ok(None)
}

/// The names of a path, the first one last. The root directory's, joined, leads back to it.
fn reversed(path: &Path) -> Vec<OsString> {
    path.components().rev().filter(|part| *part != Component::CurDir).map(|part| part.as_os_str().to_owned()).collect()
}

fn how_writable(place: &Path, facts: &Stat, uid: u32, groups: &[u32]) -> Option<String> {
    let kind = FileType::from_raw_mode(facts.st_mode);
    // Whoever may write to a sticky directory can replace what is theirs in it, and nothing else. A link has no mode.
    let by_mode = kind != FileType::Symlink && !(kind == FileType::Directory && facts.st_mode & 0o1000 != 0);
    if facts.st_uid == uid {
        Some(format!("{} belongs to uid {uid}", place.display()))
    } else if by_mode && facts.st_mode & 0o020 != 0 && groups.contains(&facts.st_gid) {
        Some(format!("{} is writable to group {}", place.display(), facts.st_gid))
    } else if by_mode && facts.st_mode & 0o002 != 0 {
        Some(format!("{} is writable to everyone", place.display()))
    } else if by_mode && facts.st_mode & 0o020 != 0 && listed(place, uid, groups) {
        Some(format!("{} is writable to uid {uid} by its access list", place.display()))
    } else {
        None
    }
}

/// Whether the access list names the user, or a group of theirs, as one who may write. Its mask is the mode's group part.
/// `acl(5)`, in the kernel's form: a version, then tag, permissions and id of each entry.
// Few starts come here: the room for a list is no part of the others' stack.
#[inline(never)]
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
