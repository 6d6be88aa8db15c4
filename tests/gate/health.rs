//! `--health` as the engine runs it: it drops privilege first, and ends within its time limit.

use std::time::Duration;

use crate::apps::{HTTP, SMALL, app, patient, small};
use crate::scene::{DROPPED, GATE, MARK, PODMAN, PROBE, Row, Scene, Told, Verdict, app_file, expect};

pub fn rows() -> Vec<Row> {
    vec![
        Row::new("the image's HEALTHCHECK: a healthy app", PODMAN, healthcheck_of_the_image),
        unhealthy("… the app never listens", HTTP, &["idle"], "FAIL  web: GET http://127.0.0.1:8000/: "),
        unhealthy(
            "… the app never answers: fails within its timeout",
            HTTP,
            &["silent"],
            "FAIL  web: no answer within 1s",
        ),
        unhealthy(
            "… status 500",
            HTTP,
            &["status", "500"],
            "FAIL  web: GET http://127.0.0.1:8000/: status 500 instead of 200",
        ),
        unhealthy(
            "… a program that hangs, and ignores SIGTERM",
            "{ exec = [\"python3\", \"/srv/app.py\", \"deaf-step\"], timeout = \"1s\" }",
            &["idle"],
            "FAIL  web: no answer within 1s",
        ),
        Row::new("a health program runs dropped", PODMAN, health_program_is_dropped),
        Row::new("accepted answers: chunked, HTTP/1.0, an endless body", PODMAN, answers_in_every_form),
        Row::new("podman exec --user 1001 … --health, with root steps", PODMAN, exec_as_user_with_root_steps),
        Row::new("podman exec --user 1001 … --health", PODMAN, exec_as_user),
        Row::new("health in a container with BOOT_CHECK_ONLY", PODMAN, gate_variable_is_ignored),
    ]
}

fn healthcheck_of_the_image(scene: &Scene) -> Verdict {
    let mut running = serve(scene, &format!("health = {HTTP}"), &["serve"])?;
    healthy(scene)?;
    let outcome = scene.ask("healthcheck run")?.ended(0)?;
    running.until(MARK)?;
    Ok(Told { line: "podman healthcheck run: healthy".into(), took: Some(outcome.took) })
}

fn health_program_is_dropped(scene: &Scene) -> Verdict {
    let role = format!("health = {{ exec = [\"python3\", \"-c\", '''{PROBE}'''], timeout = \"10s\" }}");
    let mut running = serve(scene, &role, &["idle"])?;
    running.until(MARK)?;
    let before = scene.exec("", &["grep", "-E", "^(Uid|CapPrm):", "/proc/self/status"])?.ended(0)?;
    before.check(
        before.stdout.contains("0\t0\t0\t0") && !before.stdout.contains("0000000000000000"),
        "root with capabilities in podman exec",
    )?;
    let outcome = scene.exec("", &["/init", "--health"])?.ended(0)?;
    expect(&outcome, DROPPED)?;
    outcome.check(outcome.stdout == "ok    web: healthy\n", "one line on standard output")?;
    let json = scene.exec("", &["/init", "--health", "--json"])?.ended(0)?;
    let report: serde_json::Value =
        serde_json::from_str(&json.stdout).map_err(|error| format!("{error}\n{}", json.shown()))?;
    json.check(report["healthy"] == true && report["role"] == "web", "the answer as JSON")?;
    Ok("podman exec starts as root with capabilities; Uid 1001, all five sets empty, no_new_privs".into())
}

fn answers_in_every_form(scene: &Scene) -> Verdict {
    for way in ["chunked", "http10", "endless"] {
        let options = format!(
            "{SMALL} {GATE} {} {}",
            scene.configuration(&patient(&format!("health = {HTTP}"), "")),
            app_file(scene)
        );
        let outcome = scene.run(&options, &app(&[way]))?.ended(0)?;
        outcome.check(outcome.stdout.contains("ok    health: passed"), "the health")?;
    }
    Ok("each is healthy".into())
}

fn exec_as_user_with_root_steps(scene: &Scene) -> Verdict {
    let role = "health = { file = \"/etc/passwd\" }\n\n[[root_step]]\nname = \"a\"\ncommand = [\"true\"]";
    let mut running = serve(scene, role, &["idle"])?;
    running.until(MARK)?;
    scene.exec("--user 1001:1001", &["/init", "--health"])?.ended(0)?;
    Ok("run as the user: the same answer".into())
}

fn exec_as_user(scene: &Scene) -> Verdict {
    let mut running = serve(scene, "health = { file = \"/etc/passwd\" }", &["idle"])?;
    running.until(MARK)?;
    let outcome = scene.exec("--user 1001:1001", &["/init", "--health"])?.ended(0)?;
    outcome.check(outcome.stdout == "ok    web: healthy\n", "a healthy answer")?;
    Ok("run as the user: the same answer".into())
}

fn gate_variable_is_ignored(scene: &Scene) -> Verdict {
    let mut running = serve(scene, "health = { file = \"/etc/passwd\" }", &["idle"])?;
    running.until(MARK)?;
    scene.exec("--env BOOT_CHECK_ONLY=1", &["/init", "--health"])?.ended(0)?;
    Ok("checks health, and starts nothing".into())
}

/// A container whose app keeps running, with its own health check.
fn serve(scene: &Scene, role: &str, way: &[&str]) -> Result<crate::lab::call::Running, String> {
    let role = format!("command = [\"python3\", \"/srv/app.py\"]\n{role}");
    let options = format!("{SMALL} --stop-signal KILL {} {}", scene.configuration(&small(&role, "")), app_file(scene));
    let mut running = scene.start(&options, &app(way))?;
    running.until(MARK)?;
    Ok(running)
}

/// Repeats the check until it is healthy: each one starts a process through the engine, which takes time.
fn healthy(scene: &Scene) -> Result<(), String> {
    let mut last = String::new();
    for _ in 0..60 {
        let outcome = scene.exec("", &["/init", "--health"])?;
        if outcome.code == Some(0) {
            return Ok(());
        }
        last = outcome.shown();
    }
    Err(format!("it never became healthy\n{last}"))
}

fn unhealthy(name: &'static str, health: &'static str, way: &'static [&'static str], line: &'static str) -> Row {
    Row::new(name, PODMAN, move |scene: &Scene| -> Verdict {
        let mut running = serve(scene, &format!("health = {health}"), way)?;
        running.until(MARK)?;
        // Python takes a while to start on a busy machine, and until it listens the answer differs.
        let mut outcome = scene.exec("", &["/init", "--health"])?.ended(1)?;
        for _ in 0..20 {
            if outcome.stdout.starts_with(line) {
                break;
            }
            outcome = scene.exec("", &["/init", "--health"])?.ended(1)?;
        }
        outcome.check(outcome.stdout.starts_with(line), line)?;
        outcome
            .check(outcome.took < Duration::from_secs(4), "an answer within its second, and the engine's own time")?;
        scene.ask("healthcheck run")?.ended(1)?;
        Ok(Told { line: outcome.stdout.trim_end().to_owned(), took: Some(outcome.took) })
    })
}
