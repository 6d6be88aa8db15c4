//! Supervision in a real engine: a stop lets a busy worker finish, and ready means healthy.

use std::time::Duration;

use crate::lab::manager::Manager;
use crate::lab::row::Verdict;
use crate::row::{PODMAN, Row, Scene, USUAL};

/// A Celery app whose broker is a directory, so that a worker needs nothing but itself.
const WORK: &str = r#"
import time
from celery import Celery

app = Celery("work", broker="filesystem://")
app.conf.broker_transport_options = {
    "data_folder_in": "/home/app/queue", "data_folder_out": "/home/app/queue", "control_folder": "/home/app/control"}
app.conf.worker_prefetch_multiplier = 1
app.conf.worker_cancel_long_running_tasks_on_connection_loss = True


@app.task
def work():
    print("TASK STARTED", flush=True)
    # Three seconds of work.
    end = time.monotonic() + 3
    while time.monotonic() < end:
        sum(range(10_000))
    print("TASK FINISHED", flush=True)
"#;

const WORKER: &str = r#"
home = "/home/app"
workdir = "/work"
[[tmpfs]]
path = "/home/app"
[[directory]]
path = "/home/app/queue"
[[directory]]
path = "/home/app/control"
[[step]]
name = "one job"
command = ["python3", "-c", "import work; work.work.delay()"]
timeout = "30s"
[role]
default = "worker"
[stop]
grace = "30s"
[supervise]
GROUP
[env]
PYTHONDONTWRITEBYTECODE = "1"
PYTHONUNBUFFERED = "1"
[roles.worker]
command = ["celery", "-A", "work", "worker", "--concurrency", "1",
    "--pool", "prefork", "--without-gossip", "--without-mingle", "--loglevel", "info"]
supervise = true
"#;

/// An app that is up at once and healthy when a file is there.
const LATE: &str = r#"
home = "/home/app"
[[tmpfs]]
path = "/home/app"
[role]
default = "late"
[roles.late]
command = [
    "python3", "-c",
    "import os, signal; print('UP', os.environ.get('NOTIFY_SOCKET'), flush=True); signal.pause()",
]
supervise = true
health = { file = "/home/app/healthy", timeout = "5s" }
"#;

pub fn rows() -> Vec<Row> {
    vec![
        Row::new("podman stop of a busy Celery worker", PODMAN, |scene| {
            let outcome = stopped_while_busy(scene, "")?;
            outcome.check(
                outcome.stdout.contains("TASK FINISHED") || outcome.stderr.contains("TASK FINISHED"),
                "the task finished",
            )?;
            outcome.check(outcome.code == Some(0), "exit code 0")?;
            Ok(format!("the task finished, {} ms after its start", outcome.took.as_millis()).into())
        }),
        Row::new("… with group = true", PODMAN, |scene| {
            // Celery's own children take SIGTERM for themselves: why a stop goes to the main process alone by default.
            let outcome = stopped_while_busy(scene, "group = true")?;
            let finished = outcome.stdout.contains("TASK FINISHED") || outcome.stderr.contains("TASK FINISHED");
            outcome.check(!finished, "the task cut off, as a signal to the whole group does")?;
            Ok("the task was cut off".into())
        }),
        Row::new("--sdnotify=container: ready means healthy", PODMAN, ready_means_healthy),
    ]
}

/// Stops the worker's container once its task has begun.
fn stopped_while_busy(scene: &Scene, group: &str) -> Result<crate::lab::call::Outcome, String> {
    let work = scene.directory("work");
    std::fs::write(format!("{work}/work.py"), WORK).map_err(|error| error.to_string())?;
    let configuration = scene.configuration(&WORKER.replace("GROUP", group));
    let mut running = scene
        .start(&format!("{USUAL} --tmpfs /tmp:rw,size=16m,mode=1777 --volume {work}:/work:ro {configuration}"), &[])?;
    running.until("TASK STARTED")?;
    scene.engine.must(&format!("stop --time 40 {}", scene.container()))?;
    running.finish()
}

fn ready_means_healthy(scene: &Scene) -> Verdict {
    let manager = Manager::listen(scene)?;
    let options = format!("{USUAL} --sdnotify=container {}", scene.configuration(LATE));
    let mut running = scene.start_with(&options, &[("NOTIFY_SOCKET", &manager.path)])?;
    // The app gets a socket of /init's: it could report itself ready before it is.
    running.until("UP @stepdown/")?;
    // Several health check intervals during which it must not report.
    if manager.hears_ready(Duration::from_millis(1500))? {
        return Err(format!("READY=1 before the health check passed\n{}", running.so_far()));
    }
    scene.exec("--user 1001", &["touch", "/home/app/healthy"])?.ended(0)?;
    if !manager.hears_ready(Duration::from_secs(30))? {
        return Err(format!("no READY=1 after the health check passed\n{}", running.so_far()));
    }
    scene.ask("stop --time 20")?.ended(0)?;
    let outcome = running.finish()?;
    outcome.check(outcome.code == Some(143), "the app's end by SIGTERM")?;
    Ok("READY=1 once healthy, and not before".into())
}
