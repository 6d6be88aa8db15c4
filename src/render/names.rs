//! Names for what the configuration knows by its path only, and the paths that every engine's language can say.

use super::inexpressible;
use crate::error::Result;
use crate::plan::VolumePlan;
use crate::plan::container::Container;

/// A secret of the engine's.
#[derive(Debug)]
pub(super) struct Secret<'a> {
    /// Its name there.
    pub(super) name: String,
    /// Its file in the container.
    pub(super) path: &'a str,
    /// Whether the engine puts a secret of that name there by itself.
    pub(super) usual: bool,
}

impl Secret<'_> {
    /// The value of Podman's `--secret`. Root reads it before the drop, and no one else has to.
    pub(super) fn mount(&self) -> String {
        let Secret { name, path, usual } = self;
        if *usual { format!("{name},mode=0400") } else { format!("{name},mode=0400,target={path}") }
    }
}

/// Where engines put secrets.
const SECRETS: &str = "/run/secrets/";

/// What the service is called: the role, or `app` where there are none.
pub(super) fn of_service<'a>(container: &Container<'a>) -> &'a str {
    container.role.map_or("app", |(_, role)| role)
}

/// Refuses a path that would end early, or begin another option, in the languages of the engines.
pub(super) fn check_paths(container: &Container<'_>, format: &'static str) -> Result<()> {
    let tmpfs = container.tmpfs.iter().map(|entry| entry.path.as_str());
    let volumes = container.volumes.iter().map(|entry| entry.path.as_str());
    let paths = tmpfs.chain(volumes).chain(container.secrets.iter().copied());
    for path in paths {
        if !path.starts_with('/') || path.contains([':', ',']) || path.chars().any(char::is_control) {
            let remedy = "choose an absolute path without ':', ',' and control characters";
            return Err(inexpressible(format, format!("the path {path:?}"), remedy));
        }
    }
    Ok(())
}

/// The volumes with a name each. The same path has the same name in every role: it is the same data.
pub(super) fn of_volumes<'a>(
    container: &'a Container<'_>,
    format: &'static str,
) -> Result<Vec<(&'a VolumePlan, String)>> {
    let names = distinct(container.volumes.iter().map(|entry| entry.path.as_str()), format)?;
    Ok(container.volumes.iter().zip(names).collect())
}

/// The secrets with a name each: that of the file, where it is where secrets are.
pub(super) fn of_secrets<'a>(container: &Container<'a>, format: &'static str) -> Result<Vec<Secret<'a>>> {
    let inside = |path: &'a str| path.strip_prefix(SECRETS);
    let names = distinct(container.secrets.iter().map(|path| inside(path).unwrap_or(path)), format)?;
    let mut all = Vec::new();
    for (path, made_up) in container.secrets.iter().zip(names) {
        let usual = inside(path).filter(|name| is_plain(name));
        all.push(Secret { usual: usual.is_some(), name: usual.map_or(made_up, str::to_owned), path });
    }
    Ok(all)
}

/// One name a path; two that would share one are refused.
fn distinct<'a>(paths: impl Iterator<Item = &'a str>, format: &'static str) -> Result<Vec<String>> {
    let mut names: Vec<String> = Vec::new();
    for path in paths {
        let name = name(path);
        if name.is_empty() || names.contains(&name) {
            let remedy = "choose paths that differ in letters and digits: names are made from them";
            return Err(inexpressible(format, format!("a name for {path}"), remedy));
        }
        names.push(name);
    }
    Ok(names)
}

/// Letters, digits and single dashes between them: a name that every engine takes.
pub(super) fn name(text: &str) -> String {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-").to_ascii_lowercase()
}

fn is_plain(name: &str) -> bool {
    let first = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    first && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_of_paths() {
        assert_eq!(["/app/runtime", "/Data", "/a b//c_d/"].map(name), ["app-runtime", "data", "a-b-c-d"]);
        assert!(distinct(["/a/b", "/c"].into_iter(), "quadlet").is_ok());
        for paths in [&["/a/b", "/a-b"][..], &["/é"], &["/a", "/A"]] {
            assert_eq!(distinct(paths.iter().copied(), "quadlet").expect_err("refused").exit_code(), 78, "{paths:?}");
        }
    }
}
