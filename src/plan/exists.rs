//! `when_exists` and `unless_exists`: judged just before a step runs or a file is written, since an earlier step may
//! create the path.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use rustix::fs::lstat;

use super::expand::{below, expand};
use crate::config::At;
use crate::config::environment::Environment;
use crate::error::{Error, Kernel, Place, Result, errno, fix};

/// Paths, each with whether it must exist and its place in the configuration.
#[derive(Clone, Debug, Default)]
pub struct Exists(Vec<(PathBuf, bool, Place)>);

impl Exists {
    /// Resolves the two keys; a relative path starts where the step runs.
    ///
    /// # Errors
    /// As [`expand`].
    pub(super) fn resolve(
        when: Option<&At<String>>,
        unless: Option<&At<String>>,
        workdir: Option<&str>,
        environment: &Environment,
    ) -> Result<Exists> {
        let mut all = Vec::new();
        for (path, wanted) in [(when, true), (unless, false)] {
            if let Some(path) = path {
                let expanded = OsString::from_vec(expand(path, environment)?);
                all.push((below(workdir, expanded.into()), wanted, path.place.clone()));
            }
        }
        Ok(Exists(all))
    }

    /// The path that forbids it now. A dangling link exists.
    ///
    /// # Errors
    /// [`Error::Config`] for a path that can be neither found nor called absent.
    pub fn forbidden_by(&self) -> Result<Option<&Path>> {
        for (path, wanted, place) in &self.0 {
            let exists = match lstat(path) {
                Ok(_) => true,
                Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => false,
                Err(reason) => return Err(unseen(place, path, errno(reason))),
            };
            if exists != *wanted {
                return Ok(Some(path));
            }
        }
        Ok(None)
    }

    /// The path of one of the two keys.
    pub(super) fn path(&self, wanted: bool) -> Option<&Path> {
        self.0.iter().find(|(_, exists, _)| *exists == wanted).map(|(path, ..)| path.as_path())
    }
}

fn unseen(place: &Place, path: &Path, errno: Errno) -> Error {
    let what = format!("cannot tell whether {} exists: lstat: {}", path.display(), Kernel(errno));
    Error::Config { place: place.clone(), what, allowed: fix::surface::unseen(errno).to_owned() }
}
