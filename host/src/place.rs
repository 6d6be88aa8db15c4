//! The paths of an app: its configuration, its state, its spool.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use crate::failure::Failure;

#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The app's name: that of its configuration.
    pub(crate) app: String,
    pub(crate) config: PathBuf,
    /// Private to the user: state, journal, lock, claimed requests.
    pub(crate) state: PathBuf,
}

impl Place {
    /// The named app, or the only one that has a configuration.
    pub(crate) fn find(app: Option<&str>) -> Result<Self, Failure> {
        let folder = base("XDG_CONFIG_HOME", ".config")?.join("stepdown");
        let app = match app {
            Some(app) => app.to_owned(),
            None => only(&folder)?,
        };
        if !is_name(&app) {
            return Err(Failure::configuration(format!("app {app:?}"), "allowed: a-z, 0-9, '.', '_' and '-'")
                .fix("rename its file in ~/.config/stepdown"));
        }
        let config = folder.join(format!("{app}.toml"));
        let state = base("XDG_STATE_HOME", ".local/state")?.join("stepdown").join(&app);
        Ok(Self { app, config, state })
    }
}

pub(crate) fn home() -> Result<PathBuf, Failure> {
    match env::var_os("HOME").map(PathBuf::from) {
        Some(home) if home.is_absolute() => Ok(home),
        _ => Err(Failure::configuration("HOME", "it is not set").fix("run stepdown as the user that runs the app")),
    }
}

/// `%h/runner-data`, as systemd writes it.
pub(crate) fn expand(path: &str) -> Result<PathBuf, Failure> {
    let path = match path.strip_prefix("%h/") {
        Some(rest) => home()?.join(rest),
        None => PathBuf::from(path),
    };
    if path.is_absolute() {
        Ok(path)
    } else {
        Err(Failure::configuration("[spool] dir", "it is not absolute").fix("begin it with / or %h/"))
    }
}

fn base(variable: &str, fallback: &str) -> Result<PathBuf, Failure> {
    match env::var_os(variable).map(PathBuf::from) {
        Some(path) if path.is_absolute() => Ok(path),
        _ => Ok(home()?.join(fallback)),
    }
}

fn only(folder: &Path) -> Result<String, Failure> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.strip_suffix(".toml").map(str::to_owned))
        .collect();
    names.sort();
    match names.as_slice() {
        [one] => Ok(one.clone()),
        [] => Err(Failure::configuration(format!("{}/*.toml", folder.display()), "no app is configured")
            .fix("stepdown install prints an example")),
        several => Err(Failure::configuration("--app", "several apps are configured")
            .fix(format!("name one: {}", several.join(", ")))),
    }
}

/// The name is part of image names, container names and paths.
fn is_name(app: &str) -> bool {
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    app.starts_with(word) && app.ends_with(word) && !app.contains("..") && app.len() <= 64 && {
        app.chars().all(|c| word(c) || "._-".contains(c))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_apps_are_safe_in_paths_and_image_names() {
        assert!(is_name("app") && is_name("my-app.2"));
        for bad in ["", ".", "..", "a/b", "-a", "a-", "A", "a..b", "a b"] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
