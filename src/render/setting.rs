//! The settings of a container in a fixed order, each with its reason. Every format has an arm for each of them.

use std::path::Path;
use std::time::Duration;

use super::names::{self, Secret};
use crate::config::Requirement;
use crate::config::args::Format;
use crate::error::Result;
use crate::plan::container::{Asked, Container};
use crate::plan::flags::DEFAULT_SIZE;
use crate::plan::{TmpfsPlan, VolumePlan};

/// One setting.
#[derive(Debug)]
pub(super) enum Flag<'a> {
    /// The container starts as its root.
    User,
    /// `/` is read-only.
    ReadOnly,
    /// `no_new_privs`.
    NoNewPrivileges,
    /// No capabilities except those that follow.
    DropAll,
    /// One capability and its purpose.
    Add(String, &'static str),
    /// A tmpfs mount point.
    Tmpfs(&'a TmpfsPlan),
    /// A volume and its name.
    Volume(&'a VolumePlan, String),
    /// A directory that is below no mount.
    Lost(&'a str),
    /// A secret.
    Secret(Secret<'a>),
    /// The role variable and the role.
    Role(&'a str, &'a str),
    /// A variable that the operator must set.
    Required(&'a Requirement),
    /// The limit of processes.
    Pids(u64),
    /// The limit of memory.
    Memory(&'a str),
    /// A port that the app listens on.
    Port(u16),
    /// The health check, and the time that the app may take until it passes.
    Health(&'a Asked, Duration),
    /// The configured stop signal.
    StopSignal(&'a str),
    /// From the stop signal to SIGKILL.
    StopTimeout(Duration),
}

/// Why a page has the container's word.
pub(super) const WORD: &str = "selects the role before the image's CMD does";

/// All settings of a container.
pub(super) fn all<'a>(container: &'a Container<'_>, format: Format) -> Result<Vec<Flag<'a>>> {
    names::check_paths(container, format)?;
    let mut all = vec![Flag::User, Flag::ReadOnly, Flag::NoNewPrivileges, Flag::DropAll];
    for (need, why) in &container.needs {
        all.push(Flag::Add(need.to_string(), why));
    }
    all.extend(container.tmpfs.iter().map(Flag::Tmpfs));
    for (volume, name) in names::of_volumes(container, format)? {
        all.push(Flag::Volume(volume, name));
    }
    let directories = container.directories.iter();
    let lost = directories.filter(|(_, path)| !is_mounted(path, container, format));
    all.extend(lost.map(|(text, _)| Flag::Lost(text)));
    all.extend(names::of_secrets(container, format)?.into_iter().map(Flag::Secret));
    all.extend(container.role.map(|(variable, role)| Flag::Role(variable, role)));
    all.extend(container.required.iter().copied().map(Flag::Required));
    all.extend(container.limits.pids.map(Flag::Pids));
    all.extend(container.limits.memory.as_deref().map(Flag::Memory));
    all.extend(container.ports.iter().copied().map(Flag::Port));
    all.extend(container.health.as_ref().map(|asked| Flag::Health(asked, container.start)));
    all.extend(container.stop_signal.as_deref().map(Flag::StopSignal));
    all.push(Flag::StopTimeout(container.stop));
    Ok(all)
}

/// The paths that Podman mounts itself if the root is read-only.
const PODMANS: [&str; 4] = ["/tmp", "/var/tmp", "/run", "/dev/shm"];

fn is_mounted(path: &Path, container: &Container<'_>, format: Format) -> bool {
    let own = if matches!(format, Format::Podman | Format::Quadlet) { PODMANS.as_slice() } else { &[] };
    container.tmpfs.iter().any(|entry| path.starts_with(&entry.path))
        || container.volumes.iter().any(|entry| path.starts_with(&entry.path))
        || own.iter().any(|mount| path.starts_with(mount))
}

impl Flag<'_> {
    /// The reason, in one line.
    pub(super) fn why(&self) -> String {
        match self {
            Flag::User => "/init starts as root of the container and drops to the app's user".into(),
            Flag::ReadOnly => "only mounts are writable".into(),
            Flag::NoNewPrivileges => "no program gains privileges when it is executed".into(),
            Flag::DropAll => "no capabilities but those added".into(),
            Flag::Add(_, why) => (*why).into(),
            Flag::Tmpfs(entry) if entry.size.is_none() => {
                format!("[[tmpfs]] {}; no size is configured: {DEFAULT_SIZE}", entry.path)
            }
            Flag::Tmpfs(entry) => format!("[[tmpfs]] {}", entry.path),
            Flag::Volume(entry, name) => format!("[[volume]] {}; the name {name} is made from the path", entry.path),
            Flag::Lost(path) => format!(
                "[[directory]] {path} is below no mount, and / is read-only: add a [[tmpfs]] or [[volume]] for it"
            ),
            Flag::Secret(secret) => {
                format!("[secrets] {}; the name {} is made from the path", secret.path, secret.name)
            }
            Flag::Role(..) => "the role".into(),
            Flag::Required(Requirement { env, hint: None, .. }) => format!("[[require]] {env}: set it"),
            Flag::Required(Requirement { env, hint: Some(hint), .. }) => format!("[[require]] {env}: set it. {hint}"),
            Flag::Pids(_) => "[limits] pids".into(),
            Flag::Memory(_) => "[limits] memory".into(),
            Flag::Port(_) => "ports; open to this machine only".into(),
            Flag::Health(..) => "the role's health check".into(),
            Flag::StopSignal(_) => "[stop] signal".into(),
            Flag::StopTimeout(_) => "grace of [stop]".into(),
        }
    }
}

/// Whole seconds, rounded up, which every engine accepts.
pub(super) fn seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

/// Failed health checks in a row that make a container unhealthy.
pub(super) const RETRIES: u64 = 3;

/// Seconds between two health checks during the start, shorter than the usual interval.
pub(super) const STARTUP_INTERVAL: u64 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_rounded_up() {
        assert_eq!([500, 1000, 1001].map(|ms| seconds(Duration::from_millis(ms))), [1, 1, 2]);
    }
}
