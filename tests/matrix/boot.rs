//! The image boots with the flags that it prints, and prints the same flags however it is called.

use crate::columns::{BOOT, RENDER};
use crate::lab::engine::ALL;
use crate::lab::facts::{DROPPED, expect};
use crate::lab::row::{Row, Verdict};
use crate::lab::scene::Scene;
use crate::stand::{ROLES, flags, own_format, rendered, until_good};

pub fn rows() -> Vec<Row> {
    let mut rows: Vec<Row> = ROLES
        .map(|role| {
            Row::new(format!("{role} by the flags that it prints"), ALL, move |scene| boots(scene, role)).of(BOOT)
        })
        .into();
    rows.push(Row::new("the same flags for every caller", ALL, the_same).of(RENDER));
    rows
}

/// The app is PID 1 and has the expected state.
fn boots(scene: &Scene, role: &str) -> Verdict {
    let mut running = scene.start(&flags(scene, role)?, &[])?;
    running.until(&format!("init: info: {role}: "))?;
    let program = if role == "web" { "uvicorn" } else { "celery" };
    // The line is logged before the exec.
    until_good(|| scene.exec("", &["grep", "--quiet", program, "/proc/1/cmdline"]))?;
    let status = scene.exec("", &["cat", "/proc/1/status"])?.ended(0)?;
    expect(&status, DROPPED)?;
    Ok("uid 1001, all five capability sets empty, no_new_privs".into())
}

/// Without a flag, without root, and by its own flags.
fn the_same(scene: &Scene) -> Verdict {
    let own = flags(scene, "web")?;
    for format in [own_format(scene.engine), "quadlet"] {
        let plain = rendered(scene, "--env=ROLE=web", format)?;
        for options in [own.as_str(), "--user=1001:1001 --cap-drop=ALL --env=ROLE=web"] {
            let other = rendered(scene, options, format)?;
            if other != plain {
                return Err(format!("{format}, asked with {options}:\n{other}\nand without:\n{plain}"));
            }
        }
    }
    Ok("the same bytes without a flag, without root, and by its own flags".into())
}
