//! `[secrets]`: each from the file that `NAME_FILE` names, or from the path given, or as the operator set it.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::StartedAs;
use crate::config::Config;
use crate::config::environment::Environment;
use crate::error::{Error, Result};
use crate::facts::secrets::{self, Unread};
use crate::trust::Trust;

/// Puts every secret into the environment and takes the `_FILE` variables out. A start as root reads the files while it
/// is root, since only root may read some; what is not root's alone could be another file of root's at the next start.
///
/// # Errors
/// [`Error::Secret`].
pub(super) fn resolve(
    config: &Config,
    environment: &mut Environment,
    started_as: StartedAs,
    trust: &Trust,
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
        let value = match started_as {
            StartedAs::Root => secrets::read_as_root(&path, trust).map_err(|unread| match unread {
                Unread::NotForRoot(what) | Unread::Unusable(what) => what,
            }),
            StartedAs::User => secrets::read_as_user(&path),
        };
        let value = value.map_err(&refuse)?;
        if !environment.set(name, &value) {
            return Err(refuse("it holds a NUL".into()));
        }
    }
    Ok(())
}

fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}
