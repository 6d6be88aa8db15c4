//! How a role is selected, the roles, and their health checks.

use std::collections::BTreeMap;
use std::time::Duration;

use toml_spanner::Table;

use super::settings::stop;
use crate::config::toml::{Item, Source, items};
use crate::config::{Config, Expandable, Health, Probe, Role, Stop, keys, values};
use crate::error::Result;

pub(super) fn role_name(text: &str) -> std::result::Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if !text.is_empty() && text.bytes().all(plain) {
        Ok(text.to_owned())
    } else {
        Err(format!("'{text}' is not the name of a role: letters, digits, - _ ."))
    }
}

pub(super) fn selection<'a>(source: Source<'a>, table: &'a Table<'a>, config: &mut Config) -> Result<()> {
    for item in items(source, &keys::ROLE, table) {
        let item = item?;
        match item.key {
            "env" => config.role_variable = item.parsed(values::variable)?.value,
            "default" => config.default_role = Some(item.string()?),
            "argument" => config.role_argument = item.boolean()?.value,
            "flags" => config.role_flags = Some(item.string()?),
            _ => return Err(item.unknown()),
        }
    }
    Ok(())
}

pub(super) fn role<'a>(source: Source<'a>, role: &Item<'a>) -> Result<Role> {
    let mut decoded = Role {
        place: role.place(),
        command: None,
        supervise: None,
        env: BTreeMap::new(),
        health: None,
        stop: Stop::default(),
        ports: Vec::new(),
        activation: false,
        at_most_one: false,
    };
    let mut activation = None;
    for item in items(source, &keys::A_ROLE, role.table()?) {
        let item = item?;
        match item.key {
            "command" => decoded.command = Some(item.command_or_none()?),
            "supervise" => decoded.supervise = Some(item.boolean()?),
            "env" => decoded.env = item.variables()?,
            "health" => decoded.health = Some(Box::new(health(source, &keys::HEALTH, &item)?)),
            "ports" => {
                let ports = item.integers(1, u16::MAX.into())?;
                decoded.ports = ports.into_iter().filter_map(|port| u16::try_from(port).ok()).collect();
            }
            "activation" => {
                decoded.activation = item.boolean()?.value;
                activation = Some(item);
            }
            "at_most_one" => decoded.at_most_one = item.boolean()?.value,
            "stop" => decoded.stop = stop(source, &keys::ROLE_STOP, item.table()?)?,
            _ => return Err(item.unknown()),
        }
    }
    if let Some(item) = activation.filter(|_| decoded.ports.is_empty()) {
        return Err(item.refuse("a role without ports".into(), "add ports = [8000], the ports that systemd is to hold"));
    }
    Ok(decoded)
}

pub(super) fn health<'a>(source: Source<'a>, table: &'static keys::Table, health: &Item<'a>) -> Result<Health> {
    let (mut probes, mut timeout) = (Vec::new(), Expandable::Given(Duration::from_secs(5)));
    let (mut socket, mut status, mut headers, mut max_age, mut liveness) = (None, None, None, None, false);
    for item in items(source, table, health.table()?) {
        let item = item?;
        match item.key {
            "http" => {
                probes.push(Probe::Http { url: item.string()?, unix: None, status: 200, headers: BTreeMap::new() })
            }
            "tcp" => probes.push(Probe::Tcp(item.string()?)),
            "exec" => probes.push(Probe::Exec(item.command()?)),
            "file" => probes.push(Probe::File { path: item.string()?, max_age: None }),
            "unix" => socket = Some(item.string()?),
            "status" => status = Some(item.integer(100, 599)?),
            "headers" => headers = Some(item.named(|name| Ok(name.to_owned()), Item::string)?),
            "max_age" => max_age = Some(item.duration()?),
            "timeout" => timeout = item.expandable(values::duration)?,
            "liveness" => liveness = item.boolean()?.value,
            _ => return Err(item.unknown()),
        }
    }
    let one = (probes.len() == 1).then(|| probes.pop()).flatten();
    let Some(mut probe) = one else {
        return Err(health.refuse("not exactly one check".into(), "one of http, tcp, exec and file"));
    };
    let (mut http_only, mut file_only) = (socket.is_some() || status.is_some() || headers.is_some(), max_age.is_some());
    match &mut probe {
        Probe::Http { unix, status: want, headers: send, .. } => {
            *unix = socket;
            http_only = false;
            *want = status.and_then(|at| u16::try_from(at.value).ok()).unwrap_or(200);
            *send = headers.unwrap_or_default();
        }
        Probe::File { max_age: most, .. } => {
            file_only = false;
            *most = max_age;
        }
        Probe::Tcp(_) | Probe::Exec(_) => {}
    }
    if http_only || file_only {
        return Err(health.refuse(
            "a key that its check does not have".into(),
            "unix, status and headers go with http, max_age with file",
        ));
    }
    Ok(Health { probe, timeout, liveness })
}
