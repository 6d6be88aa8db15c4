//! Names for volumes and secrets, which the configuration identifies by path; refuses paths that an engine's syntax
//! cannot express.

use super::inexpressible;
use crate::config::args::Format;
use crate::error::{Result, fix};
use crate::plan::VolumePlan;
use crate::plan::container::Container;
use crate::text::joined;

/// A secret of the engine.
#[derive(Debug)]
pub(super) struct Secret<'a> {
    /// Its name there.
    pub(super) name: String,
    /// Its file in the container.
    pub(super) path: &'a str,
    /// Whether the engine mounts a secret of this name at this path by default.
    pub(super) usual: bool,
}

impl Secret<'_> {
    /// The value of Podman's `--secret`, readable to root only, which reads it before the drop.
    pub(super) fn mount(&self) -> String {
        let Secret { name, path, usual } = self;
        if *usual { format!("{name},mode=0400") } else { format!("{name},mode=0400,target={path}") }
    }
}

/// The directory of an engine's secrets.
const SECRETS: &str = "/run/secrets/";

/// The name of the service: the role, or `app` without roles.
pub(super) fn of_service<'a>(container: &Container<'a>) -> &'a str {
    container.role.map_or("app", |(_, role)| role)
}

/// Refuses a path that an engine's syntax would split or read as another option.
pub(super) fn check_paths(container: &Container<'_>, format: Format) -> Result<()> {
    let tmpfs = container.tmpfs.iter().map(|entry| entry.path.as_str());
    let volumes = container.volumes.iter().map(|entry| entry.path.as_str());
    let paths = tmpfs.chain(volumes).chain(container.secrets.iter().copied());
    for path in paths {
        if !path.starts_with('/') || path.contains([':', ',']) || path.chars().any(char::is_control) {
            return Err(inexpressible(format, format!("the path {path:?}"), fix::render::PATH));
        }
    }
    Ok(())
}

/// Refuses two roles that would publish the same port of one machine.
pub(super) fn check_ports(containers: &[Container<'_>], format: Format) -> Result<()> {
    let mut seen: Vec<(u16, &str)> = Vec::new();
    for container in containers {
        let role = of_service(container);
        for port in &container.ports {
            if let Some((_, other)) = seen.iter().find(|(known, _)| known == port) {
                let what = format!("port {port} of both '{other}' and '{role}' on one machine");
                return Err(inexpressible(format, what, fix::render::SAME_PORT));
            }
            seen.push((*port, role));
        }
    }
    Ok(())
}

/// The volumes, each with a name. A path has the same name in every role, since it is the same data.
pub(super) fn of_volumes<'a>(container: &'a Container<'_>, format: Format) -> Result<Vec<(&'a VolumePlan, String)>> {
    let names = distinct(container.volumes.iter().map(|entry| entry.path.as_str()), format)?;
    Ok(container.volumes.iter().zip(names).collect())
}

/// The secrets, each with a name: the file's name below `/run/secrets`, or one derived from the path.
pub(super) fn of_secrets<'a>(container: &Container<'a>, format: Format) -> Result<Vec<Secret<'a>>> {
    let inside = |path: &'a str| path.strip_prefix(SECRETS);
    let names = distinct(container.secrets.iter().map(|path| inside(path).unwrap_or(path)), format)?;
    let mut all = Vec::new();
    for (path, made) in container.secrets.iter().zip(names) {
        let usual = inside(path).filter(|name| is_file_name(name));
        all.push(Secret { usual: usual.is_some(), name: usual.map_or(made, str::to_owned), path });
    }
    Ok(all)
}

/// One name for each path; refuses two paths with the same name.
fn distinct<'a>(paths: impl Iterator<Item = &'a str>, format: Format) -> Result<Vec<String>> {
    let mut names: Vec<String> = Vec::new();
    for path in paths {
        let name = name(path);
        if name.is_empty() || names.contains(&name) {
            return Err(inexpressible(format, format!("a name for {path}"), fix::render::SAME_NAME));
        }
        names.push(name);
    }
    Ok(names)
}

/// Letters and digits with single dashes between them: a name that every engine accepts.
pub(super) fn name(text: &str) -> String {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    joined(&words.collect::<Vec<_>>(), "-").to_ascii_lowercase()
}

fn is_file_name(name: &str) -> bool {
    let first = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    first && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_from_paths_and_must_differ() {
        assert_eq!(["/app/runtime", "/Data", "/a b//c_d/"].map(name), ["app-runtime", "data", "a-b-c-d"]);
        assert!(distinct(["/a/b", "/c"].into_iter(), Format::Quadlet).is_ok());
        for paths in [&["/a/b", "/a-b"][..], &["/é"], &["/a", "/A"]] {
            assert_eq!(
                distinct(paths.iter().copied(), Format::Quadlet).expect_err("refused").exit_code(),
                78,
                "{paths:?}"
            );
        }
    }
}
