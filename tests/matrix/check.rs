//! The boot check has no finding for exactly the printed flags, and names each flag that differs.

use crate::columns::CHECK;
use crate::lab::engine::{ALL, Engine};
use crate::lab::row::{Row, Verdict};
use crate::lab::scene::{Scene, replaced};
use crate::stand::{ROLES, arguments, broker, flags, own_format, rendered};

/// Engines whose containers have control groups.
const LIMITED: &[Engine] = &[Engine::PodmanRoot, Engine::PodmanRootRunc, Engine::Docker];

/// The image's own configuration, with limits.
const LIMITS: &str = concat!(include_str!("../app/init.toml"), "\n[limits]\npids = 300\nmemory = \"300m\"\n");

pub fn rows() -> Vec<Row> {
    let mut rows: Vec<Row> =
        ROLES.map(|role| Row::new(format!("{role}, the whole check"), ALL, move |scene| passes(scene, role))).into();
    rows.push(Row::new("with limits", LIMITED, limits));
    rows.extend([
        differs("a capability more", "--cap-drop=ALL", "--cap-drop=ALL --cap-add=NET_RAW", "warn  ", "NET_RAW"),
        differs(
            "no no-new-privileges",
            " --security-opt=no-new-privileges",
            "",
            "warn  ",
            "--security-opt=no-new-privileges",
        ),
        differs("another size", "size=16m", "size=8m", "warn  ", "--tmpfs /home/app:rw,size=16m,mode=0755"),
        differs("not read-only", " --read-only", "", "FAIL  ", "--read-only"),
    ]);
    rows.into_iter().map(|row| row.of(CHECK)).collect()
}

fn passes(scene: &Scene, role: &str) -> Verdict {
    let options = format!("{} {} --env=BOOT_CHECK_ONLY=1", flags(scene, role)?, broker(scene)?);
    let outcome = scene.run(&options, &[])?.ended(0)?;
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    // uvicorn raises the stop signal again after its shutdown, which the check warns about.
    let raised_again = |line: &str| role == "web" && line.starts_with("warn  stop: ") && line.contains("raised again");
    let expected = |line: &&str| line.starts_with("ok    ") || raised_again(line);
    outcome.check(lines.len() > 5 && lines.iter().all(expected), "nothing but ok")?;
    outcome.check(lines.iter().any(|line| line.starts_with("ok    health: passed after ")), "the health")?;
    Ok(format!("{} checks passed", lines.len()).into())
}

/// The limits are rendered, set and verified.
fn limits(scene: &Scene) -> Verdict {
    let configuration = scene.configuration(LIMITS);
    let flags = arguments(&rendered(scene, &format!("{configuration} --env=ROLE=flower"), own_format(scene.engine))?)?;
    let check = |flags: &str| scene.run(&format!("{flags} {configuration} --env=BOOT_CHECK_ONLY=init"), &[])?.ended(0);
    let outcome = check(&flags)?;
    for line in ["ok    limit of processes: 300", "ok    limit of memory: 314572800"] {
        outcome.check(outcome.stdout.lines().any(|found| found.starts_with(line)), line)?;
    }
    outcome.check(outcome.stdout.lines().all(|line| line.starts_with("ok    ")), "nothing but ok")?;
    for (part, by, flag) in
        [("pids-limit=300", "pids-limit=500", "--pids-limit=300"), ("memory=300m", "memory=400m", "--memory=300m")]
    {
        let other = check(&replaced(&flags, part, by))?;
        let found = other.stdout.lines().any(|line| line.starts_with("warn  limit of ") && line.contains(flag));
        other.check(found, format!("a warning that names {flag}"))?;
    }
    Ok("processes and memory as rendered; a difference is reported".into())
}

fn differs(name: &str, part: &'static str, by: &'static str, kind: &'static str, flag: &'static str) -> Row {
    Row::new(name, ALL, move |scene| {
        let options = format!("{} --env=BOOT_CHECK_ONLY=init", replaced(&flags(scene, "flower")?, part, by));
        let outcome = scene.run(&options, &[])?.ended(i32::from(kind == "FAIL  "))?;
        let others: Vec<&str> = outcome.stdout.lines().filter(|line| !line.starts_with("ok    ")).collect();
        outcome.check(
            others.len() == 1 && others[0].starts_with(kind) && others[0].contains(flag),
            format!("one '{kind}' that names {flag}"),
        )?;
        Ok(others[0].into())
    })
}
