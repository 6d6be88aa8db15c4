//! The four roles of the image, started in a container; the processes are read while they run.

use crate::lab::row::Verdict;
use crate::row::{BOTH, Row, Scene, USUAL};

/// A role, the program and the words of its command, and what the app itself says once it is up.
const ROLES: [(&str, &[&str], &str); 4] = [
    ("web", &["/opt/venv/bin/uvicorn", "news.web:app", "--host", "0.0.0.0", "--port", "8000"], "Uvicorn running on"),
    (
        "worker",
        &["/opt/venv/bin/celery", "--app", "news.tasks", "worker", "--concurrency", "1", "--loglevel", "info"],
        "celery@",
    ),
    (
        "beat",
        &[
            "/opt/venv/bin/celery",
            "--app",
            "news.tasks",
            "beat",
            "--schedule",
            "/home/app/schedule",
            "--pidfile=",
            "--loglevel",
            "info",
        ],
        "beat: Starting",
    ),
    (
        "flower",
        &["/opt/venv/bin/celery", "--app", "news.tasks", "flower", "--address=0.0.0.0", "--port=5555"],
        "Visit me at",
    ),
];

pub fn rows() -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for (role, command, ready) in ROLES {
        rows.push(Row::new(format!("--env ROLE={role}"), BOTH, move |scene| runs(scene, role, command, ready)));
    }
    rows.push(Row::new("the four roles in --plan --json", BOTH, |scene| {
        for (role, command, _) in ROLES {
            planned(scene, role, command)?;
        }
        Ok("each its own command".into())
    }));
    rows.push(Row::new("--role worker over ROLE=web", BOTH, |scene| {
        let plan = scene.run(&format!("{USUAL} --env ROLE=web"), &["--role", "worker", "--plan"])?.ended(0)?;
        plan.check(plan.stdout.contains("worker (by --role)"), "the worker, by --role")?;
        Ok("worker (by --role)".into())
    }));
    rows.push(Row::new("a command over the role's", BOTH, |scene| {
        let outcome = scene
            .run(
                &format!("{USUAL} --env ROLE=flower"),
                &["sh", "-c", "echo $FLOWER_UNAUTHENTICATED_API $PYTHONUNBUFFERED"],
            )?
            .ended(0)?;
        outcome.check(outcome.stdout == "true 1\n", "the command, with the role's environment")?;
        Ok("the command, in the role's environment".into())
    }));
    rows.push(Row::new("--env PORT=9000 in the role's command", BOTH, |scene| {
        let plan = scene.run(&format!("{USUAL} --env ROLE=web --env PORT=9000"), &["--plan", "--json"])?.ended(0)?;
        plan.check(plan.stdout.contains(r#""--port","9000"]"#), "the operator's port")?;
        Ok("the operator's port".into())
    }));
    rows
}

fn planned(scene: &Scene, role: &str, command: &[&str]) -> Result<(), String> {
    let plan = scene.run(&format!("{USUAL} --env ROLE={role}"), &["--plan", "--json"])?.ended(0)?;
    let json: serde_json::Value =
        serde_json::from_str(&plan.stdout).map_err(|error| format!("{error}\n{}", plan.shown()))?;
    let words: Vec<&str> = json["command"].as_array().unwrap().iter().filter_map(|word| word.as_str()).collect();
    plan.check(json["program"] == command[0] && words[1..] == command[1..], format!("the command {command:?}"))?;
    plan.check(json["role"] == role && json["role_from"] == "ROLE" && json["uid"] == 1001, format!("the role {role}"))
}

fn runs(scene: &Scene, role: &str, command: &[&str], ready: &str) -> Verdict {
    let mut running = scene.start(&format!("{USUAL} --env ROLE={role}"), &[])?;
    running.until(&format!("init: info: {role}: {} as 1001:1001, capabilities none", command[0]))?;
    running.until(ready)?;
    let container = scene.container();
    let seen = scene.engine.must(&format!("exec {container} cat /proc/1/cmdline /proc/1/status"))?;
    // A script's command line begins with its interpreter and itself.
    let words: Vec<&str> = seen.stdout.split('\0').collect();
    seen.check(words[1] == command[0] && words[2..].starts_with(&command[1..]), format!("the command {command:?}"))?;
    for line in
        ["Uid:\t1001\t1001\t1001\t1001", "CapPrm:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1"]
    {
        seen.check(seen.stdout.contains(line), format!("'{line}' in the status of the app"))?;
    }
    Ok(format!("{}, as 1001:1001", command[0]).into())
}
