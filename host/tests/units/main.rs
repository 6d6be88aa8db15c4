//! The units that `--render quadlet` prints, unedited, on real systemd: how long a start takes, how a stop ends, and
//! that every kind of failure is reported or ends with a restart.
//!
//! Most of the time is spent waiting for five slow starts of a sick app. This test therefore has a machine of its own
//! and runs beside the other tests of the host side.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stderr)]
// Shared with the other tests, which use more of it.
#![allow(dead_code)]

#[path = "../real/stand.rs"]
mod stand;

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    process::Stdio,
    time::{Duration, Instant},
};

use crate::stand::{Stand, lab, stand};

/// The name of the machine that this test boots.
pub(crate) const MACHINE: &str = "host-units";

/// A health check each 12 s: with a start that waits for it, no unit is active earlier.
const INTERVAL: Duration = Duration::from_secs(12);

const CONFIG: &str = "\
user = \"1001:1001\"
home = \"/tmp\"
[[tmpfs]]
path = \"/tmp\"
mode = \"1777\"
[boot_check]
timeout = \"2s\"
[[require]]
env = \"NEEDED\"
roles = [\"u-refused\"]
";

/// A role, the behaviour of its image, and whether `/init` stays with the app.
const UNITS: [(&str, &str, bool); 7] = [
    ("u-healthy", "good", false),
    ("u-stays", "good", true),
    ("u-refused", "good", true),
    ("u-missing", "", true),
    ("u-crash", "crash", true),
    ("u-sick", "sick", true),
    ("u-turns", "turns 5", true),
];

/// What systemd says of a unit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct State {
    active: String,
    result: String,
    restarts: u32,
}

/// When a unit was first seen active, restarted and failed.
#[derive(Debug, Default)]
struct Seen {
    active: Option<Duration>,
    restarted: Option<Duration>,
    failed: Option<Duration>,
    last: State,
}

fn install(stand: &Stand) {
    let mut config = CONFIG.to_owned();
    for (role, _, supervise) in UNITS {
        config += &format!(
            "[roles.{role}]\ncommand = [\"/app\"]\nsupervise = {supervise}\n\
             health = {{ http = \"http://127.0.0.1:8000/health\", timeout = \"1s\" }}\n"
        );
    }
    stand.write("units/init.toml", &config);
    stand.write("units/Containerfile", "FROM localhost/base\nCOPY --chmod=0644 init.toml version behaviour /etc/\n");
    stand.write("units/version", "units");
    for (role, behaviour, _) in UNITS {
        let image = format!("localhost/{role}");
        if !behaviour.is_empty() {
            stand.write("units/behaviour", behaviour);
            stand.own();
            stand.shell(&format!("podman build -q -t {image} units"));
        }
        let unit =
            stand.shell(&format!("podman run --rm localhost/u-healthy --render quadlet --role {role} --image {image}"));
        stand.write(&format!(".config/containers/systemd/{role}.container"), &unit);
    }
    // Not the variable that the role needs.
    stand.write(".config/containers/systemd/u-refused.env", "OTHER=1\n");
    stand.own();
    stand.shell("systemctl --user daemon-reload");
}

fn show() -> String {
    let units: Vec<String> = UNITS.iter().map(|(role, ..)| format!("{role}.service")).collect();
    format!("systemctl --user show -p Id,ActiveState,Result,NRestarts {}", units.join(" "))
}

/// The unit that a block of `systemctl show` describes.
fn state(block: &[String]) -> (String, State) {
    let value = |key: &str| {
        let line = block.iter().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        line.unwrap_or_else(|| panic!("no {key}: {block:?}")).to_owned()
    };
    let state =
        State { active: value("ActiveState"), result: value("Result"), restarts: value("NRestarts").parse().unwrap() };
    (value("Id").trim_end_matches(".service").to_owned(), state)
}

/// Calls `each` with every state that one command in the machine prints, until it returns false.
fn watch(mut each: impl FnMut(String, State) -> bool) {
    let line = format!("while {} && echo; do sleep 0.3; done", show());
    let mut watcher =
        lab(&["user", MACHINE, "sh", "-c", &line]).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut block = Vec::new();
    for line in BufReader::new(watcher.stdout.take().unwrap()).lines().map(Result::unwrap) {
        if !line.is_empty() {
            block.push(line);
        } else if !block.is_empty() {
            let (role, state) = state(&std::mem::take(&mut block));
            if !each(role, state) {
                break;
            }
        }
    }
    // Without a reader the command ends at its next line.
    watcher.wait().unwrap();
}

#[test]
fn rendered_units_start_stop_fail_and_recover() {
    let Some(stand) = stand() else { return };
    install(&stand);
    let began = Instant::now();
    let names = UNITS.map(|(role, ..)| role).join(" ");
    stand.shell(&format!("systemctl --user start --no-block {names}"));
    let mut seen: BTreeMap<String, Seen> = BTreeMap::new();
    let settled = |seen: &BTreeMap<String, Seen>| {
        let failed = |role: &str| seen[role].failed.is_some();
        ["u-refused", "u-missing", "u-crash", "u-sick"].into_iter().all(failed)
            && seen["u-turns"].restarted.is_some()
            && seen["u-stays"].active.is_some()
            && seen["u-healthy"].active.is_some()
    };
    watch(|role, state| {
        let now = began.elapsed();
        let unit = seen.entry(role).or_default();
        if state.active == "active" {
            unit.active.get_or_insert(now);
        }
        if state.restarts > 0 {
            unit.restarted.get_or_insert(now);
        }
        if state.active == "failed" {
            unit.failed.get_or_insert(now);
        }
        unit.last = state;
        seen.len() < UNITS.len() || (!settled(&seen) && began.elapsed() < Duration::from_secs(400))
    });
    let stopping = Instant::now();
    stand.shell("systemctl --user stop u-stays.service");
    let stop = stopping.elapsed();
    let shown = stand.shell(&show());
    let shown = shown.split("\n\n").map(|block| state(&block.lines().map(str::to_owned).collect::<Vec<_>>()));
    let stopped = shown.collect::<BTreeMap<_, _>>()["u-stays"].clone();
    for (role, unit) in &seen {
        eprintln!(
            "{role}: active {:.1?}, restarted {:.1?}, failed {:.1?}, {} restarts, {}",
            unit.active, unit.restarted, unit.failed, unit.last.restarts, unit.last.result
        );
    }
    eprintln!("clean stop: {stop:.1?}, {stopped:?}");
    for role in ["u-healthy", "u-stays"] {
        assert!(seen[role].active.is_some_and(|active| active < INTERVAL), "{role}: {:?}", seen[role]);
        assert_eq!(seen[role].last.restarts, 0, "{role}: {:?}", seen[role]);
    }
    assert_eq!((stopped.active.as_str(), stopped.result.as_str()), ("inactive", "success"), "a clean stop");
    assert!(seen["u-refused"].failed.is_some() && seen["u-refused"].last.restarts == 0, "{:?}", seen["u-refused"]);
    for role in ["u-missing", "u-crash", "u-sick"] {
        // Five starts failed; systemd counts the sixth, which it refused.
        assert!(seen[role].failed.is_some() && seen[role].last.restarts == 5, "{role}: {:?}", seen[role]);
        assert_eq!(seen[role].last.result, "start-limit-hit", "{role}");
    }
    let turns = &seen["u-turns"];
    assert!(turns.active.is_some() && turns.restarted.is_some(), "{turns:?}");
}
