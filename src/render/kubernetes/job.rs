//! The gate of a role: a Job that is its boot check, with the Pod of the role; and the Job of a role that only runs
//! steps.

use super::deployment::SLACK;
use super::pod::{self, Purpose};
use super::{GATE_LABEL, Names, head, labels};
use crate::error::Result;
use crate::plan::container::Container;
use crate::render::setting::seconds;
use crate::render::yaml::Yaml;

/// Seconds until a finished Job is removed: the template of a Job is immutable, so the next Job needs the name.
const KEPT: u64 = 3600;

pub(super) fn check(container: &Container<'_>, names: &Names) -> Result<String> {
    let template = pod::template(container, names, Purpose::Check)?;
    let mut document = head("batch/v1", "Job", &names.check, |document| {
        labels(document, names, &names.check);
        document.text(GATE_LABEL, &names.role);
    });
    document.open("spec");
    document.comment("a check that fails is not repeated");
    document.number("backoffLimit", 0);
    document.comment("the start, the stop, and time to pull the image");
    document.number("activeDeadlineSeconds", seconds(container.start) + seconds(container.stop) + SLACK);
    finish(document, &template)
}

/// A role that only runs steps. A cluster repeats a Job that fails.
pub(super) fn steps(container: &Container<'_>, names: &Names) -> Result<String> {
    let template = pod::template(container, names, Purpose::Serve)?;
    let mut document = head("batch/v1", "Job", &names.role, |document| labels(document, names, &names.role));
    document.open("spec");
    finish(document, &template)
}

fn finish(mut document: Yaml, template: &Yaml) -> Result<String> {
    document.comment("kept for its log; a Job cannot be changed, so delete it before the next one of this name");
    document.number("ttlSecondsAfterFinished", KEPT);
    document.add(template);
    document.close();
    Ok(document.page())
}
