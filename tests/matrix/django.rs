//! A larger configuration: a root step's capability, a volume, a secret, a required variable, a limit.

use crate::columns::{CHECK, RENDER};
use crate::kubernetes::judged;
use crate::lab::call::Outcome;
use crate::lab::engine::{DOCKER, Engine, PODMAN, django_image};
use crate::lab::facts::{DROPPED, expect};
use crate::lab::row::{Row, Verdict};
use crate::lab::scene::{Scene, replaced};
use crate::stand::{arguments, own_format, until_good};
use crate::{compose, quadlet, seal};

/// An engine of each storage.
const ENGINES: &[Engine] = &[Engine::Podman, Engine::PodmanRoot, Engine::Podman5, Engine::Docker];

/// The names that the rendered flags derive from.
const VOLUME: &str = "app-runtime";
const SECRET: &str = "django_secret_key";

const KEY: &str = "OPENAI_API_KEY=key-of-a-test";

const CONFIGURATION: &str = include_str!("../django/init.toml");

pub fn rows() -> Vec<Row> {
    vec![
        Row::new("django, the whole check, and again sealed", ENGINES, passes).of(CHECK),
        Row::new("quadlet: django, generated, run, healthy", quadlet::PODMAN5, as_a_unit).of(RENDER),
        Row::new("compose: django, up and healthy", DOCKER, as_a_service).of(RENDER),
        Row::new("kubernetes: django, by the schemas of the API", PODMAN, as_a_pod).of(RENDER),
    ]
}

fn rendered(scene: &Scene, options: &str, format: &str) -> Result<Outcome, String> {
    scene.run_image(options, &django_image(), &["--render", format])
}

/// The secret's file.
fn secret(scene: &Scene, name: &str) -> String {
    scene.file(name, "correct horse battery staple\n", 0o444)
}

fn passes(scene: &Scene) -> Verdict {
    let flags = arguments(&rendered(scene, "", own_format(scene.engine))?.ended(0)?.stdout)?;
    let file = secret(scene, SECRET);
    let flags = if scene.engine.is_podman() {
        scene.engine.must(&format!("secret create {SECRET} {file}"))?;
        flags
    } else {
        // The file has another path here; and only Podman has /tmp and /run beside a read-only root.
        replaced(&flags, &format!("source=/run/secrets/{SECRET},"), &format!("source={file},"))
            + " --tmpfs=/tmp:rw,size=64m,mode=1777 --tmpfs=/run:rw,size=1m,mode=0755"
    };
    let sealed = scene.configuration(&format!("{CONFIGURATION}{}", seal::BOTH));
    let verdict = checked(scene, &flags).and_then(|_| checked(scene, &format!("{flags} {sealed}")));
    let _ = scene.engine.must(&format!("volume rm {VOLUME}"));
    if scene.engine.is_podman() {
        scene.engine.must(&format!("secret rm {SECRET}"))?;
    }
    verdict
}

/// Nothing but ok; without control groups the limit cannot be read.
fn checked(scene: &Scene, flags: &str) -> Verdict {
    let options = format!("{flags} --env={KEY} --env=BOOT_CHECK_ONLY=1");
    let outcome = scene.run_image(&options, &django_image(), &[])?.ended(0)?;
    let limit = if scene.engine.has_limits() {
        "ok    limit of processes: 1024"
    } else {
        "warn  limit of processes: cannot be read"
    };
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    outcome.check(lines.iter().any(|line| line.starts_with(limit)), limit)?;
    outcome.check(lines.iter().all(|line| line.starts_with("ok    ") || line.starts_with(limit)), "only ok lines")?;
    outcome.check(lines.iter().any(|line| line.starts_with("ok    health: passed after ")), "the health")?;
    Ok(format!("{} checks", lines.len()).into())
}

fn as_a_unit(scene: &Scene) -> Verdict {
    // Another name than the one that the check of this engine may use at the same time.
    let name = |text: &str| replaced(&replaced(text, SECRET, &scene.name), VOLUME, &scene.name);
    let unit = rendered(scene, "", "quadlet")?.ended(0)?.stdout;
    let unit =
        replaced(&name(&unit), &format!("Secret={},", scene.name), &format!("Secret={},target={SECRET},", scene.name));
    scene.engine.must(&format!("secret create {} {}", scene.name, secret(scene, SECRET)))?;
    let environment = scene.file("web.env", &format!("{KEY}\n"), 0o644);
    let unit = replaced(&unit, "EnvironmentFile=web.env", &format!("EnvironmentFile={environment}"));
    let verdict = quadlet::run_to_health(scene, "django", &unit, &django_image(), "Network=none");
    let _ = scene.engine.must(&format!("volume rm {}", scene.name));
    scene.engine.must(&format!("secret rm {}", scene.name))?;
    verdict
}

fn as_a_service(scene: &Scene) -> Verdict {
    let services = scene.file("compose.yaml", &rendered(scene, "", "compose")?.ended(0)?.stdout, 0o644);
    scene.directory("secrets");
    secret(scene, &format!("secrets/{SECRET}"));
    let added =
        format!("services:\n  web:\n    image: {}\n    network_mode: none\n    tmpfs: [/tmp, /run]\n", django_image());
    let files = [services, scene.file("lab.yaml", &added, 0o644), scene.file(".env", &format!("{KEY}\n"), 0o644)];
    let compose =
        |words: &str| compose::run(scene, &[&files[0], &files[1]], &format!("--env-file {} {words}", files[2]));
    let verdict = (|| {
        compose("up --detach --pull never --no-build")?.ended(0)?;
        until_good(|| compose("exec -T web /init --health"))?;
        expect(&compose("exec -T web cat /proc/1/status")?.ended(0)?, DROPPED)?;
        Ok("dropped and healthy".into())
    })();
    compose("down --timeout 1 --volumes")?.ended(0)?;
    verdict
}

/// A setting that a Pod cannot express is refused, never left out.
fn as_a_pod(scene: &Scene) -> Verdict {
    let refused = rendered(scene, "", "kubernetes")?.ended(78)?;
    refused.check(refused.stderr.contains("a Pod has no limit of processes"), "the reason")?;
    let configuration = scene.configuration(&replaced(CONFIGURATION, "[limits]\npids = 1024\n", ""));
    let pod = rendered(scene, &configuration, "kubernetes")?.ended(0)?.stdout;
    let judged = judged(scene, &pod, "1.37")?.ended(0)?;
    Ok(format!(
        "refused with limits.pids; without: {}",
        judged.stdout.lines().chain(judged.stderr.lines()).next().unwrap_or_default()
    )
    .into())
}
