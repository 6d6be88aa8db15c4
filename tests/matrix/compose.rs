//! The rendered compose file: Docker's compose accepts it, and its engine runs the services.

use std::process::Command;
use std::time::Duration;

use crate::columns::RENDER;
use crate::lab::call::{self, Outcome};
use crate::lab::engine::{DOCKER, image, lab};
use crate::lab::facts::{DROPPED, expect};
use crate::lab::row::{Row, Verdict};
use crate::lab::scene::{Scene, replaced};
use crate::stand::{ROLES, broker, rendered, until_good};

pub fn rows() -> Vec<Row> {
    let rows = [
        Row::new("compose: four services, up and healthy", DOCKER, up),
        Row::new("compose: a key that it does not know", DOCKER, |scene| {
            let file = scene.file(
                "compose.yaml",
                &replaced(&rendered(scene, "--env=ROLE=web", "compose")?, "read_only:", "read_only_root:"),
                0o644,
            );
            let outcome = run(scene, &[&file], "config --quiet")?;
            outcome.check(
                outcome.code != Some(0) && outcome.stderr.contains("read_only_root"),
                "a refusal that names the key",
            )?;
            Ok("refused by compose".into())
        }),
    ];
    rows.map(|row| row.of(RENDER)).into()
}

/// Calls it with these files, for a project of the row's own.
pub fn run(scene: &Scene, files: &[&str], words: &str) -> Result<Outcome, String> {
    let mut command = Command::new(lab("compose"));
    command
        .args(["--project-name", &scene.name])
        .args(files.iter().flat_map(|file| ["--file", file]))
        .args(words.split_whitespace());
    call::run(&mut command, Duration::from_secs(120))
}

/// The rendered file unchanged; the lab's additions are in a separate file.
fn up(scene: &Scene) -> Verdict {
    let services = scene.file("compose.yaml", &rendered(scene, "", "compose")?, 0o644);
    let network = replaced(&broker(scene)?, "--network=", "");
    let added = ROLES.map(|role| format!("  {role}:\n    image: {}\n    network_mode: {network}\n", image()));
    let added = scene.file("lab.yaml", &format!("services:\n{}", added.concat()), 0o644);
    let files = [services.as_str(), added.as_str()];
    let verdict = (|| {
        run(scene, &files, "config --quiet")?.ended(0)?;
        run(scene, &files, "up --detach --pull never --no-build")?.ended(0)?;
        for role in ROLES {
            let exec = |words: &str| run(scene, &files, &format!("exec -T {role} {words}"));
            until_good(|| exec("/init --health"))?;
            expect(&exec("cat /proc/1/status")?.ended(0)?, DROPPED)?;
        }
        Ok("dropped and healthy".into())
    })();
    run(scene, &files, "down --timeout 1")?.ended(0)?;
    verdict
}
