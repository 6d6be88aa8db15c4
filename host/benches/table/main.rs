//! The usual deploy script and stepdown side by side, on the machine of the tests: `make host-table`.
//!
//! Each side gets the same kinds of image, by the same trigger file, from the same state: a good version serves. One
//! client asks the web role every 50 ms, another one sends requests of one second, until some seconds after the answer.
//! ONLY=good,hanging runs the cases whose names contain one of these words.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr
)]
// Shared with the tests, which use more of them.
#![allow(dead_code)]

#[path = "../../tests/real/client.rs"]
mod client;
#[path = "../../tests/real/instances.rs"]
mod instances;
#[path = "../../tests/real/stand.rs"]
mod stand;

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use crate::{
    client::Client,
    instances::Instances,
    stand::{IMAGE, Stand},
};

/// The name of the machine that the table boots.
pub(crate) const MACHINE: &str = "host-table";

const TRIGGER: &str = "runner-data/deploy-trigger";
const STATUS: &str = "runner-data/deploy-status";
/// No answer within this time is none.
const NEVER: Duration = Duration::from_secs(100);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Script,
    Stepdown,
}

/// What happens with the tags before the trigger.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tags {
    /// The release pushes its own tag and `stable`, and triggers its own.
    Pushed,
    /// The same, but `stable` was pointed back at what serves before the deploy began.
    MovedBack,
    /// An older release than what serves is triggered, and `stable` is pointed at it.
    Older,
}

struct Case {
    name: &'static str,
    behaviour: &'static str,
    key: Option<&'static str>,
    tags: Tags,
    /// What the trigger says instead of the tag.
    trigger: Option<&'static str>,
    /// SIGKILL to the service after this time.
    kill: Option<Duration>,
    /// The clients go on for this many seconds after the answer.
    after: u64,
    /// The web role is two instances on one socket; `stepdown` alone deploys these.
    instances: bool,
}

const GOOD: Case = Case {
    name: "good",
    behaviour: "good",
    key: Some("good"),
    tags: Tags::Pushed,
    trigger: None,
    kill: None,
    after: 3,
    instances: false,
};

const CASES: &[Case] = &[
    GOOD,
    Case { name: "good, the next one", ..GOOD },
    Case { name: "good, two instances of web", instances: true, ..GOOD },
    Case { name: "unsigned", key: None, ..GOOD },
    Case { name: "signed by another key", key: Some("other"), ..GOOD },
    Case { name: "the gate fails: a variable is missing", behaviour: "refused", after: 10, ..GOOD },
    Case { name: "crashes at boot", behaviour: "crash", after: 10, ..GOOD },
    Case { name: "sick from the start", behaviour: "sick", after: 10, ..GOOD },
    Case { name: "healthy, and sick after 10 s", behaviour: "turns 10", after: 20, ..GOOD },
    Case { name: "hanging", behaviour: "hang", after: 10, ..GOOD },
    Case { name: "an older signed one", tags: Tags::Older, ..GOOD },
    Case { name: "stable was moved back", tags: Tags::MovedBack, ..GOOD },
    Case { name: "garbage in the trigger", trigger: Some("GAR BAGE"), ..GOOD },
    Case { name: "SIGKILL after 2 s", kill: Some(Duration::from_secs(2)), ..GOOD },
    Case { name: "SIGKILL after 6 s", kill: Some(Duration::from_secs(6)), ..GOOD },
];

fn main() {
    let Some(stand) = stand::stand() else { return };
    let only = std::env::var("ONLY").unwrap_or_default();
    let cases: Vec<&Case> = CASES.iter().filter(|case| only.split(',').any(|word| case.name.contains(word))).collect();
    let mut rows: Vec<String> = cases.iter().map(|case| format!("| {}", case.name)).collect();
    for side in [Side::Script, Side::Stepdown] {
        set_up(&stand, side);
        for (row, case) in rows.iter_mut().zip(&cases) {
            let cell = if case.instances && side == Side::Script { String::new() } else { run(&stand, side, case) };
            eprintln!("{}: {cell}", case.name);
            row.push_str(" | ");
            row.push_str(&cell);
        }
    }
    println!("| image | script: answer; failed requests; cut ones; serving afterwards | `stepdown`: the same |");
    println!("| --- | --- | --- |");
    for row in rows {
        println!("{row} |");
    }
}

fn set_up(stand: &Stand, side: Side) {
    match side {
        Side::Script => {
            stand.shell("systemctl --user disable --now stepdown-app.path stepdown-app.service");
            stand.shell("systemctl --user stop web.socket");
            for role in ["web", "worker", "beat", "flower"] {
                let path = format!(".config/containers/systemd/{role}.container");
                let quadlet = fs::read_to_string(stand.path(&path)).unwrap();
                fs::rename(stand.path(&path), stand.path(&format!("{role}.stepdown"))).unwrap();
                let published = quadlet
                    .replace("localhost/stepdown/app:current", &format!("{IMAGE}:stable"))
                    .replace("Requires=web.socket\n", "")
                    .replace("After=web.socket\n", "")
                    .replace("ContainerName=web\n", "ContainerName=web\nPublishPort=127.0.0.1:8000:8000\n");
                stand.write(&path, &published);
            }
            stand.write("bin/deploy", include_str!("deploy.sh"));
            stand.write(".config/systemd/user/script.service", include_str!("script.service"));
            let path = "[Path]\nPathExists=%h/runner-data/deploy-trigger\n";
            stand.write(".config/systemd/user/script.path", path);
            stand.own();
            stand.shell("chmod +x bin/deploy && systemctl --user daemon-reload && systemctl --user start script.path");
        }
        Side::Stepdown => {
            stand.shell("systemctl --user stop script.path web worker beat flower");
            for role in ["web", "worker", "beat", "flower"] {
                let path = format!(".config/containers/systemd/{role}.container");
                fs::rename(stand.path(&format!("{role}.stepdown")), stand.path(&path)).unwrap();
            }
            let config = fs::read_to_string(stand.path(".config/stepdown/app.toml")).unwrap();
            stand.write(".config/stepdown/app.toml", &config.replace("soak = \"2s\"", "soak = \"10s\""));
            stand.own();
            stand.shell(
                "systemctl --user daemon-reload && systemctl --user start web.socket && \
                 systemctl --user enable --now stepdown-app.path",
            );
        }
    }
}

/// A good version serves with all its roles. If not, one is deployed, after what a person would do to the units.
fn restore(stand: &Stand, side: Side) -> String {
    let serving = stand.user(&["python3", "-c", ASK]);
    if serving.code == 0 && versions(stand).iter().all(|version| *version == serving.out) {
        return serving.out;
    }
    deploy(stand, side, &stand.publish("good", Some("good")))
}

fn deploy(stand: &Stand, side: Side, tag: &str) -> String {
    stable_is(stand, tag);
    stand.shell("systemctl --user reset-failed");
    let said = match side {
        Side::Script => stand.user(&["/home/app/bin/deploy", tag]),
        Side::Stepdown => stand.stepdown(&["deploy", tag]),
    };
    assert_eq!((said.code, stand.answers()), (0, tag.to_owned()), "{said:?}");
    tag.to_owned()
}

fn stable_is(stand: &Stand, tag: &str) {
    stand.shell(&format!("skopeo copy --quiet docker://{IMAGE}:{tag} docker://{IMAGE}:stable"));
}

fn run(stand: &Stand, side: Side, case: &Case) -> String {
    let older = (case.tags == Tags::Older).then(|| stand.publish(case.behaviour, case.key));
    let before = match older {
        Some(_) => deploy(stand, side, &stand.publish("good", Some("good"))),
        None => restore(stand, side),
    };
    let _instances = case.instances.then(|| Instances::new(stand));
    let tag = older.unwrap_or_else(|| stand.publish(case.behaviour, case.key));
    stable_is(stand, if case.tags == Tags::MovedBack { &before } else { &tag });
    let service = if side == Side::Script { "script.service" } else { "stepdown-app.service" };
    let _ = fs::remove_file(stand.path(STATUS));
    let clients = Client::start(stand);
    thread::sleep(Duration::from_secs(1));
    stand.write("runner-data/.trigger", case.trigger.unwrap_or(&tag));
    stand.own();
    let began = Instant::now();
    fs::rename(stand.path("runner-data/.trigger"), stand.path(TRIGGER)).unwrap();
    if let Some(time) = case.kill {
        thread::sleep(time);
        stand.shell(&format!("systemctl --user kill --signal=KILL {service}"));
        if side == Side::Stepdown {
            stand.shell(&format!("systemctl --user start {service}"));
        }
    }
    let limit = if case.kill.is_some() { Duration::from_secs(30) } else { NEVER };
    let status = loop {
        match fs::read_to_string(stand.path(STATUS)) {
            Ok(text) if !text.is_empty() => break Some(text.trim().to_owned()),
            _ if began.elapsed() > limit => break None,
            _ => thread::sleep(Duration::from_millis(20)),
        }
    };
    let took = began.elapsed().as_secs_f32();
    thread::sleep(Duration::from_secs(case.after));
    let [quick, slow] = clients.stop();
    eprintln!("{status:?}, slowest {} s", quick.slowest);
    let answer = status.map_or("never".to_owned(), |status| format!("{} after {took:.1} s", first_word(&status)));
    let serving = afterwards(stand, case, &before, &tag);
    format!("{answer}; {} of {}; {} of {}; {serving}", quick.failed, quick.requests, slow.cut, slow.requests)
}

fn first_word(text: &str) -> &str {
    text.split(' ').next().unwrap_or_default()
}

fn versions(stand: &Stand) -> Vec<String> {
    versions_of(stand, "web worker beat flower")
}

fn versions_of(stand: &Stand, containers: &str) -> Vec<String> {
    let line = format!("for name in {containers}; do podman exec $name /app --version 2>/dev/null || echo none; done");
    stand.shell(&line).lines().map(str::to_owned).collect()
}

/// Which version each role runs, and whether the web role answers.
fn afterwards(stand: &Stand, case: &Case, before: &str, tag: &str) -> String {
    let containers = if case.instances { "web-1 web-2 worker beat flower" } else { "web worker beat flower" };
    let roles = versions_of(stand, containers);
    let name = |version: &str| match version {
        version if version == before => "old",
        version if version == tag => "new",
        _ => "none",
    };
    let names: Vec<&str> = roles.iter().map(|version| name(version)).collect();
    let web = stand.user(&["python3", "-c", ASK]);
    let failing = if web.code == 0 { "" } else { ", web fails" };
    match names.as_slice() {
        [first, rest @ ..] if rest.iter().all(|name| name == first) => format!("{first}{failing}"),
        names => format!("{}{failing}", names.join("/")),
    }
}

const ASK: &str = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8000/', timeout=5).read().decode())";
