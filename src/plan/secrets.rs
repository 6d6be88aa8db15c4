//! `[secrets]`: each is read from the file that `NAME_FILE` names or from the configured path, or the operator set it.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::StartedAs;
use super::for_root::NotForRoot;
use crate::config::Config;
use crate::config::environment::Environment;
use crate::error::{Error, NoSecret, Result, fix};
use crate::facts::secrets::{self, Unread};
use crate::logger;
use crate::privilege::{self, Held, Target};
use crate::trust::Trust;

type Content = std::result::Result<Vec<u8>, Unread>;

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
    /// The secrets that root must not act on.
    pub(super) not_for_root: NotForRoot,
    /// Notes for the operator.
    pub(super) notes: Vec<String>,
}

/// Adds every secret of the role to the environment, and removes the `_FILE` variables. Records do not show the values
/// from then on. `left` gets the secrets that are left out, with the reason.
///
/// # Errors
/// [`Error::Secret`].
pub(super) fn resolve(
    config: &Config,
    role: Option<&str>,
    environment: &mut Environment,
    reader: &Reader<'_>,
    left: &mut Vec<String>,
) -> Result<Resolved> {
    let mut resolved = Resolved::default();
    let mut values = Vec::new();
    for (name, secret) in &config.secrets {
        if !secret.scope.has(role) {
            left.push(format!("secret {name}: for other roles"));
            continue;
        }
        let variable = format!("{name}_FILE");
        let named = environment.get(&variable).filter(|path| !path.is_empty());
        let named = named.map(|path| PathBuf::from(OsStr::from_bytes(path)));
        let by_hand = environment.get(name).is_some_and(|value| !value.is_empty());
        let is_named = named.is_some();
        let path = named.unwrap_or_else(|| PathBuf::from(&secret.path.value));
        let unusable =
            |cause, what| Error::Secret { name: name.clone(), path: path.display().to_string(), what, cause };
        if by_hand && is_named {
            return Err(unusable(NoSecret::Twice, format!("both {name} and {variable} are set")));
        }
        if !is_named && path.is_relative() {
            return Err(Error::Config {
                place: secret.path.place.clone(),
                what: format!("'{}' is not an absolute path", path.display()),
                allowed: fix::mistake::secret(&path),
            });
        }
        environment.remove(&variable);
        let (read, why_not_root) = reader.read(&path)?;
        let (value, why_not_root) = match read {
            Ok(value) => (value, why_not_root),
            Err(Unread::Absent(_)) if by_hand => (environment.get(name).unwrap_or_default().to_vec(), None),
            Err(Unread::Absent(_)) if secret.optional && !is_named => {
                resolved.not_for_root.add(name, &path, why_not_root);
                left.push(format!("secret {name}: optional, and {} is absent", path.display()));
                continue;
            }
            Err(Unread::Absent(what)) => return Err(unusable(NoSecret::Absent, what)),
            Err(Unread::NotForRoot(what)) => return Err(unusable(NoSecret::Unreadable, what)),
            Err(Unread::Unusable(what)) => return Err(unusable(NoSecret::NoValue, what)),
            Err(Unread::Refused(what, errno)) => return Err(unusable(NoSecret::Refused(errno), what)),
        };
        if by_hand && environment.get(name) != Some(&value) {
            resolved.notes.push(format!("{name} is set, but its file {} counts", path.display()));
        }
        if !environment.set(name, &value) {
            return Err(unusable(NoSecret::NoValue, "it holds a NUL".into()));
        }
        resolved.not_for_root.add(name, &path, why_not_root);
        values.push((name.clone(), value));
    }
    logger::hide(values);
    Ok(resolved)
}

impl Reader<'_> {
    /// The content, or why it could not be read; and why root must not act on it. A start as root reads files that only
    /// root can change as root, since some are readable only to root. It reads every other file as the user: a path
    /// that others can change could lead to another file of root, and only the user may be able to read its own file.
    fn read(&self, path: &Path) -> Result<(Content, Option<String>)> {
        if self.started_as == StartedAs::User {
            return Ok((secrets::read_as_user(path), None));
        }
        match secrets::read_as_root(path, self.trust) {
            Err(Unread::NotForRoot(why)) => {
                let read = privilege::with_rights_of(self.target, self.held, || secrets::read_as_user(path))?;
                let read = read.map_err(|unread| match unread {
                    Unread::NotForRoot(what) => {
                        let uid = self.target.uid;
                        Unread::NotForRoot(format!("uid {uid} cannot read it: {what}; root does not: {why}"))
                    }
                    other => other,
                });
                Ok((read, Some(why)))
            }
            read => Ok((read, None)),
        }
    }
}
