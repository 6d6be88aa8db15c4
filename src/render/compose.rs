//! A Compose file: one service a role, and the volumes and secrets that they name. `$` is doubled, since Compose
//! expands it.

use super::names::of_service;
use super::setting::{self, Flag, RETRIES, WORD, seconds};
use super::yaml::Yaml;
use super::{IMAGE, image_note, names};
use crate::config::Requirement;
use crate::config::args::Format;
use crate::error::Result;
use crate::plan::container::{Asked, Container};
use crate::plan::flags;

pub(super) fn render(containers: &[Container<'_>]) -> Result<String> {
    names::check_ports(containers, Format::Compose)?;
    let mut file = Yaml::default();
    let (mut volumes, mut secrets) = (Vec::new(), Vec::new());
    file.comment("do not edit: networks, env files and other addresses of this site go into compose.override.yaml");
    file.open("services");
    for container in containers {
        file.open(of_service(container));
        service(&mut file, container, &mut volumes, &mut secrets)?;
        depends_on(&mut file, container, containers);
        file.close();
    }
    file.close();
    if !volumes.is_empty() {
        file.map("volumes", |file| volumes.iter().for_each(|name| file.raw(name, "{}")));
    }
    if !secrets.is_empty() {
        file.map("secrets", |file| {
            for name in &secrets {
                file.map(name, |file| file.text("file", &format!("./secrets/{name}")));
            }
        });
    }
    Ok(file.page())
}

fn service(
    file: &mut Yaml,
    container: &Container<'_>,
    volumes: &mut Vec<String>,
    secrets: &mut Vec<String>,
) -> Result<()> {
    if let Some(note) = image_note(container) {
        file.comment(note);
    }
    file.text("image", &literal(container.image.as_deref().unwrap_or(IMAGE)));
    if let Some(word) = container.word {
        file.comment(WORD);
        file.text("command", word);
    }
    let mut list = "";
    for flag in setting::all(container, Format::Compose)? {
        let key = list_of(&flag);
        if key != list {
            if !list.is_empty() {
                file.close();
            }
            if !key.is_empty() {
                file.open(key);
            }
            list = key;
            file.comment(&flag.why());
        } else if !matches!(flag, Flag::Port(_)) {
            // All ports have the same reason.
            file.comment(&flag.why());
        }
        match &flag {
            Flag::User => file.text("user", "0:0"),
            Flag::ReadOnly => file.truth("read_only", true),
            Flag::NoNewPrivileges => file.item("no-new-privileges:true"),
            Flag::DropAll => file.item("ALL"),
            Flag::Add(name, _) => file.item(name),
            Flag::Tmpfs(mount) => file.item(&literal(&mount.mount())),
            Flag::Volume(volume, name) => {
                file.item(&literal(&volume.mount(name, false)));
                once(volumes, name);
            }
            Flag::Lost(_) => {}
            Flag::Secret(secret) => {
                file.open_item();
                file.text("source", &secret.name);
                file.text("target", &literal(secret.path));
                file.close();
                once(secrets, &secret.name);
            }
            Flag::Role(variable, role) => file.text(variable, role),
            Flag::Required(Requirement { env: name, .. }) => {
                file.text(name, &format!("${{{name}:?is needed by the configuration}}"))
            }
            Flag::Pids(limit) => file.number("pids_limit", *limit),
            Flag::Memory(limit) => file.text("mem_limit", limit),
            Flag::Port(port) => file.item(&flags::publish(*port)),
            Flag::Health(asked, start) => file.map("healthcheck", |file| healthcheck(file, asked, seconds(*start))),
            Flag::StopSignal(signal) => file.text("stop_signal", signal),
            Flag::StopTimeout(time) => file.text("stop_grace_period", &format!("{}s", seconds(*time))),
        }
    }
    file.text("restart", if container.ends { "on-failure" } else { "unless-stopped" });
    Ok(())
}

/// The services that a step waits for, by a name that is a role.
fn depends_on(file: &mut Yaml, container: &Container<'_>, all: &[Container<'_>]) {
    let waits_for = |other: &&Container<'_>| other.role.is_some_and(|(_, role)| container.waits_for.contains(&role));
    let others: Vec<_> = all.iter().filter(waits_for).collect();
    if others.is_empty() {
        return;
    }
    file.comment("a step waits for them");
    file.map("depends_on", |file| {
        for other in others {
            let condition = match (other.ends, &other.health) {
                (true, _) => "service_completed_successfully",
                (_, Some(_)) => "service_healthy",
                _ => "service_started",
            };
            file.map(of_service(other), |file| file.text("condition", condition));
        }
    });
}

fn healthcheck(file: &mut Yaml, asked: &Asked, start: u64) {
    file.map("test", |file| {
        file.item("CMD");
        asked.command.iter().for_each(|word| file.item(&literal(word)));
    });
    for (key, time) in
        [("interval", seconds(asked.interval)), ("timeout", seconds(asked.timeout)), ("start_period", start)]
    {
        file.text(key, &format!("{time}s"));
    }
    file.number("retries", RETRIES);
}

/// The list that a flag is an item of; flags of one list follow each other.
fn list_of(flag: &Flag<'_>) -> &'static str {
    match flag {
        Flag::NoNewPrivileges => "security_opt",
        Flag::DropAll => "cap_drop",
        Flag::Add(..) => "cap_add",
        Flag::Tmpfs(_) => "tmpfs",
        Flag::Volume(..) => "volumes",
        Flag::Secret(_) => "secrets",
        Flag::Role(..) | Flag::Required(..) => "environment",
        Flag::Port(_) => "ports",
        Flag::User
        | Flag::ReadOnly
        | Flag::Lost(_)
        | Flag::Pids(_)
        | Flag::Memory(_)
        | Flag::Health(..)
        | Flag::StopSignal(_)
        | Flag::StopTimeout(_) => "",
    }
}

fn once(names: &mut Vec<String>, name: &str) {
    if !names.iter().any(|known| known == name) {
        names.push(name.to_owned());
    }
}

fn literal(value: &str) -> String {
    value.replace('$', "$$")
}
