//! A Compose file: a service each, with the volumes and secrets that they name. `$` is doubled, since Compose expands it.

use super::names::of_service;
use super::setting::{self, Flag, RETRIES, seconds};
use super::yaml::{Yaml, quoted};
use super::{IMAGE, image_note};
use crate::config::Requirement;
use crate::error::Result;
use crate::plan::container::Container;

pub(super) fn render(containers: &[Container<'_>]) -> Result<String> {
    let mut file = Yaml::default();
    let (mut volumes, mut secrets) = (Vec::new(), Vec::new());
    file.open("services");
    for container in containers {
        file.open(&quoted(of_service(container)));
        service(&mut file, container, &mut volumes, &mut secrets)?;
        file.close();
    }
    file.close();
    if !volumes.is_empty() {
        file.open("volumes");
        volumes.iter().for_each(|name| file.empty(&quoted(name)));
        file.close();
    }
    if !secrets.is_empty() {
        file.open("secrets");
        for name in &secrets {
            file.open(&quoted(name));
            file.text("file", &format!("./secrets/{name}"));
            file.close();
        }
        file.close();
    }
    Ok(file.page())
}

fn service(
    file: &mut Yaml,
    container: &Container<'_>,
    volumes: &mut Vec<String>,
    secrets: &mut Vec<String>,
) -> Result<()> {
    file.comment(image_note(container));
    file.text("image", &literal(container.image.as_deref().unwrap_or(IMAGE)));
    let mut list = "";
    for flag in setting::all(container, "compose")? {
        let key = list_of(&flag);
        if key != list {
            if !list.is_empty() {
                file.close();
            }
            if !key.is_empty() {
                file.open(key);
            }
            list = key;
        }
        file.comment(&flag.why());
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
            Flag::Role(variable, role) => file.text(&quoted(variable), role),
            Flag::Required(Requirement { env: name, .. }) => {
                file.text(&quoted(name), &format!("${{{name}:?is needed by the configuration}}"))
            }
            Flag::Pids(limit) => file.number("pids_limit", *limit),
            Flag::Memory(limit) => file.text("mem_limit", limit),
            Flag::Health(asked, start) => {
                file.open("healthcheck");
                file.open("test");
                file.item("CMD");
                asked.command.iter().for_each(|word| file.item(&literal(word)));
                file.close();
                for (key, time) in [("interval", asked.interval), ("timeout", asked.timeout), ("start_period", *start)]
                {
                    file.text(key, &format!("{}s", seconds(time)));
                }
                file.number("retries", RETRIES);
                file.close();
            }
            Flag::Stop(time) => {
                file.text("stop_signal", "SIGTERM");
                file.text("stop_grace_period", &format!("{}s", seconds(*time)));
            }
        }
    }
    file.text("restart", "unless-stopped");
    Ok(())
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
        Flag::User
        | Flag::ReadOnly
        | Flag::Lost(_)
        | Flag::Pids(_)
        | Flag::Memory(_)
        | Flag::Health(..)
        | Flag::Stop(_) => "",
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
