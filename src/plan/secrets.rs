//! `[secrets]`: each from the file that `NAME_FILE` names, or from the path given, or as the operator set it.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::StartedAs;
use crate::config::Config;
use crate::config::environment::Environment;
use crate::error::{Error, Result};
use crate::facts::secrets::{self, Unread};
use crate::privilege::{self, Held, Target};
use crate::trust::Trust;

/// The user whose permissions are used to read the files.
pub(super) struct Reader<'a> {
    pub(super) started_as: StartedAs,
    pub(super) trust: &'a Trust,
    pub(super) target: &'a Target,
    pub(super) held: &'a Held,
}

/// Puts every secret into the environment and takes the `_FILE` variables out.
///
/// # Errors
/// [`Error::Secret`].
pub(super) fn resolve(config: &Config, environment: &mut Environment, reader: &Reader<'_>) -> Result<()> {
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
        let value = reader.read(&path)?.map_err(&refuse)?;
        if !environment.set(name, &value) {
            return Err(refuse("it holds a NUL".into()));
        }
    }
    Ok(())
}

impl Reader<'_> {
    /// The content, or why there is none. A start as root reads files that only root can change as root, since some are
    /// readable only to root. It reads every other file as the user: a path that others can change could lead to
    /// another file of root, and only the user may be able to read its own file.
    fn read(&self, path: &Path) -> Result<std::result::Result<Vec<u8>, String>> {
        if self.started_as == StartedAs::User {
            return Ok(secrets::read_as_user(path));
        }
        match secrets::read_as_root(path, self.trust) {
            Ok(value) => Ok(Ok(value)),
            Err(Unread::Unusable(what)) => Ok(Err(what)),
            Err(Unread::NotForRoot(why)) => {
                let read = privilege::with_rights_of(self.target, self.held, || secrets::read_as_user(path))?;
                Ok(read.map_err(|what| format!("uid {} cannot read it: {what}; root does not: {why}", self.target.uid)))
            }
        }
    }
}

fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}
