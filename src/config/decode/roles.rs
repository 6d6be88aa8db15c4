//! The roles and their health checks.

use std::time::Duration;

use super::accepted::Accepted;
use super::settings::stop;
use crate::config::{Expandable, Health, Probe, Role, values};

pub(super) fn role(role: Accepted<'_>) -> Role {
    Role {
        place: role.place(),
        command: role.get("command").map(|_| role.texts("command")),
        supervise: role.flag("supervise"),
        env: role.variables("env"),
        health: role.get("health").map(|check| Box::new(health(check))),
        ports: role.integers("ports").filter_map(|port| u16::try_from(port).ok()).collect(),
        activation: role.is("activation"),
        at_most_one: role.is("at_most_one"),
        stop: stop(role.table("stop")),
    }
}

pub(super) fn health(check: Accepted<'_>) -> Health {
    let probe = if let Some(url) = check.at("http") {
        let status = check.integer("status").and_then(|status| u16::try_from(status).ok()).unwrap_or(200);
        Probe::Http { url, unix: check.at("unix"), status, headers: check.variables("headers") }
    } else if let Some(address) = check.at("tcp") {
        Probe::Tcp(address)
    } else if let Some(path) = check.at("file") {
        Probe::File { path, max_age: check.duration("max_age") }
    } else {
        Probe::Exec(check.texts("exec"))
    };
    let timeout = check.expandable("timeout", values::duration);
    Health {
        probe,
        timeout: timeout.unwrap_or(Expandable::Given(Duration::from_secs(5))),
        liveness: check.is("liveness"),
    }
}
