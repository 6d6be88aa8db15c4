//! `[secrets]`: each is read from the file that `NAME_FILE` names or from the configured path, or the operator set it.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::StartedAs;
use crate::config::Config;
use crate::config::environment::Environment;
use crate::error::{Error, NoSecret, Result};
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

/// The resolved secrets.
#[derive(Debug, Default)]
pub(super) struct Resolved {
    /// Name and value of each. The value is never printed.
    pub(super) values: Vec<(String, Vec<u8>)>,
    /// Notes for the operator.
    pub(super) notes: Vec<String>,
    /// The secrets that are left out.
    pub(super) held_back: Vec<String>,
}

/// Adds every secret of the role to the environment, and removes the `_FILE` variables.
///
/// # Errors
/// [`Error::Secret`].
pub(super) fn resolve(
    config: &Config,
    role: Option<&str>,
    environment: &mut Environment,
    reader: &Reader<'_>,
) -> Result<Resolved> {
    let mut resolved = Resolved::default();
    for (name, secret) in &config.secrets {
        if !secret.scope.has(role) {
            resolved.held_back.push(format!("secret {name}: for other roles"));
            continue;
        }
        let variable = format!("{name}_FILE");
        let named = environment.get(&variable).filter(|path| !path.is_empty());
        let named = named.map(|path| PathBuf::from(OsStr::from_bytes(path)));
        let by_hand = environment.get(name).is_some_and(|value| !value.is_empty());
        let is_named = named.is_some();
        let path = named.unwrap_or_else(|| PathBuf::from(&secret.path.value));
        let refuse = |cause, what| Error::Secret { name: name.clone(), path: path.display().to_string(), what, cause };
        if by_hand && is_named {
            return Err(refuse(NoSecret::Twice, format!("both {name} and {variable} are set")));
        }
        environment.remove(&variable);
        let value = match reader.read(&path)? {
            Ok(value) => value,
            Err(Unread::Absent(_)) if by_hand => environment.get(name).unwrap_or_default().to_vec(),
            Err(Unread::Absent(_)) if secret.optional && !is_named => {
                resolved.held_back.push(format!("secret {name}: optional, and {} is absent", path.display()));
                continue;
            }
            Err(Unread::Absent(what)) => return Err(refuse(NoSecret::Absent, what)),
            Err(Unread::NotForRoot(what)) => return Err(refuse(NoSecret::Unreadable, what)),
            Err(Unread::Unusable(what)) => return Err(refuse(NoSecret::NoValue, what)),
        };
        if by_hand && environment.get(name) != Some(&value) {
            resolved.notes.push(format!("{name} is set, but its file {} counts", path.display()));
        }
        if !environment.set(name, &value) {
            return Err(refuse(NoSecret::NoValue, "it holds a NUL".into()));
        }
        // The longest first: one may contain another, and both are replaced in printed text.
        let at = resolved.values.iter().position(|(_, other)| other.len() < value.len());
        resolved.values.insert(at.unwrap_or(resolved.values.len()), (name.clone(), value));
    }
    Ok(resolved)
}

impl Reader<'_> {
    /// The content, or why it could not be read. A start as root reads files that only root can change as root, since
    /// some are readable only to root. It reads every other file as the user: a path that others can change could lead
    /// to another file of root, and only the user may be able to read its own file.
    fn read(&self, path: &Path) -> Result<std::result::Result<Vec<u8>, Unread>> {
        if self.started_as == StartedAs::User {
            return Ok(secrets::read_as_user(path));
        }
        match secrets::read_as_root(path, self.trust) {
            Err(Unread::NotForRoot(why)) => {
                let read = privilege::with_rights_of(self.target, self.held, || secrets::read_as_user(path))?;
                Ok(read.map_err(|unread| match unread {
                    Unread::NotForRoot(what) => {
                        let uid = self.target.uid;
                        Unread::NotForRoot(format!("uid {uid} cannot read it: {what}; root does not: {why}"))
                    }
                    other => other,
                }))
            }
            read => Ok(read),
        }
    }
}
