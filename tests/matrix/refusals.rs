//! With one of the printed flags changed, nothing starts.

use crate::columns::REFUSALS;
use crate::lab::engine::{ALL, Engine};
use crate::lab::facts::MARK;
use crate::lab::refusal::{Refusal, refusal};
use crate::lab::row::{Row, Verdict};
use crate::lab::scene::{Scene, replaced};
use crate::stand::flags;

const TMPFS: &str = "--tmpfs=/home/app:rw,size=16m,mode=0755";

pub fn rows() -> Vec<Row> {
    let capability = |name: &'static str| {
        let words = [format!("missing capability {name} ("), format!("add --cap-add={name}")];
        changed(
            &format!("without {name}"),
            format!(" --cap-add={name}"),
            "",
            refusal(77, &words.each_ref().map(String::as_str)),
        )
    };
    vec![
        capability("CHOWN"),
        capability("SETUID"),
        capability("SETPCAP"),
        changed(
            "without the tmpfs",
            format!(" {TMPFS}"),
            "",
            refusal(78, &["/home/app does not exist", "add --tmpfs"]),
        ),
        changed("an unknown role", "ROLE=web".into(), "ROLE=wbe", {
            refusal(78, &["unknown role 'wbe' from ROLE", "set ROLE to one of: beat, flower, web, worker"])
        }),
        changed(
            "a mistyped gate",
            "ROLE=web".into(),
            "ROLE=web --env=BOOT_CHECK_ONLY=true",
            refusal(64, &["BOOT_CHECK_ONLY is 'true'"]),
        ),
        Row::new("uid= for the tmpfs", ALL, uid_of_the_tmpfs).of(REFUSALS),
    ]
}

fn changed(name: &str, part: String, by: &'static str, expected: Refusal) -> Row {
    Row::new(name, ALL, move |scene| expected.judge(&scene.run(&replaced(&flags(scene, "web")?, &part, by), &[])?))
        .of(REFUSALS)
}

/// Podman refuses it; Docker accepts it, and only the group remains to be handed over.
fn uid_of_the_tmpfs(scene: &Scene) -> Verdict {
    let options = replaced(&flags(scene, "web")?, TMPFS, "--tmpfs=/home/app:rw,uid=1001");
    let outcome = scene.run(&options, &["sh", "-c", "echo app: started; stat --format %u:%g /home/app"])?;
    if scene.engine == Engine::Docker {
        let outcome = outcome.ended(0)?;
        outcome.check(outcome.stdout.ends_with("1001:1001\n"), "a tmpfs of the app")?;
        return Ok("accepted, and handed over".into());
    }
    let outcome = outcome.ended(125)?;
    outcome.check(!outcome.stdout.contains(MARK), "that nothing runs")?;
    outcome.check(
        outcome.stderr.contains("unknown mount option \"uid=1001\": invalid mount option"),
        "the engine's message",
    )?;
    Ok(format!("125: {}", outcome.stderr.trim_end()).into())
}
