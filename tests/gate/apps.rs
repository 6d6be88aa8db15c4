//! Broken apps in a correct deployment: a small configuration and `app.py`.

use crate::broken::{Broken, ends};
use crate::scene::{BOTH, BROKEN, Engine, GATE, PODMAN, Row, app_file};

/// The flags of a small deployment.
pub const SMALL: &str = "--read-only --security-opt=no-new-privileges --cap-drop=ALL \
    --cap-add=CHOWN,SETUID,SETGID,SETPCAP --tmpfs /home/app:rw,size=16m,mode=0755";

/// A health check of `app.py`.
pub const HTTP: &str = "{ http = \"http://127.0.0.1:8000/\", timeout = \"1s\" }";

/// A small configuration: the keys of its role, and further tables.
pub fn small(role: &str, entries: &str) -> String {
    format!(
        "user = \"1001:1001\"\nhome = \"/home/app\"\n\n[role]\ndefault = \"web\"\n\n[[tmpfs]]\npath = \"/home/app\"\n\n\
         [stop]\ngrace = \"1s\"\n[boot_check]\ntimeout = \"4s\"\nsettle = \"2s\"\n\n[roles.web]\n{role}\n\n{entries}\n"
    )
}

/// A small configuration for an app that becomes healthy even on a busy machine.
pub fn patient(role: &str, entries: &str) -> String {
    small(role, entries).replace("timeout = \"4s\"", "timeout = \"20s\"")
}

/// The arguments that start `app.py`.
pub fn app<'a>(way: &[&'a str]) -> Vec<&'a str> {
    ["python3", "/srv/app.py"].into_iter().chain(way.iter().copied()).collect()
}

/// A gate with this configuration and this defect of the app.
pub fn broken(
    name: &str,
    engines: &'static [Engine],
    configuration: String,
    way: &'static [&'static str],
    expected: Broken,
) -> Row {
    Row::new(name, engines, move |scene| {
        let options = format!("{SMALL} {GATE} {} {}", scene.configuration(&configuration), app_file(scene));
        expected.judge(&scene.run(&options, &app(way))?)
    })
    .of(BROKEN)
}

/// A small configuration with this health check.
fn health(check: &str) -> String {
    small(&format!("health = {check}"), "")
}

/// The same for an app that must become healthy or end first.
fn asked(check: &str) -> String {
    patient(&format!("health = {check}"), "")
}

pub fn rows() -> Vec<Row> {
    [starts(), answers(), health_programs(), health_files()].into_iter().flatten().collect()
}

/// Apps that end, fork away, or cannot be stopped.
fn starts() -> Vec<Row> {
    vec![
        broken(
            "the app exits at once with 0",
            BOTH,
            asked(HTTP),
            &["exit", "0"],
            ends(1, "FAIL  app: exited with 0 before it was healthy"),
        ),
        broken(
            "the app exits at once with 3",
            PODMAN,
            asked(HTTP),
            &["exit", "3"],
            ends(1, "FAIL  app: exited with 3 before it was healthy"),
        ),
        broken(
            "the app crashes",
            PODMAN,
            asked(HTTP),
            &["crash"],
            ends(1, "FAIL  app: was ended by SIGABRT before it was healthy"),
        ),
        broken(
            "no health check, and the app exits",
            PODMAN,
            small("", ""),
            &["exit", "0"],
            ends(1, "FAIL  app: exited with 0 within 2s"),
        ),
        broken("the app daemonizes", PODMAN, asked(HTTP), &["daemonizes"], {
            ends(1, "FAIL  app: exited with 0 before it was healthy")
        }),
        broken(
            "the app ignores SIGTERM",
            BOTH,
            asked(HTTP),
            &["deaf"],
            ends(1, "FAIL  stop: still running 1s after SIGTERM"),
        ),
    ]
}

/// Wrong answers to the health check.
fn answers() -> Vec<Row> {
    vec![
        broken(
            "the app never listens",
            BOTH,
            health(HTTP),
            &["idle"],
            ends(1, "FAIL  health: not within 4s: GET http://127.0.0.1:8000/: "),
        ),
        broken(
            "the app accepts but never answers",
            BOTH,
            health(HTTP),
            &["silent"],
            ends(1, "FAIL  health: not within 4s: no answer within 1s"),
        ),
        broken(
            "the app closes every connection",
            PODMAN,
            health(HTTP),
            &["closes"],
            ends(1, "FAIL  health: not within 4s: GET "),
        ),
        broken(
            "the app answers byte by byte",
            PODMAN,
            health(HTTP),
            &["drips"],
            ends(1, "FAIL  health: not within 4s: "),
        ),
        broken(
            "the app speaks another protocol",
            PODMAN,
            health(HTTP),
            &["garbage"],
            ends(1, "FAIL  health: not within 4s: GET "),
        ),
        broken("health: status 500", BOTH, health(HTTP), &["status", "500"], ends(1, "status 500 instead of 200")),
        broken("health: status 503", PODMAN, health(HTTP), &["status", "503"], ends(1, "status 503 instead of 200")),
        broken(
            "health: a redirect to a working page",
            BOTH,
            health(HTTP),
            &["redirect"],
            ends(1, "status 302 instead of 200"),
        ),
        broken(
            "health: tcp, no listener on the port",
            PODMAN,
            health("{ tcp = \"127.0.0.1:5555\", timeout = \"1s\" }"),
            &["serve"],
            { ends(1, "connect to 127.0.0.1:5555: ") },
        ),
    ]
}

fn health_programs() -> Vec<Row> {
    vec![
        broken(
            "health: a program that fails",
            PODMAN,
            health("{ exec = [\"python3\", \"-c\", \"raise SystemExit(7)\"] }"),
            &["serve"],
            { ends(1, "FAIL  health: not within 4s: exited with 7") },
        ),
        broken(
            "health: a program that hangs",
            PODMAN,
            health("{ exec = [\"python3\", \"/srv/app.py\", \"deaf-step\"], timeout = \"1s\" }"),
            &["serve"],
            ends(1, "FAIL  health: not within 4s: no answer within 1s"),
        ),
        broken(
            "health: a program that is missing",
            PODMAN,
            health("{ exec = [\"curl\", \"localhost\"] }"),
            &["serve"],
            { ends(127, "command 'curl' not found") },
        ),
    ]
}

fn health_files() -> Vec<Row> {
    vec![
        broken(
            "health: a file that is too old",
            PODMAN,
            health("{ file = \"/etc/passwd\", max_age = \"1s\" }"),
            &["serve"],
            { ends(1, "/etc/passwd was written ") },
        ),
        broken(
            "health: a file that is missing",
            PODMAN,
            health("{ file = \"/home/app/alive\" }"),
            &["serve"],
            ends(1, "/home/app/alive: "),
        ),
    ]
}
