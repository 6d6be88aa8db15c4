//! The user's systemd, through its own tools.
//!
//! `busctl` reads complete properties; `systemctl show -p ExecStart` loses quoting. `systemctl restart` waits for the
//! job and ends with its result; a unit with `Restart=always` never reads as failed. Both are part of every systemd. A
//! D-Bus library would add sixty crates and an executor for these two calls.

use std::{collections::BTreeMap, fs, time::Duration};

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    argv::{self, RunLine},
    failure::Failure,
    quadlet, tool,
};

const QUICK: Duration = Duration::from_secs(30);
const NAME: &str = "org.freedesktop.systemd1";

#[derive(Debug)]
pub(crate) struct Unit {
    pub(crate) name: String,
    pub(crate) line: RunLine,
    pub(crate) active: String,
    /// The sockets that hold its port: connections queue while the service restarts.
    pub(crate) sockets: Vec<String>,
    /// The addresses that these listen on.
    pub(crate) listening: Vec<String>,
    pub(crate) start_timeout: Duration,
    pub(crate) stop_timeout: Duration,
    pub(crate) enabled_at_boot: bool,
    /// The files of systemd's and Quadlet's that change it.
    pub(crate) drop_ins: Vec<String>,
    pub(crate) start_limit: u32,
    /// The memory that it uses now, in bytes; None if its control group does not account for it.
    pub(crate) memory: Option<u64>,
}

impl Unit {
    pub(crate) fn service(&self) -> String {
        service(&self.name)
    }

    pub(crate) fn container(&self) -> Result<&str, Failure> {
        self.line.value("--name").ok_or_else(|| {
            Failure::new(self.service(), "its ExecStart gives the container no name")
                .fix("set ContainerName= in the Quadlet")
        })
    }
}

fn service(unit: &str) -> String {
    format!("{unit}.service")
}

/// The unit as it is loaded, with its drop-ins.
pub(crate) fn unit(name: &str) -> Result<Unit, Failure> {
    let service = service(name);
    let path: Vec<String> = get(&["call", NAME, "/org/freedesktop/systemd1", MANAGER, "LoadUnit", "s", &service])?;
    let path = path.first().ok_or_else(|| Failure::new(&service, "systemd gives it no path").bug())?;
    let unit = Properties::of(path, UNIT)?;
    let load: String = unit.get("LoadState")?;
    match load.as_str() {
        "loaded" => {}
        "not-found" => return Err(quadlet::no_unit(name)),
        "masked" => {
            return Err(Failure::new(&service, "it is masked").fix(format!("systemctl --user unmask {service}")));
        }
        other => {
            return Err(Failure::new(&service, format!("systemd cannot load it: {other}")).fix(format!(
                "systemd-analyze --user verify {service} names the wrong setting; correct it, and run systemctl --user \
                 daemon-reload"
            )));
        }
    }
    let of_service = Properties::of(path, SERVICE)?;
    let triggered: Vec<String> = unit.get("TriggeredBy")?;
    let wanted: Vec<String> = unit.get("WantedBy")?;
    let sockets: Vec<String> = triggered.into_iter().filter(|unit| unit.ends_with(".socket")).collect();
    let mut listening = Vec::new();
    for socket in &sockets {
        let addresses: Vec<(String, String)> = property(&object(socket), SOCKET, "Listen")?;
        listening.extend(addresses.into_iter().map(|(_, address)| address));
    }
    Ok(Unit {
        name: name.to_owned(),
        line: exec_start(&service, &of_service)?,
        active: unit.get("ActiveState")?,
        sockets,
        listening,
        start_timeout: Duration::from_micros(of_service.get("TimeoutStartUSec")?),
        stop_timeout: Duration::from_micros(of_service.get("TimeoutStopUSec")?),
        enabled_at_boot: !wanted.is_empty(),
        drop_ins: drop_ins(unit.get("DropInPaths")?, &unit.get::<String>("SourcePath")?),
        start_limit: unit.get("StartLimitBurst")?,
        memory: of_service.get("MemoryCurrent").ok().filter(|bytes| *bytes != u64::MAX),
    })
}

/// systemd does not know those of the Quadlet that the unit was made from.
fn drop_ins(of_systemd: Vec<String>, source: &str) -> Vec<String> {
    let files = fs::read_dir(format!("{source}.d")).into_iter().flatten().flatten();
    let names = files.map(|file| file.path().display().to_string()).filter(|name| name.ends_with(".conf"));
    let mut all: Vec<String> = names.chain(of_systemd).collect();
    all.sort();
    all
}

/// Restarts the unit and waits for the job. Earlier starts count towards the start limit, which could refuse this one:
/// `reset-failed` sets the count to zero.
pub(crate) fn restart(unit: &Unit, limit: Duration) -> Result<(), Failure> {
    let service = unit.service();
    let mut reset = vec!["systemctl", "--user", "reset-failed", &service];
    reset.extend(unit.sockets.iter().map(String::as_str));
    tool::run(&reset, QUICK)?;
    let output = tool::run(&["systemctl", "--user", "restart", "--quiet", &service], limit)?;
    if output.ok() {
        return Ok(());
    }
    // systemctl says only that the job failed.
    let fix = format!("correct what journalctl --user -u {service} shows, in the image or in the unit");
    Err(Failure::new(format!("restart {service}"), output.complaint()).fix(output.or_longer(&fix, "[cutover] timeout")))
}

/// Whether the user's systemd ends, as it does when the host shuts down.
pub(crate) fn is_stopping() -> bool {
    let state = tool::run(&["systemctl", "--user", "is-system-running"], QUICK);
    // Without an answer it has ended already.
    state.is_ok_and(|state| matches!(state.out.trim(), "stopping" | "offline" | "unknown" | ""))
}

pub(crate) fn stop(unit: &str, limit: Duration) -> Result<(), Failure> {
    let service = service(unit);
    tool::must(&format!("stop {service}"), &["systemctl", "--user", "stop", &service], limit).map(|_| ())
}

/// Stops a unit without waiting: a start that is under way ends as cancelled.
pub(crate) fn cancel(unit: &str) -> Result<(), Failure> {
    let service = service(unit);
    tool::must(&format!("stop {service}"), &["systemctl", "--user", "stop", "--no-block", &service], QUICK).map(|_| ())
}

const MANAGER: &str = "org.freedesktop.systemd1.Manager";
const UNIT: &str = "org.freedesktop.systemd1.Unit";
const SOCKET: &str = "org.freedesktop.systemd1.Socket";
const SERVICE: &str = "org.freedesktop.systemd1.Service";

#[derive(serde::Deserialize)]
struct Data<T> {
    data: T,
}

type Exec = (String, Vec<String>, Vec<String>, u64, u64, u64, u64, u32, i32, i32);

fn exec_start(service: &str, properties: &Properties) -> Result<RunLine, Failure> {
    let refuse = |reason: String| {
        let fix =
            "run the app by a Quadlet, or by one ExecStart= that is podman run with variables of Environment= only";
        Failure::new(service, reason).fix(fix)
    };
    let commands: Vec<Exec> = properties.get("ExecStartEx")?;
    let [command] = commands.as_slice() else {
        return Err(refuse(format!("it has {} ExecStart= lines; one is needed", commands.len())));
    };
    let environment: Vec<String> = properties.get("Environment")?;
    let variables: BTreeMap<String, String> = environment
        .iter()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let words = if command.2.iter().any(|flag| flag == "no-env-expand") {
        command.1.clone()
    } else {
        argv::resolve(&command.1, &variables).map_err(refuse)?
    };
    RunLine::parse(&words).map(|line| line.with_variables(&variables)).map_err(refuse)
}

fn property<T: DeserializeOwned>(path: &str, interface: &str, name: &str) -> Result<T, Failure> {
    get(&["get-property", NAME, path, interface, name])
}

/// All properties of an interface in one call, since each call starts a process.
struct Properties(BTreeMap<String, Data<Value>>);

impl Properties {
    fn of(path: &str, interface: &str) -> Result<Self, Failure> {
        let all = ["call", NAME, path, "org.freedesktop.DBus.Properties", "GetAll", "s", interface];
        let answer: Vec<BTreeMap<String, Data<Value>>> = get(&all)?;
        Ok(Self(answer.into_iter().next().unwrap_or_default()))
    }

    fn get<T: DeserializeOwned>(&self, name: &str) -> Result<T, Failure> {
        let what = format!("read systemd's property {name}");
        let failure = |reason: String| Failure::new(what.clone(), reason).fix("install systemd 252 or later");
        let found = self.0.get(name).ok_or_else(|| failure("it is missing".to_owned()))?;
        T::deserialize(&found.data).map_err(|error| failure(error.to_string()))
    }
}

fn get<T: DeserializeOwned>(words: &[&str]) -> Result<T, Failure> {
    let mut argv = vec!["busctl", "--user", "--json=short"];
    argv.extend_from_slice(words);
    let output = tool::run(&argv, QUICK)?;
    if !output.ok() {
        return Err(Failure::new("ask the user's systemd", output.complaint()).fix(
            "run as the user that runs the app, with lingering on (loginctl enable-linger) and XDG_RUNTIME_DIR set",
        ));
    }
    serde_json::from_str(output.out.trim())
        .map(|answer: Data<T>| answer.data)
        .map_err(|error| Failure::new("read busctl's answer", error.to_string()).fix("install systemd 252 or later"))
}

fn object(unit: &str) -> String {
    format!("/org/freedesktop/systemd1/unit/{}", escape(unit))
}

/// The unit's name in an object path: every byte but a letter or a digit that is not first, as `_xx`.
fn escape(name: &str) -> String {
    name.bytes()
        .enumerate()
        .map(|(at, byte)| match byte {
            b'a'..=b'z' | b'A'..=b'Z' => char::from(byte).to_string(),
            b'0'..=b'9' if at > 0 => char::from(byte).to_string(),
            _ => format!("_{byte:02x}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unit_names_are_escaped_as_systemd_does() {
        assert_eq!(escape("web.service"), "web_2eservice");
        assert_eq!(escape("1-a_b.service"), "_31_2da_5fb_2eservice");
    }
}
