//! A row: its name, where it runs, and its story, which says in a word what came of it.

use std::time::Duration;

use crate::lab::Engine;
use crate::scene::Scene;

pub const BOTH: &[Engine] = &[Engine::Podman, Engine::Docker];
pub const PODMAN: &[Engine] = &[Engine::Podman];

/// What came of a row.
pub struct Told {
    /// The exit code, where there is one to tell.
    pub code: Option<i32>,
    pub line: String,
    /// How long the container took, where the row is one container; else the whole row counts.
    pub took: Option<Duration>,
}

impl From<&str> for Told {
    fn from(line: &str) -> Told {
        Told::from(line.to_owned())
    }
}

impl From<String> for Told {
    fn from(line: String) -> Told {
        Told { code: None, line, took: None }
    }
}

pub type Verdict = Result<Told, String>;

type Story = Box<dyn Fn(&Scene) -> Verdict + Send + Sync>;

pub struct Row {
    pub name: String,
    pub engines: &'static [Engine],
    /// Whether it is a deployment that must not pass.
    pub broken: bool,
    story: Story,
}

impl Row {
    pub fn new(name: impl Into<String>, engines: &'static [Engine], story: impl Fn(&Scene) -> Verdict + Send + Sync + 'static) -> Row {
        Row { name: name.into(), engines, broken: false, story: Box::new(story) }
    }

    pub fn broken(self) -> Row {
        Row { broken: true, ..self }
    }

    pub fn run(&self, scene: &Scene) -> Verdict {
        (self.story)(scene)
    }
}
