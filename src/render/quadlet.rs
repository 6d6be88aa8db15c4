//! Units for Podman's systemd generator, `podman-systemd.unit(5)`, and the sockets of activated roles,
//! `systemd.socket(5)`. Values are escaped for the generator and for systemd, `systemd.syntax(7)`.

use super::names::{self, of_service};
use super::setting::{self, Flag, RETRIES, STARTUP_INTERVAL, WORD, seconds};
use super::{IMAGE, image_note};
use crate::config::args::Format;
use crate::error::Result;
use crate::logger;
use crate::plan::container::{Asked, Container};
use crate::plan::flags;
use crate::text::joined;

/// Exit codes of `/init` after which a restart would fail again: command line, capability, configuration. Not 70 and
/// 71: a step or a system call may succeed later. Not 126 and 127: Podman uses them too, for example for a port in use.
const PERMANENT: &str = "64 77 78";

/// The number of failed starts in a row after which the unit stays failed, and the delays between them in seconds.
const STARTS: u64 = 5;
const FIRST_DELAY: u64 = 2;
const LAST_DELAY: u64 = 20;

/// Seconds that Podman needs in addition to the container's own time.
const SLACK: u64 = 30;

/// Several units are separated the way that `podman quadlet install` splits them.
pub(super) fn render(containers: &[Container<'_>]) -> Result<String> {
    names::check_ports(containers, Format::Quadlet)?;
    let mut units = Vec::new();
    for container in containers {
        units.push(unit(container)?);
        units.extend(container.activation.then(|| socket(container)));
    }
    Ok(joined(&units, "\n---\n"))
}

fn unit(container: &Container<'_>) -> Result<String> {
    let service = of_service(container);
    let mut unit = Unit::default();
    unit.comment(&format!("FileName={service}"));
    unit.comment(&format!(
        "do not edit: networks, env files and other addresses of this site go into {service}.container.d/site.conf"
    ));
    unit.section("Unit");
    unit.key("Description", &literal(service), None);
    if container.activation {
        unit.key("Requires", &format!("{service}.socket"), Some("systemd holds the port: a restart refuses nobody"));
        unit.key("After", &format!("{service}.socket"), None);
    }
    let (start, stop) = (seconds(container.start) + SLACK, seconds(container.stop) + SLACK);
    let window = STARTS * (start + stop + LAST_DELAY);
    let why = format!("{STARTS} starts within this time, however slow: the unit is seen to have failed");
    unit.key("StartLimitIntervalSec", &window.to_string(), Some(&why));
    unit.key("StartLimitBurst", &STARTS.to_string(), None);
    unit.section("Container");
    unit.key("Image", &literal(container.image.as_deref().unwrap_or(IMAGE)), image_note(container));
    unit.key("Pull", "never", Some("a restart runs what was pulled and checked, and nothing else"));
    unit.key("ContainerName", service, None);
    if let Some(word) = container.word {
        unit.key("Exec", word, Some(WORD));
    }
    for flag in setting::all(container, Format::Quadlet)? {
        if container.activation && matches!(flag, Flag::Port(_)) {
            continue;
        }
        let why = flag.why();
        if let Flag::Lost(_) = flag {
            unit.comment(&why);
        }
        for (position, (key, value)) in keys(&flag, service).into_iter().enumerate() {
            // All ports have the same reason.
            let is_first = position == 0 && !matches!(flag, Flag::Port(port) if container.ports.first() != Some(&port));
            unit.key(key, &value, is_first.then_some(&why));
        }
        if let Flag::Health(asked, _) = flag {
            startup_health(&mut unit, asked);
        }
    }
    notify(&mut unit, container);
    service_section(&mut unit, container, start, stop);
    unit.section("Install");
    unit.key("WantedBy", "default.target", None);
    Ok(unit.text)
}

fn notify(unit: &mut Unit, container: &Container<'_>) {
    if container.health.is_none() {
        return;
    }
    let (value, why) = if container.supervised {
        ("true", "started means healthy: /init asks and reports it")
    } else {
        ("healthy", "started means healthy: Podman asks and reports it")
    };
    unit.key("Notify", value, Some(why));
}

fn service_section(unit: &mut Unit, container: &Container<'_>, start: u64, stop: u64) {
    unit.section("Service");
    if container.ends {
        unit.key("Type", "oneshot", Some("started means that its steps are done"));
        unit.key("RemainAfterExit", "true", None);
    }
    unit.key("Restart", "on-failure", None);
    let why = format!("up to {LAST_DELAY} s between restarts, in steps since systemd 254: what fails may need time");
    unit.key("RestartSec", &FIRST_DELAY.to_string(), Some(&why));
    unit.key("RestartSteps", "3", None);
    unit.key("RestartMaxDelaySec", &LAST_DELAY.to_string(), None);
    unit.key("RestartPreventExitStatus", PERMANENT, Some("/init refused, and would refuse again"));
    if let Some(code) = container.stop_code {
        unit.key("SuccessExitStatus", &code.to_string(), Some("the app ended by the stop signal: a clean stop"));
    }
    unit.key("TimeoutStartSec", &start.to_string(), Some("longer than the steps and boot_check.timeout"));
    unit.key("TimeoutStopSec", &stop.to_string(), Some("longer than StopTimeout"));
}

/// The socket of an activated role. It is a systemd unit, which Quadlet directories ignore.
fn socket(container: &Container<'_>) -> String {
    let service = of_service(container);
    let mut unit = Unit::default();
    unit.comment(&format!("FileName={service}.socket"));
    unit.comment("systemd's own unit: goes into ~/.config/systemd/user, or into /etc/systemd/system");
    unit.comment(&format!("do not edit: other addresses of this site go into {service}.socket.d/site.conf"));
    unit.section("Unit");
    unit.key("Description", &literal(service), None);
    unit.section("Socket");
    for (position, port) in container.ports.iter().enumerate() {
        let why = "inherited by the app as LISTEN_FDS; open to this machine only";
        unit.key("ListenStream", &format!("127.0.0.1:{port}"), (position == 0).then_some(why));
    }
    unit.section("Install");
    unit.key("WantedBy", "sockets.target", None);
    unit.text
}

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
        // The generator has the key Memory only since Podman 5.5.
        Flag::Memory(limit) => vec![("PodmanArgs", flags::memory(limit))],
        Flag::Port(port) => vec![("PublishPort", flags::publish(*port))],
        Flag::Health(asked, start) => vec![
            ("HealthCmd", health_command(asked)),
            ("HealthInterval", format!("{}s", seconds(asked.interval))),
            ("HealthTimeout", format!("{}s", seconds(asked.timeout))),
            ("HealthStartPeriod", format!("{}s", seconds(*start))),
            ("HealthRetries", RETRIES.to_string()),
        ],
        Flag::StopSignal(signal) => vec![("StopSignal", (*signal).into())],
        Flag::StopTimeout(time) => vec![("StopTimeout", seconds(*time).to_string())],
    }
}

/// A startup health check avoids waiting for the usual interval. `kill` lets systemd restart an app that becomes
/// unhealthy; it would not see a restart by Podman.
fn startup_health(unit: &mut Unit, asked: &Asked) {
    unit.key("HealthStartupCmd", &health_command(asked), Some("asked each second until it passes for the first time"));
    unit.key("HealthStartupInterval", &format!("{STARTUP_INTERVAL}s"), None);
    unit.key("HealthStartupTimeout", &format!("{}s", seconds(asked.timeout)), None);
    unit.key("HealthOnFailure", "kill", Some("an unhealthy app is ended, and systemd starts it again"));
}

fn health_command(asked: &Asked) -> String {
    literal(&serde_json::to_string(&asked.command).unwrap_or_default())
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
        // One file of variables serves all required ones.
        if !self.text.lines().any(|known| known == line) {
            self.line(&line);
        }
    }
}

/// A value that the generator copies into a command line of systemd's: no specifier, no variable.
fn literal(value: &str) -> String {
    value.replace('%', "%%").replace('$', "$$")
}

/// A value that the generator splits into words, as one word.
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
    fn specifiers_and_variables_of_systemd_are_escaped() {
        assert_eq!(literal("/a%b$c d"), "/a%%b$$c d");
        assert_eq!(
            (word("a=b"), word("/a b"), word("/a\"\\")),
            ("a=b".into(), "\"/a b\"".into(), "\"/a\\\"\\\\\"".into())
        );
    }
}
