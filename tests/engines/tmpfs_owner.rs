//! The incident that this program was written for: a deployment with `--tmpfs …,uid=1001` for the app's home failed,
//! because the engine does not support `uid=` for a tmpfs.

use std::sync::OnceLock;

use crate::expect::{MARK, refusal, usual};
use crate::lab::engine::{Engine, derived_image, image};
use crate::lab::row::Verdict;
use crate::row::{BOTH, DOCKER, FOUR, PODMAN, PROBE, Row, Scene, USUAL, starts};

/// The image of that incident: a cache in the home, owned by the user; and `/init` installed set-user-ID.
const CONTAINERFILE: &str = "FROM {image}\n\
    COPY --chown=1001:1001 cache /home/app/.cache\n\
    COPY --from={image} --chmod=4755 /init /setuid-init\n\
    COPY --from={image} --chmod=2755 /init /setgid-init\n";

pub fn rows() -> Vec<Row> {
    let home = "stat:/home/app write:/home/app";
    vec![
        Row::new("--tmpfs …:uid=1001, as it was deployed", PODMAN, |scene| {
            rejected(scene, "--tmpfs /home/app:rw,size=16m,uid=1001", "uid=1001")
        }),
        Row::new("--tmpfs …:gid=1001", PODMAN, |scene| {
            rejected(scene, "--tmpfs /home/app:rw,size=16m,gid=1001", "gid=1001")
        }),
        Row::new("--mount type=tmpfs,…,tmpfs-uid=1001", PODMAN, |scene| {
            rejected(scene, "--mount type=tmpfs,destination=/home/app,tmpfs-uid=1001", "tmpfs-uid")
        }),
        // Another engine takes it; then there is nothing to hand over but the group.
        starts(
            "--tmpfs …:uid=1001, where it is taken",
            DOCKER,
            format!("{FOUR} --tmpfs /home/app:rw,uid=1001,mode=0755"),
            home,
            { usual().finds("/home/app", "drwxr-xr-x 1001:1001").finds("write /home/app", "ok") },
        ),
        starts("--tmpfs …:mode=0755 and the hand-over", BOTH, USUAL, home, {
            usual().finds("/home/app", "drwxr-xr-x 1001:1001").finds("write /home/app", "ok")
        }),
        Row::new("… with a cache that the image has there", PODMAN, copied_up),
        Row::new("… and without a tmpfs over it", PODMAN, |scene| {
            refusal(78, &["/home/app is not a tmpfs mount point"]).judge(&run_derived(scene, FOUR)?)
        }),
        Row::new("/init installed set-user-ID", PODMAN, |scene| {
            let outcome = run_derived(scene, &format!("{USUAL} --entrypoint /setuid-init"))?;
            refusal(77, &["refusing to run /init", "set-user-ID", "chmod 0711 /init"]).judge(&outcome)
        }),
        Row::new("/init installed set-group-ID, --user 1001", PODMAN, |scene| {
            let outcome = run_derived(scene, &format!("{USUAL} --user 1001 --entrypoint /setgid-init"))?;
            refusal(77, &["refusing to run /init", "chmod 0711 /init"]).judge(&outcome)
        }),
    ]
}

/// The engine refuses with its own message, and nothing of the image runs.
fn rejected(scene: &Scene, option: &str, word: &str) -> Verdict {
    let outcome = scene.probe(&format!("{FOUR} {option}"), &[])?.ended(125)?;
    outcome.check(!outcome.stdout.contains(MARK), "that nothing runs")?;
    outcome.check(
        outcome.stderr.contains("invalid mount option") && outcome.stderr.contains(word),
        "'invalid mount option'",
    )?;
    if option.starts_with("--tmpfs") {
        // Word for word what the deployment's log says.
        let said = format!("Error: unknown mount option \"{word}\": invalid mount option\n");
        outcome.check(outcome.stderr == said, said.trim_end())?;
    }
    Ok(format!("125: {}", outcome.stderr.trim_end()).into())
}

/// What the image has below the mount point is copied up with its owners; the mount point alone is root's, and only it
/// is handed over.
fn copied_up(scene: &Scene) -> Verdict {
    let outcome = scene.run_image(
        USUAL,
        derived(scene)?,
        &[
            "python3",
            "-c",
            PROBE,
            "stat:/home/app",
            "stat:/home/app/.cache",
            "stat:/home/app/.cache/fonts",
            "write:/home/app",
            "write:/home/app/.cache",
        ],
    )?;
    let app =
        usual().finds("/home/app", "drwxr-xr-x 1001:1001").finds("/home/app/.cache/fonts", "-rw-r--r-- 1001:1001");
    app.finds("write /home/app", "ok").finds("write /home/app/.cache", "ok").judge(&outcome)
}

fn run_derived(scene: &Scene, options: &str) -> Result<crate::lab::call::Outcome, String> {
    scene.run_image(options, derived(scene)?, &["python3", "-c", PROBE])
}

/// The image of the incident, built once, by Podman.
fn derived(scene: &Scene) -> Result<&'static str, String> {
    static BUILT: OnceLock<Result<String, String>> = OnceLock::new();
    let build = || {
        let context = scene.directory("context");
        scene.directory("context/cache");
        scene.file("context/cache/fonts", "baked", 0o644);
        scene.file("context/Containerfile", &CONTAINERFILE.replace("{image}", &image()), 0o644);
        Engine::Podman.must(&format!("build --pull=never --tag {} {context}", derived_image()))?;
        Ok(derived_image())
    };
    BUILT.get_or_init(build).as_deref().map_err(Clone::clone)
}
