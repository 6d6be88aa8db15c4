//! Every role becomes healthy by the engine's own health check.

use crate::columns::HEALTH;
use crate::lab::engine::{ALL, image};
use crate::lab::row::{Row, Verdict};
use crate::lab::scene::Scene;
use crate::stand::{ROLES, broker, flags, until_good};

pub fn rows() -> Vec<Row> {
    ROLES.map(|role| Row::new(format!("{role} gets healthy"), ALL, move |scene| healthy(scene, role)).of(HEALTH)).into()
}

fn healthy(scene: &Scene, role: &str) -> Verdict {
    let mut flags = format!("{} {}", flags(scene, role)?, broker(scene)?);
    if !scene.engine.is_podman() {
        // The same check, repeated as often as it can be answered.
        flags += " --health-interval=1s";
    }
    scene.detach(&flags, &image(), &[])?;
    let outcome = until_good(|| scene.exec("", &["/init", "--health"]))?;
    outcome.check(outcome.stdout == format!("ok    {role}: healthy\n"), "one line")?;
    if scene.engine.is_podman() {
        // There is no service manager whose timer would run the check.
        scene.ask("healthcheck run")?.ended(0)?;
        return Ok("podman healthcheck run: healthy".into());
    }
    until_good(|| {
        let mut found = scene.ask("inspect --format {{.State.Health.Status}}")?;
        found.code = Some(i32::from(found.stdout != "healthy\n"));
        Ok(found)
    })?;
    Ok("its own question: healthy".into())
}
