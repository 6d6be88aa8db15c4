//! The rendered objects are valid by the schemas of the Kubernetes API, and Podman runs the Deployments.

use std::collections::BTreeSet;
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

/// The last three of the API.
pub const VERSIONS: [&str; 3] = ["1.35", "1.36", "1.37"];

pub fn rows() -> Vec<Row> {
    let mut rows = vec![
        Row::new("kubernetes: by the schemas of the API", PODMAN, by_the_schemas),
        Row::new("kubernetes: a key that the schemas do not know", PODMAN, |scene| {
            let objects =
                replaced(&rendered(scene, "--env=ROLE=web", "kubernetes")?, "readOnlyRootFilesystem", "readOnlyRoot");
            let outcome = judged(scene, &objects, VERSIONS[0])?.ended(1)?;
            outcome
                .check(outcome.stdout.contains("readOnlyRoot") || outcome.stderr.contains("readOnlyRoot"), "the key")?;
            Ok("refused by the schemas".into())
        }),
    ];
    rows.push(Row::new("kubernetes: an overlay over a rendered base", PODMAN, overlay));
    rows.push(Row::new("kubernetes: the findings of Checkov are documented", PODMAN, linted));
    rows.extend(ROLES.map(|role| {
        Row::new(format!("kubernetes: {role}, by podman kube play"), PLAY, move |scene| plays(scene, role))
    }));
    rows.into_iter().map(|row| row.of(RENDER)).collect()
}

/// Validates manifests against the schemas of one version.
pub fn judged(scene: &Scene, pods: &str, version: &str) -> Result<Outcome, String> {
    let file = scene.file("pods.yaml", pods, 0o644);
    call::run(
        Command::new(lab("kubernetes-validate")).args(["--kubernetes-version", version, &file]),
        Duration::from_secs(120),
    )
}

fn by_the_schemas(scene: &Scene) -> Verdict {
    let objects = rendered(scene, "", "kubernetes")?;
    let count = objects.matches("\nkind: ").count();
    for version in VERSIONS {
        let outcome = judged(scene, &objects, version)?.ended(0)?;
        let said = format!("{}{}", outcome.stdout, outcome.stderr);
        let passed = said.matches(&format!("against version {version}")).count();
        outcome.check(passed == count, format!("a verdict for each of {count} objects"))?;
        for kind in ["deployment/ROLE", "poddisruptionbudget/ROLE", "job/ROLE-check"] {
            let objects = ROLES.map(|role| format!("passed for resource {} ", kind.replace("ROLE", role)));
            outcome.check(objects.iter().all(|object| said.contains(object)), kind)?;
        }
    }
    Ok(format!("{count} objects, strictly by {}", VERSIONS.join(", ")).into())
}

/// The checks that fail on a rendered page are those that the documentation answers, and no others.
fn linted(scene: &Scene) -> Verdict {
    let page = scene.file("base.yaml", include_str!("../cli/golden/all.kubernetes"), 0o644);
    // The first call may have to download it.
    let outcome = call::run(Command::new(lab("checkov")).arg(&page), Duration::from_secs(900))?.ended(0)?;
    let report: serde_json::Value =
        serde_json::from_str(&outcome.stdout).map_err(|error| format!("{error}\n{}", outcome.shown()))?;
    let failed = report["results"]["failed_checks"].as_array().ok_or("no list of failed checks")?;
    let found: BTreeSet<&str> = failed.iter().filter_map(|check| check["check_id"].as_str()).collect();
    let documentation = include_str!("../../docs/kubernetes.md");
    let words = documentation.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    let answered: BTreeSet<&str> = words.filter(|word| word.starts_with("CKV")).collect();
    outcome.check(found == answered, format!("found {found:?}, and docs/kubernetes.md answers {answered:?}"))?;
    Ok(format!("{} passed; {} kinds of finding are answered", report["summary"]["passed"], found.len()).into())
}

/// The example's overlay: `kubectl kustomize` uses the rendered page unchanged as its base.
fn overlay(scene: &Scene) -> Verdict {
    let example = format!("{}/examples/kubernetes/overlay", env!("CARGO_MANIFEST_DIR"));
    let built =
        call::run(Command::new(lab("kubectl")).args(["kustomize", &example]), Duration::from_secs(300))?.ended(0)?;
    let page = &built.stdout;
    let images: Vec<&str> = page.lines().filter(|line| line.trim_start().starts_with("image: ")).collect();
    built.check(images.len() == 6, "an image for three Deployments and three boot checks")?;
    built.check(images.iter().all(|image| image.contains("@sha256:")), "every image by its digest")?;
    for (what, count) in [("replicas: 3\n", 1), ("replicas: 1\n", 1), ("kind: NetworkPolicy\n", 2)] {
        built.check(page.matches(what).count() == count, what)?;
    }
    for version in VERSIONS {
        judged(scene, page, version)?.ended(0)?;
    }
    Ok(format!("{} objects, strictly by {}", page.matches("\nkind: ").count(), VERSIONS.join(", ")).into())
}

/// The rendered Deployment, under a name of the row, with the lab's image and a broker beside the app. Podman skips
/// the kinds that it does not support.
fn plays(scene: &Scene, role: &str) -> Verdict {
    let name = &scene.name;
    let printed = rendered(scene, &format!("--env=ROLE={role}"), "kubernetes")?;
    let objects: Vec<&str> = printed.split("---\n").filter(|object| !object.contains("kind: Job\n")).collect();
    let named = replaced(&objects.join("---\n"), &format!("name: {role}\n"), &format!("name: {name}\n"));
    let with_image = replaced(&named, "image: IMAGE\n", &format!("image: {}\n", image()));
    let broker = format!(
        "containers:\n        - name: broker\n          image: {BROKER}\n          \
         command: [/usr/bin/redis-server, --bind, 127.0.0.1, --save, \"\"]\n"
    );
    let file = scene.file("deployment.yaml", &replaced(&with_image, "containers:\n", &broker), 0o644);
    let verdict = (|| {
        scene.engine.must(&format!("kube play --network=none {file}"))?;
        let pod = pod_of(scene, name)?;
        let container = format!("{pod}-{name}");
        until_good(|| scene.engine.call(&["exec", &container, "/init", "--health"].map(str::to_owned)))?;
        // Podman 4 only reads a health check from a liveness probe.
        if scene.engine == Engine::Podman5 {
            scene.engine.must(&format!("healthcheck run {container}"))?;
        }
        let status = scene.engine.must(&format!("exec {container} cat /proc/1/status"))?;
        expect(&status, DROPPED)?;
        Ok("dropped and healthy".into())
    })();
    let _ = scene.engine.must(&format!("pod rm --force --time 0 {}", pod_of(scene, name)?));
    verdict
}

/// Podman 4 calls the Pod of a Deployment NAME-pod-0, Podman 5 NAME-pod.
fn pod_of(scene: &Scene, name: &str) -> Result<String, String> {
    let pods = scene.engine.must(&format!("pod ps --format={{{{.Name}}}} --filter=name=^{name}-pod"))?;
    pods.stdout.lines().next().map(|pod| pod.trim().to_owned()).ok_or_else(|| format!("no Pod of {name}"))
}
