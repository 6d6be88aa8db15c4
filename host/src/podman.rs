//! Podman: images, their names, and the containers that run them or keep them from being pruned.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde::Deserialize;

use crate::{
    failure::{Context, Failure},
    state::{Release, short},
    tag::Tag,
    tool,
};

const QUICK: Duration = Duration::from_secs(60);
const PULL: Duration = Duration::from_secs(1800);
/// The label of the containers that hold an image.
const HOLD: &str = "stepdown.hold";

/// The image name that the units run. Only this program moves it.
pub(crate) fn pointer(app: &str) -> String {
    format!("localhost/stepdown/{app}:current")
}

fn kept_name(app: &str, image: &str) -> String {
    format!("localhost/stepdown/{app}:id-{}", short(image))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Facts {
    id: String,
    #[serde(default)]
    config: ImageConfig,
}

#[derive(Default, Deserialize)]
struct ImageConfig {
    #[serde(default, rename = "Labels")]
    labels: Option<BTreeMap<String, String>>,
    #[serde(default, rename = "Env")]
    env: Option<Vec<String>>,
}

/// Whether there is a local image of that name.
pub(crate) fn exists(name: &str) -> Result<bool, Failure> {
    tool::run(&["podman", "image", "exists", name], QUICK).map(|exists| exists.ok())
}

/// The local image of that name or id; None if there is none.
pub(crate) fn image(name: &str) -> Result<Option<Release>, Failure> {
    let format = "{{.Created.Unix}} {{json .}}";
    let found = tool::run(&["podman", "image", "inspect", "--format", format, name], QUICK)?;
    if !found.ok() {
        // Only after a failure, since each call of Podman takes about 0.1 s.
        return match tool::run(&["podman", "image", "exists", name], QUICK)?.code {
            Some(1) => Ok(None),
            _ => Err(found.failure(format!("inspect {name}"), &["podman", "image", "inspect", name])),
        };
    }
    let (created, json) = found.out.trim().split_once(' ').unwrap_or_default();
    let facts: Facts =
        serde_json::from_str(json).on("inspect", name).map_err(|failure| failure.fix("install Podman 5"))?;
    let label = facts.config.labels.unwrap_or_default().remove("org.opencontainers.image.revision");
    let env = facts.config.env.unwrap_or_default();
    let hash = env.iter().find_map(|line| line.strip_prefix("GIT_HASH=")).map(str::to_owned);
    Ok(Some(Release {
        image: facts.id.trim_start_matches("sha256:").to_owned(),
        digest: None,
        tag: None,
        revision: label.or(hash),
        created: created.parse().unwrap_or(0),
        since: None,
    }))
}

/// Pulls by digest. With `policy` only the system's policy counts, never one in the user's home.
pub(crate) fn pull(reference: &str, policy: Option<&str>) -> Result<(), Failure> {
    let mut argv = vec!["podman", "pull", "--quiet"];
    if let Some(policy) = policy {
        argv.extend(["--signature-policy", policy]);
    }
    argv.push(reference);
    tool::must(&format!("pull {reference}"), &argv, PULL).map(|_| ())
}

pub(crate) fn tag(image: &str, name: &str) -> Result<(), Failure> {
    tool::must(&format!("tag {name}"), &["podman", "tag", image, name], QUICK).map(|_| ())
}

pub(crate) fn untag(name: &str) -> Result<(), Failure> {
    tool::must(&format!("untag {name}"), &["podman", "untag", name, name], QUICK).map(|_| ())
}

/// Holds an image, unless it is held already.
pub(crate) fn keep_held(app: &str, image: &str) -> Result<(), Failure> {
    if is_held(app, image)? { Ok(()) } else { hold(app, image) }
}

fn is_held(app: &str, image: &str) -> Result<bool, Failure> {
    let name = hold_name(app, image);
    tool::run(&["podman", "container", "exists", &name], QUICK).map(|exists| exists.ok())
}

/// Gives the image a tag and a container that is never started: `podman image prune --all` keeps what a container uses.
pub(crate) fn hold(app: &str, image: &str) -> Result<(), Failure> {
    let name = hold_name(app, image);
    tag(image, &kept_name(app, image))?;
    let label = format!("{HOLD}={app}");
    let argv = [
        "podman",
        "create",
        "--quiet",
        "--name",
        &name,
        "--label",
        &label,
        "--pull",
        "never",
        "--network",
        "none",
        "--no-healthcheck",
        image,
        "hold",
    ];
    let created = tool::run(&argv, QUICK)?;
    // An image that is deployed again is held already.
    if created.ok() || is_held(app, image)? {
        return Ok(());
    }
    Err(created.failure(format!("hold image {}", short(image)), &argv))
}

fn hold_name(app: &str, image: &str) -> String {
    format!("stepdown-hold-{app}-{}", short(image))
}

/// Releases every held image but those of `kept`. An image that something else uses stays.
pub(crate) fn retire(app: &str, kept: &[&str]) -> Result<Vec<String>, Failure> {
    let filter = format!("label={HOLD}={app}");
    let list = ["podman", "ps", "--all", "--no-trunc", "--filter", &filter, "--format", "{{.ImageID}}"];
    let held = tool::must("list held images", &list, QUICK)?;
    // An image has only its tag if this program was killed between two of these commands.
    let filter = format!("reference={}", kept_name(app, "*"));
    let list = ["podman", "images", "--no-trunc", "--filter", &filter, "--format", "{{.ID}}"];
    let tagged = tool::must("list kept images", &list, QUICK)?;
    let held = held.lines().map(|line| line.trim_start_matches("sha256:"));
    let found: BTreeSet<&str> = held.chain(tagged.lines().map(|line| line.trim_start_matches("sha256:"))).collect();
    let gone = found.into_iter().filter(|image| !kept.contains(image));
    gone.map(|image| release(app, image).map(|()| short(image).to_owned())).collect()
}

/// Removes the container that holds the image, its tag, and the image if this was its last name and no container runs
/// it.
fn release(app: &str, image: &str) -> Result<(), Failure> {
    let container = hold_name(app, image);
    tool::must(&format!("remove {container}"), &["podman", "rm", "--force", "--ignore", &container], QUICK)?;
    tool::run(&["podman", "rmi", "--ignore", &kept_name(app, image), image], QUICK).map(|_| ())
}

/// Removes an image that was pulled and is not of `kept`. Returns whether it was there.
pub(crate) fn drop_unheld(app: &str, reference: &str, kept: &[&str]) -> Result<bool, Failure> {
    let Some(found) = image(reference)? else { return Ok(false) };
    if !kept.contains(&found.image.as_str()) {
        release(app, &found.image)?;
    }
    Ok(true)
}

/// Removes containers that carry the label, whatever state they are in.
pub(crate) fn sweep(label: &str) -> Result<(), Failure> {
    let filter = format!("label={label}");
    let list = ["podman", "ps", "--all", "--quiet", "--filter", &filter];
    for id in tool::must("list containers", &list, QUICK)?.lines() {
        let argv = ["podman", "rm", "--force", "--time", "0", "--volumes", id];
        tool::must(&format!("remove container {id}"), &argv, QUICK)?;
    }
    Ok(())
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Container {
    pub(crate) id: String,
    pub(crate) image: String,
    pub(crate) running: bool,
    /// Restarts by Podman itself. systemd starts a new container instead.
    pub(crate) restarts: u32,
    /// `starting`, `healthy` or `unhealthy`; None without a health check.
    pub(crate) health: Option<String>,
    pub(crate) check: Option<HealthCheck>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct HealthCheck {
    pub(crate) test: Vec<String>,
    #[serde(default)]
    start_period: u64,
    #[serde(default)]
    interval: u64,
    #[serde(default)]
    timeout: u64,
}

impl HealthCheck {
    /// The command to run in the container; None for a check that is switched off.
    pub(crate) fn command(&self) -> Option<Vec<&str>> {
        match self.test.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["CMD", command @ ..] if !command.is_empty() => Some(command.to_vec()),
            ["CMD-SHELL", line] => Some(vec!["/bin/sh", "-c", line]),
            _ => None,
        }
    }

    pub(crate) fn timeout(&self) -> Duration {
        let set = Duration::from_nanos(self.timeout);
        if set.is_zero() { Duration::from_secs(30) } else { set }
    }

    /// The start period and three intervals.
    pub(crate) fn soak(&self) -> Duration {
        Duration::from_nanos(self.start_period) + 3 * Duration::from_nanos(self.interval)
    }
}

pub(crate) fn container(name: &str) -> Result<Option<Container>, Failure> {
    Ok(containers(&[name])?.remove(name))
}

/// The containers of these names that exist, by name, from one call of Podman.
pub(crate) fn containers(names: &[&str]) -> Result<BTreeMap<String, Container>, Failure> {
    let format = "{{.Name}}\t{{.Id}}\t{{.Image}}\t{{.State.Running}}\t{{.RestartCount}}\t\
                  {{if .State.Health}}{{.State.Health.Status}}{{end}}\t{{json .Config.Healthcheck}}";
    let mut argv = vec!["podman", "container", "inspect", "--format", format];
    argv.extend(names);
    let output = tool::run(&argv, QUICK)?;
    let is_missing = |line: &str| line.contains("no such container") || line.contains("no such object");
    if !output.ok() && !output.err.lines().any(is_missing) {
        return Err(output.failure(format!("inspect {}", names.join(", ")), &argv));
    }
    Ok(output.out.lines().filter_map(described).collect())
}

fn described(line: &str) -> Option<(String, Container)> {
    let mut fields = line.splitn(7, '\t');
    let mut next = || fields.next();
    let (name, id, image, running) = (next()?, next()?, next()?, next()?);
    let (restarts, health, check) = (next()?, next()?, next()?);
    let container = Container {
        id: id.to_owned(),
        image: image.trim_start_matches("sha256:").to_owned(),
        running: running == "true",
        restarts: restarts.parse().unwrap_or(0),
        health: Some(health.to_owned()).filter(|health| !health.is_empty()),
        check: serde_json::from_str(check).ok(),
    };
    Some((name.to_owned(), container))
}

/// Runs the container's own health check, by exec: `podman healthcheck run` would count towards Podman's retries and
/// start its action on failure.
pub(crate) fn ask(name: &str, check: &HealthCheck) -> Result<Result<(), String>, Failure> {
    let Some(command) = check.command() else { return Ok(Ok(())) };
    let mut argv = vec!["podman", "exec", name];
    argv.extend(command);
    let output = tool::run(&argv, check.timeout())?;
    Ok(if output.ok() { Ok(()) } else { Err(output.complaint()) })
}

impl Release {
    pub(crate) fn with(self, tag: &Tag, digest: &str) -> Self {
        Self { tag: Some(tag.clone()), digest: Some(digest.to_owned()), ..self }
    }
}
