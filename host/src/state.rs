//! What the state of an app consists of: what serves, what served before, and what is under way.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::tag::Tag;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Release {
    /// Podman's image id, which containers are compared by.
    pub(crate) image: String,
    pub(crate) digest: Option<String>,
    pub(crate) tag: Option<Tag>,
    /// The commit that it was built from, if the image has it as a label or variable.
    pub(crate) revision: Option<String>,
    /// When the image was made, in seconds since 1970.
    pub(crate) created: i64,
    pub(crate) since: Option<u64>,
}

impl Release {
    pub(crate) fn name(&self) -> String {
        self.tag.as_ref().map_or_else(|| short(&self.image).to_owned(), Tag::to_string)
    }
}

/// The first twelve digits of an image id.
pub(crate) fn short(image: &str) -> &str {
    image.get(..12).unwrap_or(image)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Phase {
    Claimed,
    Resolved,
    Verified,
    Pulled,
    Gated,
    Pre,
    Cutting { unit: usize },
    Soaking,
    Restoring,
}

impl Phase {
    /// Whether what serves may have been changed.
    pub(crate) fn touched(self) -> bool {
        matches!(self, Self::Cutting { .. } | Self::Soaking | Self::Restoring)
    }

    /// The name of the moment just after it is on disk, for tests.
    pub(crate) fn point(self) -> String {
        match self {
            Self::Cutting { unit } => format!("cutting {unit}"),
            other => other.name().to_owned(),
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Claimed => "claimed",
            Self::Resolved => "resolved",
            Self::Verified => "verified",
            Self::Pulled => "pulled",
            Self::Gated => "gated",
            Self::Pre => "pre",
            Self::Cutting { .. } => "cutting",
            Self::Soaking => "soaking",
            Self::Restoring => "restoring",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Run {
    pub(crate) tag: Tag,
    /// The name of the claimed request, if CI requested this run.
    pub(crate) request: Option<String>,
    pub(crate) rollback: bool,
    pub(crate) started: u64,
    pub(crate) phase: Phase,
    pub(crate) candidate: Option<Release>,
    /// What served when the cutover began.
    pub(crate) before: Option<Release>,
    /// Why it is being restored.
    pub(crate) reason: Option<String>,
    #[serde(default)]
    pub(crate) fix: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Outcome {
    pub(crate) request: Option<String>,
    /// `ok TAG`, or `fail TAG reason`.
    pub(crate) answer: String,
    #[serde(default)]
    pub(crate) fix: Option<String>,
    pub(crate) ended: u64,
    pub(crate) stuck: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct State {
    /// The format of this file.
    #[serde(default)]
    pub(crate) version: u32,
    pub(crate) serving: Option<Release>,
    /// The latest first.
    pub(crate) previous: Vec<Release>,
    pub(crate) run: Option<Run>,
    pub(crate) last: Option<Outcome>,
    /// How the runs of requests ended whose answer is not written yet.
    #[serde(default)]
    pub(crate) unanswered: Vec<Outcome>,
    /// Images that are pulled and not held yet: after SIGKILL nothing else knows of them.
    #[serde(default)]
    pub(crate) unheld: Vec<String>,
    /// The spool of the last run.
    #[serde(default)]
    pub(crate) spool: Option<String>,
}

impl Outcome {
    pub(crate) fn is_of(&self, request: &str) -> bool {
        self.request.as_deref() == Some(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_cutover_and_what_follows_may_have_changed_what_serves() {
        for untouched in [Phase::Claimed, Phase::Resolved, Phase::Verified, Phase::Pulled, Phase::Gated, Phase::Pre] {
            assert!(!untouched.touched());
        }
        for touched in [Phase::Cutting { unit: 0 }, Phase::Soaking, Phase::Restoring] {
            assert!(touched.touched());
        }
    }
}
