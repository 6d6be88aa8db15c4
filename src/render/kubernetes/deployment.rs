//! The Deployment of a role, and its PodDisruptionBudget.

use super::pod::{self, Purpose};
use super::{Names, head, labels, selector};
use crate::error::Result;
use crate::plan::container::Container;
use crate::render::setting::seconds;

/// Seconds that a cluster needs in addition to the container's start: to schedule the Pod and pull the image.
pub(super) const SLACK: u64 = 300;

/// The API's default of `progressDeadlineSeconds`.
const USUAL_DEADLINE: u64 = 600;

pub(super) fn deployment(container: &Container<'_>, names: &Names) -> Result<String> {
    let template = pod::template(container, names, Purpose::Serve)?;
    let mut document = head("apps/v1", "Deployment", &names.role, |document| labels(document, names, &names.role));
    document.open("spec");
    if container.at_most_one {
        document.comment("at_most_one: the old Pod is gone before the new one starts");
        document.number("replicas", 1);
        document.map("strategy", |document| document.text("type", "Recreate"));
    } else {
        document.comment("no replicas: their number belongs to the overlay or to an autoscaler");
        document.map("strategy", |document| {
            document.text("type", "RollingUpdate");
            document.comment("a new Pod is ready before an old one stops");
            document.map("rollingUpdate", |document| document.number("maxUnavailable", 0));
        });
    }
    let deadline = seconds(container.start) + SLACK;
    if deadline > USUAL_DEADLINE {
        document.comment("longer than the steps and boot_check.timeout; a rollout that takes longer has failed");
        document.number("progressDeadlineSeconds", deadline);
    }
    selector(&mut document, "selector", names);
    document.add(&template);
    document.close();
    Ok(document.page())
}

pub(super) fn budget(names: &Names) -> String {
    let mut document =
        head("policy/v1", "PodDisruptionBudget", &names.role, |document| labels(document, names, &names.role));
    document.map("spec", |document| {
        document.comment("a drain of nodes takes one Pod at a time");
        document.number("maxUnavailable", 1);
        selector(document, "selector", names);
    });
    document.page()
}
