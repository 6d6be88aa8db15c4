//! `when_exists` and `unless_exists`: judged just before a step runs or a file is written, since an earlier step may
//! create the path.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use super::expand::expand;
use crate::config::At;
use crate::config::environment::Environment;
use crate::error::Result;

/// Paths, each with whether it must exist.
#[derive(Clone, Debug, Default)]
pub struct Exists(Vec<(PathBuf, bool)>);

impl Exists {
    /// Resolves the two keys; a relative path starts in the working directory.
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
                let path = OsString::from_vec(expand(path, environment)?);
                all.push((Path::new(workdir.unwrap_or("/")).join(path), wanted));
            }
        }
        Ok(Exists(all))
    }

    /// The path that forbids it now. A dangling link exists.
    pub fn forbidden_by(&self) -> Option<&Path> {
        let forbids = |(path, wanted): &&(PathBuf, bool)| path.symlink_metadata().is_ok() != *wanted;
        self.0.iter().find(forbids).map(|(path, _)| path.as_path())
    }

    /// The path of one of the two keys.
    pub(super) fn path(&self, wanted: bool) -> Option<&Path> {
        self.0.iter().find(|(_, exists)| *exists == wanted).map(|(path, _)| path.as_path())
    }
}
