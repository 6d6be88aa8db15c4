//! The paths that the app writes to, and the files that are written there for it.

use super::{At, Scope};

/// A tmpfs mount point that is handed to the user.
#[derive(Debug)]
pub struct Tmpfs {
    /// Its path.
    pub path: At<String>,
    /// Its mode afterwards.
    pub mode: u32,
    /// Its size, for the flags.
    pub size: Option<String>,
    /// Whether its content is handed over too.
    pub recursive: bool,
    /// When it applies.
    pub scope: Scope,
}

/// A bind mount or named volume.
#[derive(Debug)]
pub struct Volume {
    /// Its path, with `${…}`.
    pub path: At<String>,
    /// Whether its content is handed over too if its top has another owner.
    pub recursive: bool,
    /// Whether its content is handed over at every start.
    pub always: bool,
    /// When it applies.
    pub scope: Scope,
}

/// A directory that is created as the user.
#[derive(Debug)]
pub struct Directory {
    /// Its path, with `${…}`.
    pub path: At<String>,
    /// Its mode.
    pub mode: u32,
    /// When it applies.
    pub scope: Scope,
}

/// A file that the user writes from a template.
#[derive(Debug)]
pub struct Template {
    /// Where the file is written, with `${…}`.
    pub path: At<String>,
    /// The file that it is written from, with `${…}`.
    pub template: At<String>,
    /// The variables that are replaced in it.
    pub variables: Vec<At<String>>,
    /// Written only if this path exists.
    pub when_exists: Option<At<String>>,
    /// Not written if this path exists.
    pub unless_exists: Option<At<String>>,
    /// Its mode.
    pub mode: u32,
    /// When it applies.
    pub scope: Scope,
}
