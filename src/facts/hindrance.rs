//! Why a path is refused although owner and mode allow it: a link, an attribute.

use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path};

use nix::errno::Errno;
use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags, stat, statx};

use crate::error::{Hindrance, Link, Linked, Way};
use crate::trust::Trust;

/// The refusal of a path because of a link in it.
pub fn linked(what: &'static str, path: &Path) -> Linked {
    Linked { what, path: path.display().to_string(), link: first(path) }
}

/// The first link of the path; none if it has no link.
fn first(path: &Path) -> Option<Link> {
    let at = path.ancestors().filter(|part| part.is_symlink()).last()?;
    let (above, target) = (at.parent()?, at.read_link().ok()?);
    let is_roots = Trust::new(true).reach(above).is_ok() && at.symlink_metadata().is_ok_and(|facts| facts.uid() == 0);
    let way = || {
        if !is_roots {
            return Way::Apps;
        }
        if stat(at).err() == Some(rustix::io::Errno::LOOP) {
            return Way::Loop;
        }
        let mut plain = above.to_owned();
        for part in target.components() {
            match part {
                Component::ParentDir => drop(plain.pop()),
                part => plain.push(part),
            }
        }
        plain.extend(path.strip_prefix(at).into_iter().flatten());
        Way::Plain(plain.display().to_string())
    };
    Some(Link { at: at.display().to_string(), target: target.display().to_string(), way: way() })
}

/// The cause of a refusal: a link on the path that the app could have made, or an attribute of the file or of a
/// directory on its path.
pub fn of(path: &Path, errno: Errno) -> Option<Hindrance> {
    use Errno::{EACCES, ELOOP, ENOENT, ENOTDIR, EPERM, EROFS};
    let about_path = matches!(errno, EACCES | ELOOP | ENOENT | ENOTDIR | EPERM | EROFS);
    let link = first(path).filter(|link| about_path && !matches!(link.way, Way::Plain(_)));
    link.map(Hindrance::Link).or_else(|| path.ancestors().find_map(|part| attribute(part, errno)))
}

/// The attribute that makes the kernel refuse a change of this file for everyone, with EPERM: `chattr(1)`.
pub fn attribute(path: &Path, errno: Errno) -> Option<Hindrance> {
    let facts = || statx(CWD, path, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::empty()).ok();
    let fixed = StatxAttributes::IMMUTABLE | StatxAttributes::APPEND;
    (errno == Errno::EPERM && facts()?.stx_attributes.intersects(fixed))
        .then(|| Hindrance::Attribute(path.display().to_string()))
}
