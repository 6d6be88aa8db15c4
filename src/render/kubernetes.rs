//! Pods, one a role.
//!
//! A Pod needs no root: with `fsGroup` the kubelet mounts what the app's group may write to, so it starts as the user,
//! at the restricted Pod Security level. Root steps and kept capabilities need root, and then it starts as root with the
//! capabilities of the plan.

use super::flag::{self, Flag, RETRIES, seconds};
use super::names::{self, of_service};
use super::yaml::{Entry, Node, document, entry, text};
use super::{IMAGE, image_note, inexpressible};
use crate::error::Result;
use crate::plan::container::Container;
use crate::plan::flags::bytes;
use crate::privilege::capability::Set;

const FORMAT: &str = "kubernetes";

/// Between two questions while the app starts.
const STARTUP_PERIOD: u64 = 5;

pub(super) fn render(containers: &[Container]) -> Result<String> {
    let mut names: Vec<String> = Vec::new();
    let mut documents = Vec::new();
    for container in containers {
        let name = names::name(of_service(container));
        if name.is_empty() || name.len() > 63 || names.contains(&name) {
            let remedy = "give roles names that differ in letters and digits, of at most 63 characters";
            return Err(inexpressible(FORMAT, format!("a Pod's name for the role '{}'", of_service(container)), remedy));
        }
        documents.push(document(pod(container, &name)?));
        names.push(name);
    }
    Ok(documents.join("---\n"))
}

/// What a Pod is made of while its flags are gone through.
#[derive(Default)]
struct Parts {
    mounts: Vec<(Option<String>, Node)>,
    volumes: Vec<(Option<String>, Node)>,
    environment: Vec<(Option<String>, Node)>,
    capabilities: Vec<(Option<String>, Node)>,
    container: Vec<Entry>,
    stop: Vec<Entry>,
}

fn pod(container: &Container, name: &str) -> Result<Vec<Entry>> {
    let root = needs_root(container);
    let mut parts = Parts::default();
    for flag in flag::all(container, FORMAT)? {
        part(&mut parts, &flag, root.is_some(), name)?;
    }
    let labels = Node::Map(vec![entry("app", text(name))]);
    let mut main = vec![
        entry("name", text(name)),
        entry("image", text(container.image.as_deref().unwrap_or(IMAGE))).because(image_note(container)),
        entry("securityContext", Node::Map(confined(container, &mut parts, root.is_some()))),
    ];
    let lists = [("env", parts.environment), ("volumeMounts", parts.mounts)];
    main.extend(lists.into_iter().filter(|(_, list)| !list.is_empty()).map(|(key, list)| entry(key, Node::List(list))));
    main.append(&mut parts.container);
    let mut spec = vec![entry("securityContext", Node::Map(user(container, root)))];
    spec.append(&mut parts.stop);
    spec.push(entry("containers", Node::List(vec![(None, Node::Map(main))])));
    if !parts.volumes.is_empty() {
        spec.push(entry("volumes", Node::List(parts.volumes)));
    }
    Ok(vec![
        entry("apiVersion", text("v1")),
        entry("kind", text("Pod")),
        entry("metadata", Node::Map(vec![entry("name", text(name)), entry("labels", labels)])),
        entry("spec", Node::Map(spec)),
    ])
}

/// Why it must be started as root, where it must.
fn needs_root(container: &Container) -> Option<String> {
    match &container.root_step {
        Some(step) => Some(format!("the root step '{step}' needs root, so this is not the restricted level")),
        None if container.target.keep.is_empty() => None,
        None => Some("kept capabilities can be had from root only, so this is not the restricted level".into()),
    }
}

fn user(container: &Container, root: Option<String>) -> Vec<Entry> {
    let profile = entry("seccompProfile", Node::Map(vec![entry("type", text("RuntimeDefault"))]));
    let id = |id: u32| Node::Number(id.into());
    let target = &container.target;
    let Some(why) = root else {
        let others = target.groups.iter().filter(|group| **group != target.gid).map(|group| (None, id(*group))).collect::<Vec<_>>();
        let mut user = vec![
            entry("runAsNonRoot", Node::Truth(true)),
            entry("runAsUser", id(target.uid)).because("the app's user from the start: nothing has to be handed over"),
            entry("runAsGroup", id(target.gid)),
            entry("fsGroup", id(target.gid)).because("mounts are writable to the app's group; their mode is the kubelet's"),
            entry("fsGroupChangePolicy", text("OnRootMismatch")),
        ];
        if !others.is_empty() {
            user.push(entry("supplementalGroups", Node::List(others)));
        }
        user.push(profile);
        return user;
    };
    vec![entry("runAsUser", id(0)).because(why), entry("runAsGroup", id(0)), profile]
}

fn confined(container: &Container, parts: &mut Parts, as_root: bool) -> Vec<Entry> {
    let mut capabilities = vec![entry("drop", Node::List(vec![(None, text("ALL"))]))];
    if as_root {
        capabilities.push(entry("add", Node::List(std::mem::take(&mut parts.capabilities))));
    }
    // A Pod may not have both.
    let administers = container.needs.iter().any(|(need, _)| Set::named("SYS_ADMIN").is_some_and(|admin| need.contains(admin)));
    vec![
        entry("readOnlyRootFilesystem", Node::Truth(true)).because(Flag::ReadOnly.why()),
        entry("allowPrivilegeEscalation", Node::Truth(administers)).because(Flag::NoNewPrivileges.why()),
        entry("capabilities", Node::Map(capabilities)).because(Flag::DropAll.why()),
    ]
}

fn part(parts: &mut Parts, flag: &Flag<'_>, as_root: bool, pod: &str) -> Result<()> {
    let why = Some(flag.why());
    match flag {
        Flag::User | Flag::ReadOnly | Flag::NoNewPrivileges | Flag::DropAll => {}
        Flag::Add(name, _) => parts.capabilities.push((why, text(name))),
        Flag::Tmpfs(tmpfs) => {
            let name = volume_name("tmpfs", &tmpfs.path)?;
            let memory = vec![entry("medium", text("Memory")), entry("sizeLimit", text(quantity(tmpfs.size())))];
            parts.mount(why, &name, &tmpfs.path, vec![entry("emptyDir", Node::Map(memory))], vec![]);
        }
        Flag::Volume(volume, made_up) => {
            let name = volume_name("volume", &volume.path)?;
            let claim = vec![entry("claimName", text(made_up))];
            parts.mount(why, &name, &volume.path, vec![entry("persistentVolumeClaim", Node::Map(claim))], vec![]);
        }
        Flag::Secret(secret) => {
            let name = volume_name("secret", secret.path)?;
            // For root alone; or for the group, to which fsGroup gives it.
            let mode = if as_root { 0o400 } else { 0o440 };
            let source = vec![entry("secretName", text(names::name(&secret.name))), entry("defaultMode", Node::Number(mode))];
            let more = vec![entry("subPath", text(&secret.name)), entry("readOnly", Node::Truth(true))];
            parts.mount(why, &name, secret.path, vec![entry("secret", Node::Map(source))], more);
        }
        Flag::Role(variable, role) => {
            parts.environment.push((why, Node::Map(vec![entry("name", text(*variable)), entry("value", text(*role))])));
        }
        Flag::Required(name, _) => {
            let key = vec![entry("name", text(format!("{pod}-env"))), entry("key", text(*name))];
            let source = Node::Map(vec![entry("secretKeyRef", Node::Map(key))]);
            parts.environment.push((why, Node::Map(vec![entry("name", text(*name)), entry("valueFrom", source)])));
        }
        Flag::Pids(_) => {
            let remedy =
                "leave limits.pids out of the configuration for Kubernetes (--config FILE), and limit processes by the kubelet's podPidsLimit";
            return Err(inexpressible(FORMAT, "a Pod has no limit of processes (limits.pids)".into(), remedy));
        }
        Flag::Memory(limit) => {
            let limits = Node::Map(vec![entry("memory", text(quantity(limit)))]);
            parts.container.push(entry("resources", Node::Map(vec![entry("limits", limits)])).because(flag.why()));
        }
        Flag::Health(asked, start) => {
            let probe = |period: u64, failures: u64| {
                let words = asked.command.iter().map(|word| (None, text(word))).collect();
                Node::Map(vec![
                    entry("exec", Node::Map(vec![entry("command", Node::List(words))])),
                    entry("periodSeconds", Node::Number(period)),
                    entry("timeoutSeconds", Node::Number(seconds(asked.timeout))),
                    entry("failureThreshold", Node::Number(failures)),
                ])
            };
            let attempts = seconds(*start).div_ceil(STARTUP_PERIOD);
            parts.container.push(entry("startupProbe", probe(STARTUP_PERIOD, attempts)).because(flag.why()));
            for name in ["readinessProbe", "livenessProbe"] {
                parts.container.push(entry(name, probe(seconds(asked.interval), RETRIES)));
            }
        }
        Flag::Stop(time) => parts.stop.push(
            entry("terminationGracePeriodSeconds", Node::Number(seconds(*time)))
                .because("longer than the configured grace; the signal is SIGTERM unless the image has a STOPSIGNAL"),
        ),
    }
    Ok(())
}

impl Parts {
    fn mount(&mut self, why: Option<String>, name: &str, path: &str, source: Vec<Entry>, more: Vec<Entry>) {
        let named = || vec![entry("name", text(name))];
        let place = [entry("mountPath", text(path))];
        self.mounts.push((why, Node::Map(named().into_iter().chain(place).chain(more).collect())));
        self.volumes.push((None, Node::Map(named().into_iter().chain(source).collect())));
    }
}

fn volume_name(kind: &str, path: &str) -> Result<String> {
    let name = names::name(&format!("{kind}{path}"));
    if name.len() <= 63 { Ok(name) } else { Err(inexpressible(FORMAT, format!("a name for {path}"), "choose a shorter path")) }
}

/// A size in the units of Kubernetes, where `m` is a thousandth.
fn quantity(size: &str) -> String {
    let bytes = bytes(size);
    let unit = [("Gi", 30), ("Mi", 20), ("Ki", 10)].into_iter().find(|(_, shift)| bytes.trailing_zeros() >= *shift);
    unit.map_or_else(|| bytes.to_string(), |(unit, shift)| format!("{}{unit}", bytes >> shift))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_as_quantities() {
        assert_eq!(["64m", "1700M", "2g", "1048577", "512k"].map(quantity), ["64Mi", "1700Mi", "2Gi", "1048577", "512Ki"]);
    }
}
