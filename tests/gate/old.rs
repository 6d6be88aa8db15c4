//! The shell entrypoint that `init.toml` replaces: it passes the same gate, and accepts the defects listed here.

use crate::scene::{FLAGS, GATE, MARK, PODMAN, Row, Scene, THROW_AWAY, app_file, replaced};

const OLD: &str = include_str!("../django/entrypoint.sh.old");

pub fn rows() -> Vec<Row> {
    vec![
        Row::new("entrypoint.sh.old passes the same gate", PODMAN, |scene| {
            let command =
                ["gunicorn", "--bind", "0.0.0.0:8000", "--workers", "2", "--worker-tmp-dir", "/tmp", "answers.wsgi"];
            let outcome = scene.run(&old(scene, &format!("{FLAGS} {THROW_AWAY} {GATE}")), &command)?.ended(0)?;
            outcome.check(outcome.stderr.ends_with("entrypoint: BOOT_CHECK: OK\n"), "its last line")?;
            Ok("0".into())
        }),
        passes("… and with --read-only forgotten", |flags| replaced(flags, "--read-only ", ""), "serve"),
        passes("… and with a full /app/staticfiles", |flags| replaced(flags, "size=32m", "size=4k"), "serve"),
        passes("… and an app that ignores SIGTERM", str::to_owned, "deaf"),
        Row::new("… and BOOT_CHECK_ONLY=true starts the app", PODMAN, |scene| {
            let options = old(scene, &format!("{FLAGS} {THROW_AWAY} --env BOOT_CHECK_ONLY=true"));
            let outcome = scene.run(&options, &["python3", "/srv/app.py", "exit", "0"])?.ended(0)?;
            outcome.check(outcome.stdout.contains(MARK), "the app")?;
            Ok("0, the app itself".into())
        }),
    ]
}

fn old(scene: &Scene, flags: &str) -> String {
    format!(
        "{flags} --volume {}:/entrypoint.sh:ro {} --entrypoint /entrypoint.sh",
        scene.file("entrypoint.sh", OLD, 0o755),
        app_file(scene)
    )
}

/// A deployment that `/init` refuses and the script accepts.
fn passes(name: &str, change: impl Fn(&str) -> String + Send + Sync + 'static, way: &'static str) -> Row {
    Row::new(name, PODMAN, move |scene| {
        let options = old(scene, &change(&format!("{FLAGS} {THROW_AWAY} {GATE}")));
        let outcome = scene.run(&options, &["python3", "/srv/app.py", way])?.ended(0)?;
        outcome.check(outcome.stderr.contains("entrypoint: BOOT_CHECK: OK"), "that it passes")?;
        Ok("0: it passes".into())
    })
}
