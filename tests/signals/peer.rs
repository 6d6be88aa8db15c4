//! The inits, and the options of each init for a scenario.

use std::fmt;
use std::path::Path;
use std::time::Duration;

/// An init.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Init {
    Stepdown,
    Tini,
    Dumb,
    Catatonit,
}

pub const ALL: [Init; 4] = [Init::Stepdown, Init::Tini, Init::Dumb, Init::Catatonit];

impl Init {
    /// The path in Debian's package.
    fn program(self) -> &'static str {
        match self {
            Init::Stepdown => "",
            Init::Tini => "/usr/bin/tini",
            Init::Dumb => "/usr/bin/dumb-init",
            Init::Catatonit => "/usr/bin/catatonit",
        }
    }

    pub fn is_here(self) -> bool {
        self == Init::Stepdown || Path::new(self.program()).exists()
    }

    pub fn is_own(self) -> bool {
        self == Init::Stepdown
    }

    /// How long to wait for an event. Long for `/init`, which must pass; a failing other init should not take long.
    pub fn patience(self) -> Duration {
        if self.is_own() { Duration::from_secs(20) } else { Duration::from_secs(2) }
    }

    /// The init's command line before the app's words. `own` is the binary under test, `config` its configuration.
    pub fn command(self, own: &Path, config: &Path, how: &How) -> Vec<String> {
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let usual = if self.is_own() { text(own) } else { self.program().to_owned() };
        let mut words = vec![how.program.clone().unwrap_or(usual)];
        match self {
            Init::Stepdown => {
                words.extend((!how.by_role).then(|| "--supervise".into()));
                words.extend(["--config".into(), text(config)]);
            }
            Init::Tini => {
                words.extend(how.group.then(|| "-g".into()));
                words.extend(how.below.then(|| "-s".into()));
            }
            // By default it signals the whole session.
            Init::Dumb => words.extend((!how.group).then(|| "-c".into())),
            Init::Catatonit => words.extend(how.group.then(|| "-g".into())),
        }
        words.extend(how.flags.iter().filter(|(init, _)| *init == self).map(|(_, flag)| flag.clone()));
        words.push("--".into());
        words
    }
}

/// The options of a run.
#[derive(Clone, Default)]
pub struct How {
    /// Signals go to the group.
    pub group: bool,
    /// The init is not PID 1.
    pub below: bool,
    /// The role's configuration enables supervision.
    pub by_role: bool,
    /// Flags for single inits.
    pub flags: Vec<(Init, String)>,
    /// Another build of the init.
    pub program: Option<String>,
}

impl fmt::Display for Init {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Init::Stepdown => "stepdown",
            Init::Tini => "tini",
            Init::Dumb => "dumb-init",
            Init::Catatonit => "catatonit",
        })
    }
}
