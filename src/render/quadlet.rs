//! Units for Podman's systemd generator, `podman-systemd.unit(5)`; values are escaped for it and for systemd,
//! `systemd.syntax(7)`.

use super::names::of_service;
use super::setting::{self, Flag, RETRIES, seconds};
use super::{IMAGE, image_note};
use crate::error::Result;
use crate::logger;
use crate::plan::container::Container;
use crate::plan::flags;

/// Exit codes of `/init` after which a new start would end the same way.
const NO_RESTART: &str = "64 77 78 126 127";

/// Several units are separated the way that `podman quadlet install` splits them.
pub(super) fn render(containers: &[Container<'_>]) -> Result<String> {
    let units = containers.iter().map(unit).collect::<Result<Vec<_>>>()?;
    Ok(units.join("\n---\n"))
}

fn unit(container: &Container<'_>) -> Result<String> {
    let service = of_service(container);
    let mut unit = Unit::default();
    unit.comment(&format!("FileName={service}"));
    unit.section("Unit");
    unit.key("Description", &literal(service), None);
    unit.section("Container");
    unit.key("Image", &literal(container.image.as_deref().unwrap_or(IMAGE)), Some(image_note(container)));
    for flag in setting::all(container, "quadlet")? {
        let why = flag.why();
        if let Flag::Lost(_) = flag {
            unit.comment(&why);
        }
        for (position, (key, value)) in keys(&flag, service).into_iter().enumerate() {
            unit.key(key, &value, (position == 0).then_some(&why));
        }
    }
    if container.health.is_some() {
        let (value, why) = if container.supervised {
            ("true", "started means healthy: /init stays and says so")
        } else {
            ("healthy", "started means healthy: the engine asks and says so")
        };
        unit.key("Notify", value, Some(why));
    }
    unit.section("Service");
    unit.key("Restart", "always", None);
    unit.key("RestartPreventExitStatus", NO_RESTART, Some("/init refused, and would refuse again"));
    unit.key(
        "TimeoutStartSec",
        &(seconds(container.start) + SLACK).to_string(),
        Some("longer than the steps and boot_check.timeout"),
    );
    unit.key("TimeoutStopSec", &(seconds(container.stop) + SLACK).to_string(), Some("longer than StopTimeout"));
    unit.section("Install");
    unit.key("WantedBy", "default.target", None);
    Ok(unit.text)
}

/// What Podman needs beside the container's own time.
const SLACK: u64 = 30;

fn keys(flag: &Flag<'_>, service: &str) -> Vec<(&'static str, String)> {
    match flag {
        Flag::User => vec![("User", "0".into()), ("Group", "0".into())],
        Flag::ReadOnly => vec![("ReadOnly", "true".into())],
        Flag::NoNewPrivileges => vec![("NoNewPrivileges", "true".into())],
        Flag::DropAll => vec![("DropCapability", "all".into())],
        Flag::Add(name, _) => vec![("AddCapability", name.clone())],
        Flag::Tmpfs(entry) => vec![("Tmpfs", literal(&entry.mount()))],
        Flag::Volume(entry, name) => vec![("Volume", literal(&entry.mount(name, true)))],
        Flag::Lost(_) => Vec::new(),
        Flag::Secret(secret) => vec![("Secret", word(&secret.mount()))],
        Flag::Role(variable, role) => vec![("Environment", word(&format!("{variable}={role}")))],
        Flag::Required(..) => vec![("EnvironmentFile", literal(&format!("{service}.env")))],
        Flag::Pids(limit) => vec![("PidsLimit", limit.to_string())],
        // The generator has a key of its own for it since Podman 5.5 only.
        Flag::Memory(limit) => vec![("PodmanArgs", flags::memory(limit))],
        Flag::Health(asked, start) => vec![
            ("HealthCmd", literal(&serde_json::to_string(&asked.command).unwrap_or_default())),
            ("HealthInterval", format!("{}s", seconds(asked.interval))),
            ("HealthTimeout", format!("{}s", seconds(asked.timeout))),
            ("HealthStartPeriod", format!("{}s", seconds(*start))),
            ("HealthRetries", RETRIES.to_string()),
        ],
        Flag::Stop(time) => vec![("StopSignal", "SIGTERM".into()), ("StopTimeout", seconds(*time).to_string())],
    }
}

#[derive(Default)]
struct Unit {
    text: String,
}

impl Unit {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn comment(&mut self, text: &str) {
        self.line(&format!("# {}", logger::escaped(text)));
    }

    fn section(&mut self, name: &str) {
        if !self.text.ends_with("\n\n") && self.text.contains('[') {
            self.line("");
        }
        self.line(&format!("[{name}]"));
    }

    fn key(&mut self, key: &str, value: &str, why: Option<&str>) {
        if let Some(why) = why {
            self.comment(why);
        }
        let line = format!("{key}={value}");
        // One file of variables has them all.
        if !self.text.lines().any(|known| known == line) {
            self.line(&line);
        }
    }
}

/// A value that the generator takes as it stands, into a command line of systemd's: no specifier, no variable.
fn literal(value: &str) -> String {
    value.replace('%', "%%").replace('$', "$$")
}

/// A value that the generator splits into words: one word.
fn word(value: &str) -> String {
    let value = literal(value);
    if value.contains([' ', '\t', '"', '\'', '\\']) {
        format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
    } else {
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_systemd_would_expand_is_doubled() {
        assert_eq!(literal("/a%b$c d"), "/a%%b$$c d");
        assert_eq!(
            (word("a=b"), word("/a b"), word("/a\"\\")),
            ("a=b".into(), "\"/a b\"".into(), "\"/a\\\"\\\\\"".into())
        );
    }
}
