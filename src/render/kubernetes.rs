//! Pods, one a role.
//!
//! A Pod needs no root: with `fsGroup` the kubelet mounts what the app's group may write to, so it starts as the user,
//! at the restricted Pod Security level. Root steps and kept capabilities need root, and then it starts as root with the
//! capabilities of the plan.

use super::names::{self, of_service};
use super::setting::{self, Flag, RETRIES, seconds};
use super::yaml::Yaml;
use super::{IMAGE, image_note, inexpressible};
use crate::config::Requirement;
use crate::error::Result;
use crate::plan::container::{Asked, Container};
use crate::plan::flags::bytes;
use crate::privilege::capability::Set;

const FORMAT: &str = "kubernetes";

/// Between two questions while the app starts.
const STARTUP_PERIOD: u64 = 5;

pub(super) fn render(containers: &[Container<'_>]) -> Result<String> {
    let mut names: Vec<String> = Vec::new();
    let mut documents = Vec::new();
    for container in containers {
        let name = names::name(of_service(container));
        if name.is_empty() || name.len() > 63 || names.contains(&name) {
            let remedy = "give roles names that differ in letters and digits, of at most 63 characters";
            return Err(inexpressible(
                FORMAT,
                format!("a Pod's name for the role '{}'", of_service(container)),
                remedy,
            ));
        }
        documents.push(pod(container, &name)?);
        names.push(name);
    }
    Ok(documents.join("---\n"))
}

/// What belongs to different places of a Pod, collected while its flags are gone through.
struct Parts {
    spec: Yaml,
    capabilities: Yaml,
    environment: Yaml,
    mounts: Yaml,
    volumes: Yaml,
    container: Yaml,
}

fn pod(container: &Container<'_>, name: &str) -> Result<String> {
    let root = needs_root(container);
    let mut parts = Parts {
        spec: Yaml::at(1),
        capabilities: Yaml::at(6),
        environment: Yaml::at(4),
        mounts: Yaml::at(4),
        volumes: Yaml::at(2),
        container: Yaml::at(3),
    };
    for flag in setting::all(container, FORMAT)? {
        part(&mut parts, &flag, root.is_some(), name)?;
    }
    let mut pod = Yaml::default();
    pod.text("apiVersion", "v1");
    pod.text("kind", "Pod");
    pod.open("metadata");
    pod.text("name", name);
    pod.open("labels");
    pod.text("app", name);
    pod.close();
    pod.close();
    pod.open("spec");
    pod.open("securityContext");
    user(&mut pod, container, root.as_deref());
    pod.close();
    pod.add(&parts.spec);
    pod.open("containers");
    pod.open_item();
    pod.text("name", name);
    pod.comment(image_note(container));
    pod.text("image", container.image.as_deref().unwrap_or(IMAGE));
    pod.open("securityContext");
    confine(&mut pod, container, root.is_some().then_some(&parts.capabilities));
    pod.close();
    pod.put("env", &parts.environment);
    pod.put("volumeMounts", &parts.mounts);
    pod.add(&parts.container);
    pod.close();
    pod.close();
    pod.put("volumes", &parts.volumes);
    Ok(pod.page())
}

/// Why it must be started as root, where it must.
fn needs_root(container: &Container<'_>) -> Option<String> {
    match &container.root_step {
        Some(step) => Some(format!("the root step '{step}' needs root, so this is not the restricted level")),
        None if container.target.keep.is_empty() => None,
        None => Some("kept capabilities can be had from root only, so this is not the restricted level".into()),
    }
}

fn user(pod: &mut Yaml, container: &Container<'_>, root: Option<&str>) {
    let target = &container.target;
    if let Some(why) = root {
        pod.comment(why);
        pod.number("runAsUser", 0);
        pod.number("runAsGroup", 0);
    } else {
        pod.truth("runAsNonRoot", true);
        pod.comment("the app's user from the start: nothing has to be handed over");
        pod.number("runAsUser", target.uid.into());
        pod.number("runAsGroup", target.gid.into());
        pod.comment("mounts are writable to the app's group; their mode is the kubelet's");
        pod.number("fsGroup", target.gid.into());
        pod.text("fsGroupChangePolicy", "OnRootMismatch");
        pod.numbers("supplementalGroups", target.groups.iter().filter(|group| **group != target.gid));
    }
    pod.open("seccompProfile");
    pod.text("type", "RuntimeDefault");
    pod.close();
}

fn confine(pod: &mut Yaml, container: &Container<'_>, added: Option<&Yaml>) {
    pod.comment(&Flag::ReadOnly.why());
    pod.truth("readOnlyRootFilesystem", true);
    // A Pod may not have both.
    let administers =
        container.needs.iter().any(|(need, _)| Set::named("SYS_ADMIN").is_some_and(|admin| need.contains(admin)));
    pod.comment(&Flag::NoNewPrivileges.why());
    pod.truth("allowPrivilegeEscalation", administers);
    pod.comment(&Flag::DropAll.why());
    pod.open("capabilities");
    pod.open("drop");
    pod.item("ALL");
    pod.close();
    if let Some(added) = added {
        pod.put("add", added);
    }
    pod.close();
}

fn part(parts: &mut Parts, flag: &Flag<'_>, as_root: bool, pod: &str) -> Result<()> {
    let why = flag.why();
    match flag {
        Flag::User | Flag::ReadOnly | Flag::NoNewPrivileges | Flag::DropAll => {}
        Flag::Add(name, _) => {
            parts.capabilities.comment(&why);
            parts.capabilities.item(name);
        }
        Flag::Tmpfs(tmpfs) => {
            let volumes = parts.mount(&why, "tmpfs", &tmpfs.path, None)?;
            volumes.open("emptyDir");
            volumes.text("medium", "Memory");
            volumes.text("sizeLimit", &quantity(tmpfs.size()));
            parts.mounted();
        }
        Flag::Volume(volume, name) => {
            let volumes = parts.mount(&why, "volume", &volume.path, None)?;
            volumes.open("persistentVolumeClaim");
            volumes.text("claimName", name);
            parts.mounted();
        }
        Flag::Lost(_) => parts.spec.comment(&why),
        Flag::Secret(secret) => {
            let volumes = parts.mount(&why, "secret", secret.path, Some(&secret.name))?;
            volumes.open("secret");
            volumes.text("secretName", &names::name(&secret.name));
            // For root alone; or for the group, to which fsGroup gives it.
            volumes.number("defaultMode", if as_root { 0o400 } else { 0o440 });
            parts.mounted();
        }
        Flag::Role(variable, role) => {
            let environment = parts.variable(&why, variable);
            environment.text("value", role);
            environment.close();
        }
        Flag::Required(Requirement { env: name, .. }) => {
            let environment = parts.variable(&why, name);
            environment.open("valueFrom");
            environment.open("secretKeyRef");
            environment.text("name", &format!("{pod}-env"));
            environment.text("key", name);
            (0..3).for_each(|_| environment.close());
        }
        Flag::Pids(_) => {
            let remedy = "leave limits.pids out of the configuration for Kubernetes (--config FILE), and limit processes by the kubelet's podPidsLimit";
            return Err(inexpressible(FORMAT, "a Pod has no limit of processes (limits.pids)".into(), remedy));
        }
        Flag::Memory(limit) => {
            let main = &mut parts.container;
            main.comment(&why);
            main.open("resources");
            main.open("limits");
            main.text("memory", &quantity(limit));
            main.close();
            main.close();
        }
        Flag::Health(asked, start) => {
            parts.container.comment(&why);
            let interval = seconds(asked.interval);
            let attempts = seconds(*start).div_ceil(STARTUP_PERIOD);
            for (name, period, failures) in [
                ("startupProbe", STARTUP_PERIOD, attempts),
                ("readinessProbe", interval, RETRIES),
                ("livenessProbe", interval, RETRIES),
            ] {
                probe(&mut parts.container, name, asked, period, failures);
            }
        }
        Flag::Stop(time) => {
            parts
                .spec
                .comment("time for the configured grace; the signal is SIGTERM unless the image has a STOPSIGNAL");
            parts.spec.number("terminationGracePeriodSeconds", seconds(*time));
        }
    }
    Ok(())
}

fn probe(main: &mut Yaml, name: &str, asked: &Asked, period: u64, failures: u64) {
    main.open(name);
    main.open("exec");
    main.open("command");
    asked.command.iter().for_each(|word| main.item(word));
    main.close();
    main.close();
    main.number("periodSeconds", period);
    main.number("timeoutSeconds", seconds(asked.timeout));
    main.number("failureThreshold", failures);
    main.close();
}

impl Parts {
    /// Mounts a volume, and gives the volume for its source to be written.
    fn mount(&mut self, why: &str, kind: &str, path: &str, below: Option<&str>) -> Result<&mut Yaml> {
        let name = volume_name(kind, path)?;
        self.mounts.comment(why);
        self.mounts.open_item();
        self.mounts.text("name", &name);
        self.mounts.text("mountPath", path);
        if let Some(key) = below {
            self.mounts.text("subPath", key);
            self.mounts.truth("readOnly", true);
        }
        self.mounts.close();
        self.volumes.open_item();
        self.volumes.text("name", &name);
        Ok(&mut self.volumes)
    }

    /// Ends the source and the volume.
    fn mounted(&mut self) {
        self.volumes.close();
        self.volumes.close();
    }

    /// Opens a variable.
    fn variable(&mut self, why: &str, name: &str) -> &mut Yaml {
        self.environment.comment(why);
        self.environment.open_item();
        self.environment.text("name", name);
        &mut self.environment
    }
}

fn volume_name(kind: &str, path: &str) -> Result<String> {
    let name = names::name(&format!("{kind}{path}"));
    if name.len() <= 63 {
        Ok(name)
    } else {
        Err(inexpressible(FORMAT, format!("a name for {path}"), "choose a shorter path"))
    }
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
        assert_eq!(
            ["64m", "1700M", "2g", "1048577", "512k"].map(quantity),
            ["64Mi", "1700Mi", "2Gi", "1048577", "512Ki"]
        );
    }
}
