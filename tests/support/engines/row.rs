//! A row of a table: its name, its engines and its function, which returns a one-line result.

use std::time::Duration;

use super::engine::Engine;
use super::scene::Scene;

/// The result of a row.
#[derive(Clone, Debug)]
pub struct Told {
    pub line: String,
    /// The duration of the container, if the row is one container; otherwise the whole row counts.
    pub took: Option<Duration>,
}

impl From<&str> for Told {
    fn from(line: &str) -> Told {
        Told::from(line.to_owned())
    }
}

impl From<String> for Told {
    fn from(line: String) -> Told {
        Told { line, took: None }
    }
}

pub type Verdict = Result<Told, String>;

type Story = Box<dyn Fn(&Scene) -> Verdict + Send + Sync>;

pub struct Row {
    pub name: String,
    /// The group of rows that it belongs to.
    pub part: &'static str,
    engines: &'static [Engine],
    story: Story,
}

impl Row {
    pub fn new(
        name: impl Into<String>,
        engines: &'static [Engine],
        story: impl Fn(&Scene) -> Verdict + Send + Sync + 'static,
    ) -> Row {
        Row { name: name.into(), part: "row", engines, story: Box::new(story) }
    }

    /// The same row in another group.
    pub fn of(self, part: &'static str) -> Row {
        Row { part, ..self }
    }

    /// The same row in fewer engines.
    pub fn only(self, engines: &'static [Engine]) -> Row {
        Row { engines, ..self }
    }

    pub fn runs_in(&self, engine: Engine) -> bool {
        self.engines.contains(&engine)
    }

    pub fn run(&self, scene: &Scene) -> Verdict {
        (self.story)(scene)
    }
}
