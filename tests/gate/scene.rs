//! Shared by the rows of the gate: the flags of the deployment and its app.

pub use crate::lab::engine::{BOTH, Engine, PODMAN, image};
pub use crate::lab::facts::{DROPPED, MARK, expect, facts};
pub use crate::lab::row::{Row, Told, Verdict};
pub use crate::lab::scene::{Scene, Stage, replaced};

/// The groups of rows of the table.
pub const BROKEN: &str = "broken deployment";
pub const HOLDS: &str = "what holds";

/// Docker mounts no tmpfs at /run, which Podman's `--read-only` does.
pub const STAGE: Stage = Stage { probe: PROBE, docker: "--tmpfs /run:rw,size=1m,mode=0755" };

/// The configuration of the image.
pub const CONFIGURATION: &str = include_str!("../django/init.toml");

pub const PROBE: &str = include_str!("probe.py");
pub const APP: &str = include_str!("app.py");

/// The flags of the service's deployment: the gate and the serving container use the same ones.
pub const FLAGS: &str = "--read-only --security-opt=no-new-privileges --cap-drop=ALL \
    --cap-add=NET_ADMIN,CHOWN,SETUID,SETGID,SETPCAP --pids-limit=1024 \
    --tmpfs /tmp:rw,size=64m,mode=1777 --tmpfs /app/staticfiles:rw,size=32m,mode=0755 \
    --tmpfs /home/app:rw,size=16m,mode=0755 \
    --env OPENAI_API_KEY=key-of-a-test --env DJANGO_SECRET_KEY=set-by-hand";

/// The gate's tmpfs in place of the persistent volume, and the variable that makes it a gate.
pub const THROW_AWAY: &str = "--tmpfs /app/runtime:rw,size=16m,mode=0755";
pub const GATE: &str = "--env BOOT_CHECK_ONLY=1";

/// The option that puts the app of `app.py` at `/srv/app.py`.
pub fn app_file(scene: &Scene) -> String {
    format!("--volume {}:/srv/app.py:ro", scene.file("app.py", APP, 0o644))
}

/// The configuration without the entry that contains this text.
pub fn without(configuration: &str, text: &str) -> String {
    let kept = configuration.split("\n\n").filter(|entry| !entry.contains(text));
    let kept = kept.collect::<Vec<_>>().join("\n\n");
    assert!(kept.len() < configuration.len(), "the configuration has no entry with '{text}'");
    kept
}
