//! Manifests for Kubernetes: a Deployment and a PodDisruptionBudget for each role, or a Job if it only runs steps; a
//! Service where it has ports, and a Job that is its boot check. They are a base for `kubectl kustomize`, which adds
//! the settings of a site.

mod deployment;
mod job;
mod pod;
mod service;

use super::inexpressible;
use super::names::{self, of_service};
use super::yaml::Yaml;
use crate::config::args::Format;
use crate::error::{Result, fix};
use crate::plan::container::Container;
use crate::text::joined;

const FORMAT: Format = Format::Kubernetes;

/// The label of every Job: `kubectl apply --selector boot-check` applies them alone.
const GATE_LABEL: &str = "boot-check";

/// The longest name of an object, and of a label.
const LONGEST: usize = 63;

/// The names of a role's objects.
struct Names {
    /// The Deployment, its Service and its budget.
    role: String,
    /// The Job.
    check: String,
    /// The app that all roles are part of.
    app: String,
}

pub(super) fn render(containers: &[Container<'_>]) -> Result<String> {
    let mut known: Vec<String> = Vec::new();
    let mut documents = Vec::new();
    for container in containers {
        let names = names_of(container)?;
        if known.contains(&names.role) || known.contains(&names.check) {
            return Err(no_name(container));
        }
        if !container.ports.is_empty() {
            documents.push(service::service(container, &names));
        }
        if container.ends {
            documents.push(job::steps(container, &names)?);
        } else {
            documents.push(deployment::deployment(container, &names)?);
            documents.push(deployment::budget(&names));
        }
        documents.push(job::check(container, &names)?);
        known.extend([names.role, names.check]);
    }
    let mut page = Yaml::default();
    page.comment(
        "do not edit: replicas, addresses, claims, secrets and policies of this site go into a kustomize overlay",
    );
    Ok(page.page() + &joined(&documents, "---\n"))
}

fn names_of(container: &Container<'_>) -> Result<Names> {
    let role = names::name(of_service(container));
    let check = format!("{role}-check");
    // A Service's name begins with a letter.
    if check.len() > LONGEST || !role.starts_with(|first: char| first.is_ascii_alphabetic()) {
        return Err(no_name(container));
    }
    Ok(Names { role, check, app: app(container.image.as_deref()) })
}

fn no_name(container: &Container<'_>) -> crate::error::Error {
    inexpressible(
        FORMAT,
        format!("the name of an object for the role '{}'", of_service(container)),
        fix::render::ROLE_NAME,
    )
}

/// The last part of the image's name, without tag and digest.
fn app(image: Option<&str>) -> String {
    let repository = image.and_then(|image| image.split('@').next());
    let last = repository.and_then(|name| name.rsplit('/').next()).and_then(|name| name.split(':').next());
    let name = names::name(last.unwrap_or_default());
    if name.is_empty() || name.len() > LONGEST { "app".into() } else { name }
}

/// The kind and the metadata of a document.
fn head(version: &str, kind: &str, name: &str, labels: impl FnOnce(&mut Yaml)) -> Yaml {
    let mut document = Yaml::default();
    document.text("apiVersion", version);
    document.text("kind", kind);
    document.map("metadata", |document| {
        document.text("name", name);
        document.map("labels", labels);
    });
    document
}

/// The labels that select the Pods of a role, or of its check.
fn labels(document: &mut Yaml, names: &Names, component: &str) {
    document.text("app.kubernetes.io/name", &names.app);
    document.text("app.kubernetes.io/component", component);
}

/// A selector of the role's Pods.
fn selector(document: &mut Yaml, key: &str, names: &Names) {
    document.map(key, |document| document.map("matchLabels", |document| labels(document, names, &names.role)));
}

#[cfg(test)]
mod tests {
    use super::app;

    #[test]
    fn the_app_is_named_like_its_image() {
        let digest = format!("registry.example:5000/team/My_App@sha256:{}", "0".repeat(64));
        for (image, name) in [
            (None, "app"),
            (Some("registry.example:5000/team/news:1.2"), "news"),
            (Some(digest.as_str()), "my-app"),
            (Some("localhost/..."), "app"),
        ] {
            assert_eq!(app(image), name);
        }
    }
}
