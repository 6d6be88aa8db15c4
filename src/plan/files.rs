//! `[[file]]`: the files to write, with the values of their variables.

use std::path::PathBuf;

use super::exists::Exists;
use super::expand;
use crate::config::Template;
use crate::config::environment::Environment;
use crate::error::{Error, Place, Result};

/// A file that the user writes from a template.
#[derive(Debug)]
pub struct FilePlan {
    /// Its path.
    pub path: PathBuf,
    /// The path of the template.
    pub template: PathBuf,
    /// Where the configuration names the template.
    pub place: Place,
    /// The variables that are replaced, each with its value.
    pub values: Vec<(String, Vec<u8>)>,
    /// The paths that decide whether it is written.
    pub exists: Exists,
    /// Its mode.
    pub mode: u32,
}

/// Resolves one.
///
/// # Errors
/// [`Error::Config`], [`Error::Unset`].
pub(super) fn resolve(file: &Template, workdir: Option<&str>, environment: &Environment) -> Result<FilePlan> {
    let mut values = Vec::with_capacity(file.variables.len());
    for name in &file.variables {
        let value = environment.get(&name.value).ok_or_else(|| Error::Unset {
            name: name.value.clone(),
            place: name.place.clone(),
            // A default behind it would not be read there.
            message: Some("the template uses it".into()),
        })?;
        values.push((name.value.clone(), value.to_vec()));
    }
    Ok(FilePlan {
        values,
        exists: Exists::resolve(file.when_exists.as_ref(), file.unless_exists.as_ref(), workdir, environment)?,
        path: expand::path("path", &file.path, environment)?,
        template: expand::path("template", &file.template, environment)?,
        place: file.template.place.clone(),
        mode: file.mode,
    })
}
