//! The places that the app writes to, resolved.

use std::path::{Path, PathBuf};

use super::expand;
use super::files::{self, FilePlan};
use super::scope::Boot;
use crate::config::environment::Environment;
use crate::config::{Config, Directory, Expandable, Tmpfs, Volume, values};
use crate::error::{Error, Result, fix};

/// The places that the app writes to.
#[derive(Debug)]
pub struct Surfaces {
    /// tmpfs mount points: path, mode, size for the flag.
    pub tmpfs: Vec<TmpfsPlan>,
    /// Volumes.
    pub volumes: Vec<VolumePlan>,
    /// Directories that the user creates.
    pub directories: Vec<(PathBuf, u32)>,
    /// Files that the user writes.
    pub files: Vec<FilePlan>,
}

impl Surfaces {
    /// Whether any is handed over.
    pub(super) fn are_handed_over(&self) -> bool {
        !self.tmpfs.is_empty() || !self.volumes.is_empty()
    }

    /// The directories that the user writes to.
    pub(super) fn below(&self) -> Vec<&Path> {
        let tmpfs = self.tmpfs.iter().map(|entry| Path::new(&entry.path));
        let volumes = self.volumes.iter().map(|entry| Path::new(&entry.path));
        let made = self.directories.iter().map(|(path, _)| path.as_path());
        let files = self.files.iter().filter_map(|file| file.path.parent());
        tmpfs.chain(volumes).chain(made).chain(files).collect()
    }

    /// Whether the user may create this file.
    pub(super) fn has(&self, file: &Path) -> bool {
        self.below().iter().any(|place| file.starts_with(place))
    }
}

/// One tmpfs mount point.
#[derive(Debug)]
pub struct TmpfsPlan {
    /// Its path.
    pub path: String,
    /// Its mode afterwards.
    pub mode: u32,
    /// Its size, if configured.
    pub size: Option<String>,
    /// Whether to walk it.
    pub recursive: bool,
}

/// One volume.
#[derive(Debug)]
pub struct VolumePlan {
    /// Its path.
    pub path: String,
    /// Whether to walk it if its top has another owner.
    pub recursive: bool,
    /// Whether to walk it at every start.
    pub always: bool,
    /// Whether other roles have it too.
    pub shared: bool,
}

/// Resolves the surfaces of this boot; `options` are the tmpfs mount points of the command line.
///
/// # Errors
/// [`Error::Config`], [`Error::Unset`].
pub(super) fn resolve(
    config: &Config,
    options: &[(String, u32)],
    boot: &Boot<'_>,
    environment: &Environment,
) -> Result<Surfaces> {
    Ok(Surfaces {
        tmpfs: tmpfs(config.tmpfs.iter().filter(|entry| boot.includes(&entry.scope)), options),
        volumes: (config.volumes.iter().filter(|entry| boot.includes(&entry.scope)))
            .map(|entry| volume(entry, config, environment))
            .collect::<Result<_>>()?,
        directories: (config.directories.iter().filter(|entry| boot.includes(&entry.scope)))
            .map(|entry| directory(entry, environment))
            .collect::<Result<_>>()?,
        files: (config.files.iter().filter(|entry| boot.includes(&entry.scope)))
            .map(|entry| files::resolve(entry, config.workdir.as_deref(), environment))
            .collect::<Result<_>>()?,
    })
}

/// The configured tmpfs mount points, then those of the command line; an option overrides an entry for the same path.
pub(super) fn tmpfs<'a>(configured: impl Iterator<Item = &'a Tmpfs>, options: &[(String, u32)]) -> Vec<TmpfsPlan> {
    let mut all: Vec<TmpfsPlan> = configured
        .map(|entry| TmpfsPlan {
            path: entry.path.value.clone(),
            mode: entry.mode,
            size: entry.size.clone(),
            recursive: entry.recursive,
        })
        .collect();
    for (path, mode) in options {
        match all.iter_mut().find(|entry| entry.path == *path) {
            Some(entry) => entry.mode = *mode,
            None => all.push(TmpfsPlan { path: path.clone(), mode: *mode, size: None, recursive: false }),
        }
    }
    all
}

pub(super) fn volume(entry: &Volume, config: &Config, environment: &Environment) -> Result<VolumePlan> {
    let roles = entry.scope.roles.as_ref().map_or(config.roles.len(), Vec::len);
    let path = expand::value(&Expandable::Text(entry.path.clone()), values::path, environment)?;
    // Their owner is not the container's to change.
    if let Some("proc" | "sys") = path.split('/').nth(1) {
        return Err(Error::Config {
            place: entry.path.place.clone(),
            what: format!("'{path}' is no volume: the kernel makes its files"),
            allowed: fix::mistake::KERNELS.into(),
        });
    }
    Ok(VolumePlan { path, recursive: entry.recursive, always: entry.always, shared: roles > 1 })
}

pub(super) fn directory(entry: &Directory, environment: &Environment) -> Result<(PathBuf, u32)> {
    Ok((expand::path("path", &entry.path, environment)?, entry.mode))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{At, Scope};
    use crate::error::Place;
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn a_directory_name_keeps_its_bytes() {
        let at = |value: &str| At { value: value.to_owned(), place: Place::Default };
        let made =
            |text| directory(&Directory { path: at(text), mode: 0o700, scope: Scope::default() }, &environment());
        assert_eq!(made("${CACHE}/a").expect("a path").0.as_os_str().as_bytes(), b"/tmp/\xff\xfe/a");
        assert_eq!(made("${CACHE}/").expect("a path").0, made("${CACHE}").expect("a path").0);
        for text in ["${CACHE}/..", "${CACHE}//a", "a${CACHE}", "${ROOT}"] {
            assert!(matches!(made(text), Err(Error::Config { .. })), "{text}");
        }
    }

    fn environment() -> Environment {
        Environment::new(vec![c"CACHE=/tmp/\xff\xfe", c"ROOT=/"])
    }
}
