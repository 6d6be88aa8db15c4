//! argv, environment and TOML to [`Config`]. Reading the file is the only system call.
//!
//! It checks the form of each value. Whether a user exists, a role has a command or a path is a mount point is checked
//! by the plan. Every value keeps its [`Place`], so that a later refusal can name line and column.

pub mod args;
mod condition;
pub mod control;
pub mod decode;
pub mod environment;
pub mod file;
pub mod keys;
mod kinds;
mod mistakes;
pub mod schema;
pub mod signals;
mod surfaces;
mod toml;
pub mod values;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::error::Place;
pub use condition::{Condition, Expandable};
pub use surfaces::{Directory, Template, Tmpfs, Volume};

/// A value and its place in the file.
#[derive(Clone, Debug)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// Its place.
    pub place: Place,
}

/// The configuration file, with defaults filled in.
#[derive(Debug)]
pub struct Config {
    /// `image`, with `${…}`.
    pub image: Option<At<String>>,
    /// `user`.
    pub user: Option<At<String>>,
    /// `groups`.
    pub groups: Option<Groups>,
    /// `home`.
    pub home: Option<String>,
    /// `umask`.
    pub umask: Option<Expandable<u32>>,
    /// `workdir`.
    pub workdir: Option<String>,
    /// `keep_capabilities`.
    pub keep_capabilities: Vec<At<String>>,
    /// `unset`.
    pub unset: Vec<String>,
    /// `role.env`.
    pub role_variable: String,
    /// `role.argument`: a role's name as the command's first word selects that role.
    pub role_argument: bool,
    /// `role.flags`: the role of a command that begins with a dash.
    pub role_flags: Option<At<String>>,
    /// `role.default`.
    pub default_role: Option<At<String>>,
    /// `[[tmpfs]]`.
    pub tmpfs: Vec<Tmpfs>,
    /// `[[volume]]`.
    pub volumes: Vec<Volume>,
    /// `[[directory]]`.
    pub directories: Vec<Directory>,
    /// `[[file]]`.
    pub files: Vec<Template>,
    /// `[[require]]`.
    pub requirements: Vec<Requirement>,
    /// `[[refuse]]`.
    pub refusals: Vec<Refusal>,
    /// `[[root_step]]`.
    pub root_steps: Vec<Step>,
    /// `[[step]]`.
    pub steps: Vec<Step>,
    /// `[env]`, by name.
    pub env: BTreeMap<String, At<String>>,
    /// `[secrets]`, each with its name, in the order of the file.
    pub secrets: Vec<(String, Secret)>,
    /// `[limits]`.
    pub limits: Limits,
    /// `[stop]`.
    pub stop: Stop,
    /// `[boot_check]`.
    pub boot_check: BootCheck,
    /// `[supervise]`.
    pub supervise: Supervise,
    /// `[seal]`.
    pub seal: Seal,
    /// `[roles]`, each with its name, in the order of the file.
    pub roles: Vec<(String, Role)>,
}

impl Config {
    /// The role of this name, with the name.
    pub fn role(&self, name: &str) -> Option<&(String, Role)> {
        self.roles.iter().find(|(known, _)| known == name)
    }

    /// The names of the roles, sorted.
    pub fn role_names(&self) -> Vec<&str> {
        // A sort of its own type would be 2 KB of code for a few names.
        let mut names: Vec<&str> = Vec::with_capacity(self.roles.len());
        for (name, _) in &self.roles {
            names.insert(names.partition_point(|known| *known < name.as_str()), name);
        }
        names
    }

    /// The scope of every entry.
    pub fn scopes(&self) -> Vec<&Scope> {
        // One chain of iterators would be 1 KB of code.
        let mut all: Vec<&Scope> = Vec::new();
        self.tmpfs.iter().for_each(|entry| all.push(&entry.scope));
        self.volumes.iter().for_each(|entry| all.push(&entry.scope));
        self.directories.iter().for_each(|entry| all.push(&entry.scope));
        self.files.iter().for_each(|entry| all.push(&entry.scope));
        self.requirements.iter().for_each(|entry| all.push(&entry.scope));
        self.refusals.iter().for_each(|entry| all.push(&entry.scope));
        self.secrets.iter().for_each(|(_, secret)| all.push(&secret.scope));
        [&self.root_steps, &self.steps].into_iter().flatten().for_each(|entry| all.push(&entry.scope));
        all
    }
}

impl Default for Config {
    fn default() -> Config {
        Config {
            image: None,
            user: None,
            groups: None,
            home: None,
            umask: None,
            workdir: None,
            keep_capabilities: Vec::new(),
            unset: Vec::new(),
            role_variable: "ROLE".into(),
            role_argument: false,
            role_flags: None,
            default_role: None,
            tmpfs: Vec::new(),
            volumes: Vec::new(),
            directories: Vec::new(),
            files: Vec::new(),
            requirements: Vec::new(),
            refusals: Vec::new(),
            root_steps: Vec::new(),
            steps: Vec::new(),
            env: BTreeMap::new(),
            secrets: Vec::new(),
            limits: Limits::default(),
            stop: Stop::default(),
            boot_check: BootCheck::default(),
            supervise: Supervise::default(),
            seal: Seal::default(),
            roles: Vec::new(),
        }
    }
}

/// The supplementary groups.
#[derive(Clone, Debug)]
pub enum Groups {
    /// These, by name or number.
    Listed(Vec<At<String>>),
    /// The groups that the engine set.
    Engine,
}

/// The boots that an entry applies to: `roles`, `when` and `unless`.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// Only these roles; all roles if there is no list.
    pub roles: Option<Vec<At<String>>>,
    /// All of these conditions must hold.
    pub when: BTreeMap<String, Condition>,
    /// Boots on which not all of these conditions hold.
    pub unless: BTreeMap<String, Condition>,
}

impl Scope {
    /// Whether `roles` includes this role.
    pub fn has(&self, role: Option<&str>) -> bool {
        self.roles.as_ref().is_none_or(|roles| roles.iter().any(|listed| Some(listed.value.as_str()) == role))
    }
}

/// A required variable.
#[derive(Debug)]
pub struct Requirement {
    /// Its name.
    pub env: String,
    /// The fix in the message.
    pub hint: Option<String>,
    /// When it applies.
    pub scope: Scope,
}

/// A refused variable.
#[derive(Debug)]
pub struct Refusal {
    /// Its name.
    pub env: String,
    /// The condition that is refused.
    pub value: Condition,
    /// The fix in the message.
    pub hint: Option<String>,
    /// When it applies.
    pub scope: Scope,
}

/// A command that runs to its end before the app.
#[derive(Debug)]
pub struct Step {
    /// The name in messages.
    pub name: At<String>,
    /// The command, with `${…}`; empty for a step that waits.
    pub command: Vec<At<String>>,
    /// A wait instead of a command.
    pub wait: Option<Box<Health>>,
    /// The variable that gets its standard output.
    pub output: Option<String>,
    /// A failure is a warning.
    pub optional: bool,
    /// Runs only if this path exists, with `${…}`.
    pub when_exists: Option<At<String>>,
    /// Runs only if this path does not exist, with `${…}`.
    pub unless_exists: Option<At<String>>,
    /// Capabilities of a root step beyond the four.
    pub capabilities: Vec<At<String>>,
    /// The environment of a root step, with `${…}`.
    pub env: BTreeMap<String, At<String>>,
    /// Its timeout.
    pub timeout: Option<Expandable<Duration>>,
    /// When it applies.
    pub scope: Scope,
}

/// One of `[secrets]`.
#[derive(Debug)]
pub struct Secret {
    /// Its file, unless `NAME_FILE` names another.
    pub path: At<String>,
    /// Whether the file may be absent.
    pub optional: bool,
    /// Its `roles`.
    pub scope: Scope,
}

/// `[limits]`.
#[derive(Debug, Default)]
pub struct Limits {
    /// Processes and threads.
    pub pids: Option<u64>,
    /// Memory, as engines write it.
    pub memory: Option<String>,
}

/// `[stop]`, or a role's `stop`: only what is given there.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stop {
    /// The number of the signal that the engine sends.
    pub signal: Option<i32>,
    /// From that signal to `SIGKILL`.
    pub grace: Option<Duration>,
}

/// `[boot_check]`.
#[derive(Debug)]
pub struct BootCheck {
    /// For the app to become healthy.
    pub timeout: Duration,
    /// How long a role without a health check must keep running.
    pub settle: Duration,
    /// Whether a writable `/` fails the check.
    pub require_read_only_root: bool,
}

impl Default for BootCheck {
    fn default() -> BootCheck {
        BootCheck { timeout: Duration::from_secs(90), settle: Duration::from_secs(3), require_read_only_root: true }
    }
}

/// `[supervise]`.
#[derive(Debug, Default)]
pub struct Supervise {
    /// Signals rewritten before they are forwarded; an empty one is dropped.
    pub signals: BTreeMap<String, At<String>>,
    /// Whether the whole process group is signalled.
    pub group: bool,
    /// Exit codes rewritten.
    pub exit_codes: BTreeMap<String, At<i64>>,
}

/// `[seal]`.
#[derive(Debug)]
pub struct Seal {
    /// Whether the app can write only below its surfaces.
    pub writes: bool,
    /// Further paths that it can write to, with `${…}`.
    pub also: Vec<At<String>>,
    /// Whether it can create and enter namespaces.
    pub namespaces: bool,
    /// Whether a kernel that cannot seal is a warning instead of a refusal.
    pub optional: bool,
}

impl Default for Seal {
    fn default() -> Seal {
        Seal { writes: false, also: Vec::new(), namespaces: true, optional: false }
    }
}

/// One of `[roles]`.
#[derive(Debug)]
pub struct Role {
    /// Its place.
    pub place: Place,
    /// The command, with `${…}`; empty if the role only runs steps.
    pub command: Option<Vec<At<String>>>,
    /// Whether `/init` supervises it.
    pub supervise: Option<At<bool>>,
    /// Its environment; overrides `[env]`.
    pub env: BTreeMap<String, At<String>>,
    /// Its health check.
    pub health: Option<Box<Health>>,
    /// The TCP ports that it listens on.
    pub ports: Vec<u16>,
    /// Whether systemd holds the ports and hands them to the app.
    pub activation: bool,
    /// Whether it must never run twice.
    pub at_most_one: bool,
    /// How it is stopped; overrides `[stop]`.
    pub stop: Stop,
}

/// A health check.
#[derive(Debug)]
pub struct Health {
    /// The kind of check.
    pub probe: Probe,
    /// Its timeout.
    pub timeout: Expandable<Duration>,
    /// Whether Kubernetes restarts a container that fails it.
    pub liveness: bool,
}

/// The kind of a health check.
#[derive(Debug)]
pub enum Probe {
    /// An HTTP answer of this status.
    Http {
        /// The URL, with `${…}`.
        url: At<String>,
        /// The socket to connect to instead of the URL's host, with `${…}`.
        unix: Option<At<String>>,
        /// The status it must have.
        status: u16,
        /// Headers to send.
        headers: BTreeMap<String, At<String>>,
    },
    /// A connection that is accepted.
    Tcp(At<String>),
    /// A command that exits with 0.
    Exec(Vec<At<String>>),
    /// A file that exists and, with an age, is not older.
    File {
        /// Its path, with `${…}`.
        path: At<String>,
        /// How long ago it may have been written.
        max_age: Option<Duration>,
    },
}
