//! A Compose file: a service each, with the volumes and secrets that they name. `$` is doubled, since Compose expands it.

use super::flag::{self, Flag, RETRIES, seconds};
use super::names::of_service;
use super::yaml::{Entry, Node, document, entry, text};
use super::{IMAGE, image_note};
use crate::error::Result;
use crate::plan::container::Container;

pub(super) fn render(containers: &[Container]) -> Result<String> {
    let (mut services, mut volumes, mut secrets) = (Vec::new(), Vec::new(), Vec::new());
    for container in containers {
        services.push(entry(of_service(container), Node::Map(service(container, &mut volumes, &mut secrets)?)));
    }
    let mut file = vec![entry("services", Node::Map(services))];
    for (key, entries) in [("volumes", volumes), ("secrets", secrets)] {
        if !entries.is_empty() {
            file.push(entry(key, Node::Map(entries)));
        }
    }
    Ok(document(file))
}

fn service(container: &Container, volumes: &mut Vec<Entry>, secrets: &mut Vec<Entry>) -> Result<Vec<Entry>> {
    let mut service = vec![entry("image", literal(container.image.as_deref().unwrap_or(IMAGE))).because(image_note(container))];
    let mut grouped: Vec<(&str, Vec<(Option<String>, Node)>)> = Vec::new();
    let mut environment = Vec::new();
    for flag in flag::all(container, "compose")? {
        let why = flag.why();
        let mut group = |key, value| match grouped.iter_mut().find(|(known, _)| *known == key) {
            Some((_, values)) => values.push((Some(why.clone()), value)),
            None => grouped.push((key, vec![(Some(why.clone()), value)])),
        };
        match &flag {
            Flag::User => service.push(entry("user", text("0:0")).because(why)),
            Flag::ReadOnly => service.push(entry("read_only", Node::Truth(true)).because(why)),
            Flag::NoNewPrivileges => group("security_opt", text("no-new-privileges:true")),
            Flag::DropAll => group("cap_drop", text("ALL")),
            Flag::Add(name, _) => group("cap_add", text(name)),
            Flag::Tmpfs(mount) => group("tmpfs", literal(&mount.mount())),
            Flag::Volume(volume, name) => {
                group("volumes", literal(&volume.mount(name, false)));
                declare(volumes, name, Node::Map(Vec::new()));
            }
            Flag::Secret(secret) => {
                let mount = vec![entry("source", text(&secret.name)), entry("target", literal(secret.path))];
                group("secrets", Node::Map(mount));
                declare(secrets, &secret.name, Node::Map(vec![entry("file", text(format!("./secrets/{}", secret.name)))]));
            }
            Flag::Role(variable, role) => environment.push(entry(*variable, text(*role)).because(why)),
            Flag::Required(name, _) => {
                environment.push(entry(*name, text(format!("${{{name}:?is needed by the configuration}}"))).because(why));
            }
            Flag::Pids(limit) => service.push(entry("pids_limit", Node::Number(*limit)).because(why)),
            Flag::Memory(limit) => service.push(entry("mem_limit", text(*limit)).because(why)),
            Flag::Health(asked, start) => {
                let words = asked.command.iter().map(|word| (None, literal(word)));
                let time = |time| text(format!("{}s", seconds(time)));
                let check = vec![
                    entry("test", Node::List([(None, text("CMD"))].into_iter().chain(words).collect())),
                    entry("interval", time(asked.interval)),
                    entry("timeout", time(asked.timeout)),
                    entry("start_period", time(*start)),
                    entry("retries", Node::Number(RETRIES)),
                ];
                service.push(entry("healthcheck", Node::Map(check)).because(why));
            }
            Flag::Stop(time) => {
                service.push(entry("stop_signal", text("SIGTERM")).because(why));
                service.push(entry("stop_grace_period", text(format!("{}s", seconds(*time)))));
            }
        }
    }
    service.extend(grouped.into_iter().map(|(key, values)| entry(key, Node::List(values))));
    if !environment.is_empty() {
        service.push(entry("environment", Node::Map(environment)));
    }
    service.push(entry("restart", text("unless-stopped")));
    Ok(service)
}

/// Once, whoever names it.
fn declare(all: &mut Vec<Entry>, name: &str, value: Node) {
    if !all.iter().any(|known| known.key == name) {
        all.push(entry(name, value));
    }
}

fn literal(value: &str) -> Node {
    text(value.replace('$', "$$"))
}
