//! The Pod of a role, as the template of its Deployment and of its boot check.
//!
//! With `fsGroup` the kubelet makes volumes writable to the app's group, so a Pod starts as the user, at the restricted
//! Pod Security level. With root steps or kept capabilities it starts as root of a user namespace, with the
//! capabilities of the plan.

use super::service::port_name;
use super::{FORMAT, LONGEST, Names, labels};
use crate::config::Requirement;
use crate::error::{Result, fix};
use crate::plan::container::{Asked, Container};
use crate::plan::flags::bytes;
use crate::privilege::capability::Set;
use crate::render::setting::{self, Flag, RETRIES, STARTUP_INTERVAL, WORD, seconds};
use crate::render::yaml::Yaml;
use crate::render::{IMAGE, image_note, inexpressible, names};

/// Seconds between two readiness checks: the API's default.
const READINESS_INTERVAL: u64 = 10;

/// Seconds that a Pod with ports keeps serving before it is stopped, while its Service removes it.
const PAUSE: u64 = 5;

/// The purpose of the Pod.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To run the app.
    Serve,
    /// To run a boot check.
    Check,
}

/// The depth of a Pod's keys in the template of a Deployment or a Job.
const SPEC: usize = 3;

/// The parts of a Pod, collected from its settings.
struct Parts<'a> {
    /// The name of the Secret with the required variables.
    secret: String,
    as_root: bool,
    container: &'a Container<'a>,
    purpose: Purpose,
    capabilities: Yaml,
    environment: Yaml,
    ports: Yaml,
    mounts: Yaml,
    volumes: Yaml,
    resources: Yaml,
    probes: Yaml,
    spec: Yaml,
}

/// The template, as part of its owner's `spec`.
pub(super) fn template(container: &Container<'_>, names: &Names, purpose: Purpose) -> Result<Yaml> {
    let root = needs_root(container);
    let mut parts = Parts {
        secret: format!("{}-env", names.role),
        as_root: root.is_some(),
        container,
        purpose,
        capabilities: Yaml::at(SPEC + 5),
        environment: Yaml::at(SPEC + 3),
        ports: Yaml::at(SPEC + 3),
        mounts: Yaml::at(SPEC + 3),
        volumes: Yaml::at(SPEC + 1),
        resources: Yaml::at(SPEC + 2),
        probes: Yaml::at(SPEC + 2),
        spec: Yaml::at(SPEC),
    };
    for flag in setting::all(container, FORMAT)? {
        parts.take(&flag)?;
    }
    if purpose == Purpose::Check {
        parts.gate();
    }
    let component = if purpose == Purpose::Serve { &names.role } else { &names.check };
    let mut template = Yaml::at(1);
    template.open("template");
    template.map("metadata", |template| template.map("labels", |template| labels(template, names, component)));
    template.open("spec");
    if purpose == Purpose::Check || container.ends {
        template.text("restartPolicy", "Never");
    }
    template.comment("the app calls no API of the cluster, and needs no variables for its Services");
    template.truth("automountServiceAccountToken", false);
    template.truth("enableServiceLinks", false);
    if let Some(why) = &root {
        template.comment(why);
        template.truth("hostUsers", false);
    }
    template.map("securityContext", |template| user(template, container, root.is_some()));
    template.add(&parts.spec);
    if purpose == Purpose::Serve && !container.at_most_one && !container.ends {
        spread(&mut template, names, component);
    }
    template.open("containers");
    template.open_item();
    template.text("name", &names.role);
    if let Some(note) = image_note(container) {
        template.comment(note);
    }
    template.text("image", container.image.as_deref().unwrap_or(IMAGE));
    if let Some(word) = container.word {
        template.comment(WORD);
        template.open("args");
        template.item(word);
        template.close();
    }
    template
        .map("securityContext", |template| confine(template, container, root.is_some().then_some(&parts.capabilities)));
    template.put("env", &parts.environment);
    template.put("ports", &parts.ports);
    template.put("volumeMounts", &parts.mounts);
    template.add(&parts.resources);
    template.add(&parts.probes);
    template.close();
    template.close();
    template.put("volumes", &parts.volumes);
    template.close();
    template.close();
    Ok(template)
}

/// Why it must start as root, if it must.
fn needs_root(container: &Container<'_>) -> Option<String> {
    let then = "needs root, so this is not the restricted level; its root is no user of the node";
    match &container.root_step {
        Some(step) => Some(format!("the root step '{step}' {then}")),
        None if container.target.keep.is_empty() => None,
        None => Some(format!("keep_capabilities {then}")),
    }
}

/// Spreads the Pods of a role over nodes.
fn spread(template: &mut Yaml, names: &Names, component: &str) {
    template.map("topologySpreadConstraints", |template| {
        template.open_item();
        template.number("maxSkew", 1);
        template.text("topologyKey", "kubernetes.io/hostname");
        template.text("whenUnsatisfiable", "ScheduleAnyway");
        template.map("labelSelector", |template| {
            template.map("matchLabels", |template| labels(template, names, component));
        });
        template.close();
    });
}

fn user(template: &mut Yaml, container: &Container<'_>, root: bool) {
    let target = &container.target;
    if root {
        template.number("runAsUser", 0);
        template.number("runAsGroup", 0);
    } else {
        template.truth("runAsNonRoot", true);
        template.comment("the app's user from the start: nothing has to be handed over");
        template.number("runAsUser", target.uid.into());
        template.number("runAsGroup", target.gid.into());
        template.comment("the kubelet makes mounts writable to the app's group, with a mode of its own");
        template.number("fsGroup", target.gid.into());
        template.text("fsGroupChangePolicy", "OnRootMismatch");
        template.numbers("supplementalGroups", target.groups.iter().filter(|group| **group != target.gid));
    }
    template.map("seccompProfile", |template| template.text("type", "RuntimeDefault"));
}

fn confine(template: &mut Yaml, container: &Container<'_>, added: Option<&Yaml>) {
    template.comment(&Flag::ReadOnly.why());
    template.truth("readOnlyRootFilesystem", true);
    // The API refuses CAP_SYS_ADMIN together with no_new_privs.
    let administers =
        container.needs.iter().any(|(need, _)| Set::named("SYS_ADMIN").is_some_and(|admin| need.contains(admin)));
    template.comment(&Flag::NoNewPrivileges.why());
    template.truth("allowPrivilegeEscalation", administers);
    template.comment(&Flag::DropAll.why());
    template.map("capabilities", |template| {
        template.map("drop", |template| template.item("ALL"));
        if let Some(added) = added {
            template.put("add", added);
        }
    });
}

impl Parts<'_> {
    /// Adds a setting to its part.
    fn take(&mut self, flag: &Flag<'_>) -> Result<()> {
        let why = flag.why();
        match flag {
            Flag::User | Flag::ReadOnly | Flag::NoNewPrivileges | Flag::DropAll => {}
            Flag::Add(name, _) => {
                self.capabilities.comment(&why);
                self.capabilities.item(name);
            }
            Flag::Tmpfs(tmpfs) => self.mount(&why, "tmpfs", &tmpfs.path, None, |source| {
                source.map("emptyDir", |source| {
                    source.text("medium", "Memory");
                    source.text("sizeLimit", &quantity(tmpfs.size()));
                });
            })?,
            Flag::Volume(volume, name) => self.mount(&why, "volume", &volume.path, None, |source| {
                source.comment("a claim of the site's; ReadWriteMany where Pods of several nodes use it");
                source.map("persistentVolumeClaim", |source| source.text("claimName", name));
            })?,
            Flag::Lost(_) => self.spec.comment(&why),
            Flag::Secret(secret) => {
                // Readable to root only, or to the group that fsGroup sets.
                let mode = if self.as_root { "0400" } else { "0440" };
                self.mount(&why, "secret", secret.path, Some(&secret.name), |source| {
                    source.map("secret", |source| {
                        source.text("secretName", &names::name(&secret.name));
                        source.raw("defaultMode", mode);
                    });
                })?;
            }
            Flag::Role(variable, role) => self.variable(&why, variable, |variable| variable.text("value", role)),
            Flag::Required(requirement) => self.required(&why, requirement),
            Flag::Pids(_) => {
                let what = "a Pod has no limit of processes (limits.pids)";
                return Err(inexpressible(FORMAT, what.into(), fix::render::PIDS));
            }
            Flag::Memory(limit) => {
                self.resources.comment(&format!("{why}; requested whole, so that the Pod is not evicted for it"));
                self.resources.map("resources", |resources| {
                    for key in ["requests", "limits"] {
                        resources.map(key, |resources| resources.text("memory", &quantity(limit)));
                    }
                });
            }
            // A boot check has no Service.
            Flag::Port(_) if self.purpose == Purpose::Check => {}
            Flag::Port(port) => {
                self.ports.open_item();
                self.ports.text("name", &port_name(*port));
                self.ports.number("containerPort", u64::from(*port));
                self.ports.close();
            }
            Flag::Health(asked, start) => self.probes(&why, asked, seconds(*start)),
            Flag::StopSignal(signal) => self.spec.comment(&format!(
                "[stop] signal {signal}: a Pod takes the image's (STOPSIGNAL {signal} in its Containerfile)"
            )),
            Flag::StopTimeout(time) => self.stop(&why, seconds(*time)),
        }
        Ok(())
    }

    /// Mounts a volume; `source` writes its source.
    fn mount(
        &mut self,
        why: &str,
        kind: &str,
        path: &str,
        below: Option<&str>,
        source: impl FnOnce(&mut Yaml),
    ) -> Result<()> {
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
        source(&mut self.volumes);
        self.volumes.close();
        Ok(())
    }

    fn variable(&mut self, why: &str, name: &str, value: impl FnOnce(&mut Yaml)) {
        self.environment.comment(why);
        self.environment.open_item();
        self.environment.text("name", name);
        value(&mut self.environment);
        self.environment.close();
    }

    fn required(&mut self, why: &str, Requirement { env, .. }: &Requirement) {
        let secret = self.secret.clone();
        self.variable(why, env, |variable| {
            variable.map("valueFrom", |variable| {
                variable.map("secretKeyRef", |variable| {
                    variable.text("name", &secret);
                    variable.text("key", env);
                });
            });
        });
    }

    /// A boot check runs the health check itself, so it has no probes.
    fn probes(&mut self, why: &str, asked: &Asked, start: u64) {
        if self.purpose == Purpose::Check {
            return;
        }
        let attempts = start.div_ceil(STARTUP_INTERVAL);
        let liveness = ("livenessProbe", seconds(asked.interval), RETRIES);
        let usual = [("startupProbe", STARTUP_INTERVAL, attempts), ("readinessProbe", READINESS_INTERVAL, RETRIES)];
        self.probes.comment(why);
        for (name, period, failures) in usual.into_iter().chain(asked.liveness.then_some(liveness)) {
            self.probes.map(name, |probe| {
                probe.map("exec", |probe| {
                    probe.map("command", |probe| asked.command.iter().for_each(|word| probe.item(word)));
                });
                probe.number("periodSeconds", period);
                probe.number("timeoutSeconds", seconds(asked.timeout));
                probe.number("failureThreshold", failures);
            });
        }
    }

    /// The grace period includes the pause.
    fn stop(&mut self, why: &str, grace: u64) {
        let pauses = self.purpose == Purpose::Serve && !self.container.ports.is_empty();
        self.spec.comment(why);
        self.spec.number("terminationGracePeriodSeconds", grace + if pauses { PAUSE } else { 0 });
        if pauses {
            self.probes.comment("goes on serving until its Service has forgotten it");
            self.probes.map("lifecycle", |probes| {
                probes.map("preStop", |probes| probes.map("sleep", |probes| probes.number("seconds", PAUSE)));
            });
        }
    }

    /// A full check starts the app, which is not allowed for a role that must never run twice.
    fn gate(&mut self) {
        let (value, why) = if self.container.at_most_one {
            ("init", "at_most_one: through the drop; the app itself is not started")
        } else {
            ("1", "the boot check")
        };
        self.variable(why, "BOOT_CHECK_ONLY", |variable| variable.text("value", value));
    }
}

fn volume_name(kind: &str, path: &str) -> Result<String> {
    let name = names::name(&format!("{kind}{path}"));
    if name.len() <= LONGEST {
        Ok(name)
    } else {
        Err(inexpressible(FORMAT, format!("a name for {path}"), fix::render::LONG_PATH))
    }
}

/// A size in the units of Kubernetes, where `m` means a thousandth.
fn quantity(size: &str) -> String {
    let bytes = bytes(size);
    let unit = [("Gi", 30), ("Mi", 20), ("Ki", 10)].into_iter().find(|(_, shift)| bytes.trailing_zeros() >= *shift);
    unit.map_or_else(|| bytes.to_string(), |(unit, shift)| format!("{}{unit}", bytes >> shift))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_become_quantities() {
        assert_eq!(
            ["64m", "1700M", "2g", "1048577", "512k"].map(quantity),
            ["64Mi", "1700Mi", "2Gi", "1048577", "512Ki"]
        );
    }
}
