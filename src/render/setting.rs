//! The flags of a container, one by one in their order, and why each is there.

use std::path::Path;
use std::time::Duration;

use super::names::{self, Secret};
use crate::config::Requirement;
use crate::error::Result;
use crate::plan::container::{Asked, Container};
use crate::plan::flags::DEFAULT_SIZE;
use crate::plan::{TmpfsPlan, VolumePlan};

/// One flag.
#[derive(Debug)]
pub(super) enum Flag<'a> {
    /// Root of the container.
    User,
    /// `/` is read-only.
    ReadOnly,
    /// No program gains by being executed.
    NoNewPrivileges,
    /// No capability but those that follow.
    DropAll,
    /// One capability.
    Add(String, &'static str),
    /// A tmpfs mount point.
    Tmpfs(&'a TmpfsPlan),
    /// A volume, and the name made up for it.
    Volume(&'a VolumePlan, String),
    /// A directory that lies on what is read-only.
    Lost(&'a str),
    /// A secret.
    Secret(Secret<'a>),
    /// The role variable.
    Role(&'a str, &'a str),
    /// A variable that the operator gives.
    Required(&'a Requirement),
    /// The limit of processes.
    Pids(u64),
    /// The limit of memory.
    Memory(&'a str),
    /// The health check, and how long the app may take until it passes.
    Health(&'a Asked, Duration),
    /// The stop, and how long it may take.
    Stop(Duration),
}

/// All of a container's. `format` is for the refusal.
pub(super) fn all<'a>(container: &'a Container<'_>, format: &'static str) -> Result<Vec<Flag<'a>>> {
    names::check_paths(container, format)?;
    let mut all = vec![Flag::User, Flag::ReadOnly, Flag::NoNewPrivileges, Flag::DropAll];
    for (need, why) in &container.needs {
        all.push(Flag::Add(need.to_string(), why));
    }
    all.extend(container.tmpfs.iter().map(Flag::Tmpfs));
    for (volume, name) in names::of_volumes(container, format)? {
        all.push(Flag::Volume(volume, name));
    }
    all.extend(
        container
            .directories
            .iter()
            .filter(|(_, path)| !is_mounted(path, container, format))
            .map(|(text, _)| Flag::Lost(text)),
    );
    all.extend(names::of_secrets(container, format)?.into_iter().map(Flag::Secret));
    if let Some((variable, role)) = container.role {
        all.push(Flag::Role(variable, role));
    }
    all.extend(container.required.iter().copied().map(Flag::Required));
    if let Some(limit) = container.limits.pids {
        all.push(Flag::Pids(limit));
    }
    if let Some(limit) = &container.limits.memory {
        all.push(Flag::Memory(limit));
    }
    if let Some(asked) = &container.health {
        all.push(Flag::Health(asked, container.start));
    }
    all.push(Flag::Stop(container.stop));
    Ok(all)
}

/// What Podman mounts by itself where the root is read-only.
const PODMANS: [&str; 4] = ["/tmp", "/var/tmp", "/run", "/dev/shm"];

fn is_mounted(path: &Path, container: &Container<'_>, format: &str) -> bool {
    let own = if matches!(format, "podman" | "quadlet") { PODMANS.as_slice() } else { &[] };
    container.tmpfs.iter().any(|entry| path.starts_with(&entry.path))
        || container.volumes.iter().any(|entry| path.starts_with(&entry.path))
        || own.iter().any(|mount| path.starts_with(mount))
}

impl Flag<'_> {
    /// Why it is there, in one line.
    pub(super) fn why(&self) -> String {
        match self {
            Flag::User => "/init starts as root of the container, hands over and steps down".into(),
            Flag::ReadOnly => "what is not mounted cannot be changed".into(),
            Flag::NoNewPrivileges => "no program gains anything by being executed".into(),
            Flag::DropAll => "no capability but the ones added".into(),
            Flag::Add(_, why) => (*why).into(),
            Flag::Tmpfs(entry) if entry.size.is_none() => {
                format!("[[tmpfs]] {}; without a size in the configuration: {DEFAULT_SIZE}", entry.path)
            }
            Flag::Tmpfs(entry) => format!("[[tmpfs]] {}", entry.path),
            Flag::Volume(entry, name) => {
                format!("[[volume]] {}; the volume's name {name} is made up from the path", entry.path)
            }
            Flag::Lost(path) => format!(
                "[[directory]] {path} is below no mount, and / is read-only: add a [[tmpfs]] or [[volume]] for it"
            ),
            Flag::Secret(secret) => {
                format!("[secrets] {}; the name {} is made up from the path", secret.path, secret.name)
            }
            Flag::Role(..) => "the role".into(),
            Flag::Required(Requirement { env, hint: None, .. }) => format!("[[require]] {env}, with a value of yours"),
            Flag::Required(Requirement { env, hint: Some(hint), .. }) => {
                format!("[[require]] {env}, with a value of yours: {hint}")
            }
            Flag::Pids(_) => "[limits] pids".into(),
            Flag::Memory(_) => "[limits] memory".into(),
            Flag::Health(..) => "the role's health check, and the time that it may take".into(),
            Flag::Stop(_) => "what /init forwards, and time for the configured grace".into(),
        }
    }
}

/// Whole seconds, rounded up: what every engine understands.
pub(super) fn seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

/// Failed questions in a row that make a container unhealthy.
pub(super) const RETRIES: u64 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_never_too_few() {
        assert_eq!([500, 1000, 1001].map(|ms| seconds(Duration::from_millis(ms))), [1, 1, 2]);
    }
}
