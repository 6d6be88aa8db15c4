//! The lines of `--json`, one value per line, and their JSON Schema: `stepdown schema output`.

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    failure::{Context, Failure},
    state::State,
    tag::Tag,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) enum Level {
    #[serde(rename = "ok")]
    Ok,
    #[serde(rename = "warn")]
    Warn,
    #[serde(rename = "FAIL")]
    Fail,
    #[serde(rename = "skip")]
    Skip,
    #[serde(rename = "fix")]
    Fix,
}

impl Level {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "FAIL",
            Self::Skip => "skip",
            Self::Fix => "fix",
        }
    }
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged, deny_unknown_fields)]
#[schemars(title = "stepdown: a line of --json, and of history")]
pub(crate) enum Line<'a> {
    /// A step of a deploy, or a finding of `check`.
    Step { verdict: Level, step: &'a str, words: &'a str, seconds: f32 },
    /// The last line of `deploy` and `rollback`: `ok TAG`, or `fail TAG reason`.
    Answer { answer: &'a str, stuck: bool, seconds: f32 },
    /// On standard error: the failure that ended the command.
    Error { error: Reason<'a> },
    /// `status`. `units` is empty if they cannot be read.
    Status { app: &'a str, state: &'a State, units: &'a [UnitNow] },
    /// `history`: a state that a run entered. `at` is in seconds since 1970.
    Entered { at: u64, tag: &'a Tag, phase: &'a str, unit: Option<usize> },
    /// `history`: how a run ended.
    Ended { at: u64, tag: Option<&'a Tag>, answer: &'a str, fix: Option<&'a str>, stuck: bool, seconds: Option<u64> },
}

/// A unit and its container at this moment.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UnitNow {
    pub(crate) unit: String,
    /// systemd's ActiveState.
    pub(crate) active: String,
    /// The image that its container runs; null if no container runs.
    pub(crate) image: Option<String>,
    /// `starting`, `healthy` or `unhealthy`, as Podman recorded it last; null without a health check.
    pub(crate) health: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reason<'a> {
    what: &'a str,
    reason: &'a str,
    fix: &'a str,
}

impl<'a> Reason<'a> {
    pub(crate) fn of(failure: &'a Failure) -> Self {
        Self { what: &failure.what, reason: &failure.reason, fix: &failure.fix }
    }
}

impl Line<'_> {
    pub(crate) fn text(&self) -> Result<String, Failure> {
        serde_json::to_string(self).on("encode", "a line of --json")
    }
}

pub(crate) fn schema() -> Result<String, Failure> {
    serde_json::to_string_pretty(&schemars::schema_for!(Line)).on("print", "the schema")
}
