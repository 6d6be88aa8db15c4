//! `[secrets]`: each from the file that `NAME_FILE` names, or from the path given, or as the operator set it.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::StartedAs;
use crate::config::Config;
use crate::config::environment::Environment;
use crate::error::{Error, Result};
use crate::facts::{secrets, writable};
use crate::privilege::Target;

/// Puts every secret into the environment and takes the `_FILE` variables out. Read while root is still there, for files
/// that only root may read; but never one that the user could swap for another file of root's.
///
/// # Errors
/// [`Error::Secret`].
pub(super) fn resolve(
    config: &Config,
    environment: &mut Environment,
    target: &Target,
    started_as: StartedAs,
) -> Result<()> {
    for (name, default) in &config.secrets {
        let variable = format!("{name}_FILE");
        let named = environment
            .get(&variable)
            .filter(|path| !path.is_empty())
            .map(|path| PathBuf::from(std::ffi::OsStr::from_bytes(path)));
        let by_hand = environment.get(name).is_some_and(|value| !value.is_empty());
        let path = named.clone().unwrap_or_else(|| PathBuf::from(&default.value));
        let refuse = |what: String| Error::Secret { name: name.clone(), path: path.display().to_string(), what };
        if by_hand && named.is_some() {
            return Err(refuse(format!("both {name} and {variable} are set")));
        }
        environment.remove(&variable);
        if by_hand && !exists(&path) {
            continue;
        }
        let value = secrets::read(&path).map_err(&refuse)?;
        if started_as == StartedAs::Root
            && let Ok(Some(how)) = writable::writable_to(&path, target.uid, &target.groups)
        {
            return Err(refuse(format!("it could be another file of root's at the next start: {how}")));
        }
        if !environment.set(name, &value) {
            return Err(refuse("it holds a NUL".into()));
        }
    }
    Ok(())
}

fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}
