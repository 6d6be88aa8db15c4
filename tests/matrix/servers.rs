//! Debian's nginx and PostgreSQL with the examples' configurations, sealed: `initdb` and the server write to many
//! places.

use crate::columns::SEAL;
use crate::lab::engine::{PODMAN, image};
use crate::lab::row::{Row, Verdict};
use crate::lab::scene::{Scene, replaced};
use crate::stand::arguments;

const BOTH: &str = "\n[seal]\nwrites = true\nnamespaces = false\n";
const NGINX: &str = include_str!("../../examples/nginx/init.toml");
const POSTGRES: &str = include_str!("../../examples/postgres/init.toml");

const SECRET: &str = "postgres_password";
const VOLUME: &str = "var-lib-postgresql-data";

/// The name of the image with both.
pub fn servers_image() -> String {
    format!("{}-servers", image())
}

pub fn rows() -> Vec<Row> {
    [
        Row::new("nginx of Debian sealed, the whole check", PODMAN, nginx),
        Row::new("initdb and PostgreSQL of Debian sealed, the whole check, twice", PODMAN, postgres),
    ]
    .map(|row| row.of(SEAL))
    .into()
}

/// The boot check by the flags that the configuration renders; nothing in it is but ok.
fn checked(scene: &Scene, configuration: &str) -> Result<crate::lab::call::Outcome, String> {
    let mount = scene.configuration(configuration);
    let flags = scene.run_image(&mount, &servers_image(), &["--render", "podman"])?.ended(0)?.stdout;
    let options = format!("{} {mount} --env=BOOT_CHECK_ONLY=1", arguments(&flags)?);
    let outcome = scene.run_image(&options, &servers_image(), &[])?.ended(0)?;
    for line in ["ok    seal: writes only below ", "ok    seal: no new namespace", "ok    health: ", "ok    stop: "] {
        outcome.check(outcome.stdout.contains(line), line)?;
    }
    outcome.check(!outcome.stdout.contains("FAIL") && !outcome.stdout.contains("warn"), "nothing but ok")?;
    Ok(outcome)
}

/// Debian has nginx's temporary files elsewhere.
fn nginx(scene: &Scene) -> Verdict {
    let configuration = replaced(NGINX, "/var/cache/nginx", "/var/lib/nginx");
    checked(scene, &format!("{configuration}{BOTH}"))?;
    Ok("its own test, health and a stop by QUIT".into())
}

/// The second check finds the database of the first one.
fn postgres(scene: &Scene) -> Verdict {
    // Debian's account has another number.
    let configuration = replaced(POSTGRES, "999:999", "postgres");
    let secret = scene.file(SECRET, "correct horse battery staple\n", 0o444);
    scene.engine.must(&format!("secret create {SECRET} {secret}"))?;
    let configuration = format!("{configuration}{BOTH}");
    let verdict = checked(scene, &configuration).and_then(|first| {
        first.check(first.stderr.contains("Success. You can now start the database server"), "initdb")?;
        let second = checked(scene, &configuration)?;
        second.check(!second.stderr.contains("initdb"), "no second initdb")?;
        Ok("initdb, health and a stop by INT; then without initdb".into())
    });
    scene.engine.must(&format!("secret rm {SECRET}"))?;
    let _ = scene.engine.must(&format!("volume rm {VOLUME}"));
    verdict
}
