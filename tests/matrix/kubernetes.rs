//! The Pods: valid by the API's own schemas, and really run by the engines that can.

use std::process::Command;
use std::time::Duration;

use crate::columns::RENDER;
use crate::lab::call::{self, Outcome};
use crate::lab::engine::{BROKER, Engine, PODMAN, image, lab};
use crate::lab::facts::{DROPPED, expect};
use crate::lab::row::{Row, Verdict};
use crate::lab::scene::{Scene, replaced};
use crate::stand::{ROLES, rendered, until_good};

const PLAY: &[Engine] =
    &[Engine::Podman, Engine::PodmanRunc, Engine::PodmanRoot, Engine::PodmanRootRunc, Engine::Podman5];

/// The oldest and the newest that the judge knows.
const VERSIONS: [&str; 2] = ["1.25", "1.37"];

pub fn rows() -> Vec<Row> {
    let mut rows = vec![
        Row::new("kubernetes: by the schemas of the API", PODMAN, by_the_schemas),
        Row::new("kubernetes: a key that the schemas do not know", PODMAN, |scene| {
            let pods =
                replaced(&rendered(scene, "--env=ROLE=web", "kubernetes")?, "readOnlyRootFilesystem", "readOnlyRoot");
            let outcome = judged(scene, &pods, VERSIONS[0])?.ended(1)?;
            outcome
                .check(outcome.stdout.contains("readOnlyRoot") || outcome.stderr.contains("readOnlyRoot"), "the key")?;
            Ok("told by the judge".into())
        }),
    ];
    rows.extend(ROLES.map(|role| {
        Row::new(format!("kubernetes: {role}, by podman kube play"), PLAY, move |scene| plays(scene, role))
    }));
    rows.into_iter().map(|row| row.of(RENDER)).collect()
}

/// Judges manifests by the schemas of one version.
pub fn judged(scene: &Scene, pods: &str, version: &str) -> Result<Outcome, String> {
    let file = scene.file("pods.yaml", pods, 0o644);
    call::run(
        Command::new(lab("kubernetes-validate")).args(["--kubernetes-version", version, &file]),
        Duration::from_secs(120),
    )
}

fn by_the_schemas(scene: &Scene) -> Verdict {
    let pods = rendered(scene, "", "kubernetes")?;
    for version in VERSIONS {
        let outcome = judged(scene, &pods, version)?.ended(0)?;
        let said = format!("{}{}", outcome.stdout, outcome.stderr);
        let passed = ROLES
            .iter()
            .all(|role| said.contains(&format!("passed for resource pod/{role} against version {version}")));
        outcome.check(passed, "a word for each Pod")?;
    }
    Ok(format!("four Pods, strictly by {}", VERSIONS.join(" and ")).into())
}

/// The Pod as it is printed, with a name of the row's, the image's, and a broker beside the app.
fn plays(scene: &Scene, role: &str) -> Verdict {
    let pod = &scene.name;
    let named = replaced(
        &rendered(scene, &format!("--env=ROLE={role}"), "kubernetes")?,
        &format!("name: \"{role}\""),
        &format!("name: \"{pod}\""),
    );
    let with_image = replaced(&named, "image: \"IMAGE\"", &format!("image: \"{}\"", image()));
    let broker = format!(
        "containers:\n    - name: broker\n      image: \"{BROKER}\"\n      command: [/usr/bin/redis-server, --bind, 127.0.0.1, --save, \"\"]\n"
    );
    let file = scene.file("pod.yaml", &replaced(&with_image, "containers:\n", &broker), 0o644);
    let verdict = (|| {
        scene.engine.must(&format!("kube play --network=none {file}"))?;
        let container = format!("{pod}-{pod}");
        until_good(|| scene.engine.call(&["exec", &container, "/init", "--health"].map(str::to_owned)))?;
        scene.engine.must(&format!("healthcheck run {container}"))?;
        let status = scene.engine.must(&format!("exec {container} cat /proc/1/status"))?;
        expect(&status, DROPPED)?;
        Ok("dropped and healthy".into())
    })();
    let _ = scene.engine.must(&format!("pod rm --force --time 0 {pod}"));
    verdict
}
