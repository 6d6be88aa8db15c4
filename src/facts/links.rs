//! The symbolic link in a path that was refused because of it.

use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path};

use crate::error::Link;
use crate::trust::Trust;

/// The first link of the path; none if it has no link.
pub fn first(path: &Path) -> Option<Link> {
    let at = path.ancestors().filter(|part| part.is_symlink()).last()?;
    let (above, target) = (at.parent()?, at.read_link().ok()?);
    let is_roots = Trust::new(true).reach(above).is_ok() && at.symlink_metadata().is_ok_and(|facts| facts.uid() == 0);
    let plain = || {
        let mut plain = above.to_owned();
        for part in target.components() {
            match part {
                Component::ParentDir => drop(plain.pop()),
                part => plain.push(part),
            }
        }
        plain.extend(path.strip_prefix(at).into_iter().flatten());
        plain.display().to_string()
    };
    Some(Link { at: at.display().to_string(), target: target.display().to_string(), plain: is_roots.then(plain) })
}
