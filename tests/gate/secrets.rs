//! Secrets: files that only root may read, and values that only the app gets.

use crate::scene::{BOTH, DROPPED, Engine, FLAGS, PODMAN, Row, Scene, THROW_AWAY, Verdict, expect, replaced};

/// With a trailing newline, as editors write it.
const VALUE: &str = "correct horse battery staple";
const SHA256: &str = "c4bbcb1fbec99d65bf59d85c8cb62ee2db963f0fe106f483d9afa73bd4e39a8a";

pub fn rows() -> Vec<Row> {
    vec![
        Row::new("an engine's secret with mode 0400", PODMAN, |scene| {
            let secret = format!("{}-secret", scene.container());
            scene
                .engine
                .must(&format!("secret create {secret} {}", scene.file("secret", &format!("{VALUE}\n"), 0o644)))?;
            let verdict = arrives(
                scene,
                &format!("--secret {secret},target=django_secret_key,mode=0400"),
                "/run/secrets/django_secret_key",
            );
            scene.engine.must(&format!("secret rm {secret}"))?;
            verdict
        }),
        Row::new("a secret from NAME_FILE", PODMAN, |scene| {
            let secret = format!("{}-secret", scene.container());
            scene
                .engine
                .must(&format!("secret create {secret} {}", scene.file("secret", &format!("{VALUE}\r\n"), 0o644)))?;
            let options = format!(
                "--secret {secret},target=/run/elsewhere,mode=0400 --env DJANGO_SECRET_KEY_FILE=/run/elsewhere"
            );
            let verdict = arrives(scene, &options, "/run/elsewhere");
            scene.engine.must(&format!("secret rm {secret}"))?;
            verdict
        }),
        Row::new("a secret in a file of root", BOTH, |scene| {
            if scene.engine == Engine::Podman {
                // The file's owner is not mapped there, so only its mode can allow reading.
                return readable(scene);
            }
            let file = scene.file("secret", VALUE, 0o400);
            arrives(
                scene,
                &format!("--volume {file}:/run/secrets/django_secret_key:ro"),
                "/run/secrets/django_secret_key",
            )
        }),
    ]
}

fn asked(scene: &Scene, options: &str, path: &str) -> Result<crate::lab::call::Outcome, String> {
    let flags = replaced(FLAGS, "--env DJANGO_SECRET_KEY=set-by-hand", "");
    let options = format!("{flags} {THROW_AWAY} --env INIT_LOG=trace {options}");
    let asked = ["hash:DJANGO_SECRET_KEY", "env:DJANGO_SECRET_KEY_FILE", &format!("read:{path}")];
    let outcome = scene.probe(&options, &asked)?.ended(0)?;
    outcome.check(!outcome.stdout.contains(VALUE) && !outcome.stderr.contains(VALUE), "no secret in the log")?;
    let plan = scene.run(&options, &["--plan", "true"])?.ended(0)?;
    plan.check(!plan.stdout.contains(VALUE) && !plan.stderr.contains(VALUE), "no secret in the plan")?;
    expect(&outcome, DROPPED)?;
    expect(&outcome, &[("DJANGO_SECRET_KEY", SHA256), ("DJANGO_SECRET_KEY_FILE", "None")])?;
    Ok(outcome)
}

fn arrives(scene: &Scene, options: &str, path: &str) -> Verdict {
    let outcome = asked(scene, options, path)?;
    expect(&outcome, &[(&format!("read {path}"), "EACCES")])?;
    Ok("the app has the value, and cannot read the file".into())
}

fn readable(scene: &Scene) -> Verdict {
    let file = scene.file("secret", VALUE, 0o444);
    asked(scene, &format!("--volume {file}:/run/secrets/django_secret_key:ro"), "/run/secrets/django_secret_key")?;
    Ok("the app has the value".into())
}
