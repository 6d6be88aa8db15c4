//! The real Quadlet generator accepts every unit, and the `podman run` that it generates becomes healthy.
//!
//! The lab has no systemd: the test parses the unit's command line as systemd does, with the values of `%t` and `%N`,
//! listens like the manager, and runs the health check like the manager's timer.

use std::process::Command;
use std::time::Duration;

use crate::columns::RENDER;
use crate::lab::call::{self, Outcome};
use crate::lab::engine::{Engine, image, lab};
use crate::lab::facts::{DROPPED, expect};
use crate::lab::manager::Manager;
use crate::lab::row::{Row, Verdict};
use crate::lab::scene::{Scene, replaced};
use crate::stand::{ROLES, broker, rendered, until_good};

pub const PODMAN5: &[Engine] = &[Engine::Podman5];

/// The unit's run-time directory, as the room has it.
const RUN: &str = "/run/stepdown-lab-5/user";

pub fn rows() -> Vec<Row> {
    let mut rows: Vec<Row> = ROLES
        .map(|role| {
            Row::new(format!("quadlet: {role}, generated, run, healthy"), PODMAN5, move |scene| runs(scene, role))
        })
        .into();
    rows.push(Row::new("quadlet: the units of all roles", PODMAN5, all_units));
    rows.push(Row::new("quadlet: a key that it does not know", PODMAN5, |scene| {
        let unit = rendered(scene, "--env=ROLE=web", "quadlet")?;
        let outcome = generate(
            scene,
            &[("web".to_owned(), replaced(&unit, "[Container]\n", "[Container]\nReadOnlyRoot=true\n"))],
            "",
        )?;
        outcome.check(outcome.stderr.contains("unsupported key 'ReadOnlyRoot'"), "the generator's complaint")?;
        Ok("refused by the generator".into())
    }));
    rows.into_iter().map(|row| row.of(RENDER)).collect()
}

/// Puts the units into the generator's directory, with the lab's additions, and prints the generated units.
fn generate(scene: &Scene, units: &[(String, String)], added: &str) -> Result<Outcome, String> {
    let directory = scene.directory("units");
    for (name, unit) in units {
        scene.file(&format!("units/{name}.container"), unit, 0o644);
        scene.directory(&format!("units/{name}.container.d"));
        scene.file(&format!("units/{name}.container.d/lab.conf"), &format!("[Container]\n{added}"), 0o644);
    }
    let mut command = Command::new(lab("podman5"));
    command.args([
        "--lab-enter",
        "env",
        &format!("QUADLET_UNIT_DIRS={directory}"),
        "/usr/libexec/podman/quadlet",
        "-dryrun",
        "-user",
    ]);
    call::run(&mut command, Duration::from_secs(60))
}

/// The generated units of valid input, for which the generator prints no complaint.
pub fn accepted(scene: &Scene, units: &[(String, String)], added: &str) -> Result<Outcome, String> {
    let outcome = generate(scene, units, added)?.ended(0)?;
    let said: Vec<&str> = outcome.stderr.lines().filter(|line| !line.contains("]: Loading source ")).collect();
    outcome.check(said.is_empty(), "a generator without complaints")?;
    for (name, _) in units {
        outcome.check(outcome.stdout.contains(&format!("---{name}.service---\n")), format!("{name}.service"))?;
    }
    Ok(outcome)
}

/// The units of a page, each with its name.
pub fn units(page: &str) -> Result<Vec<(String, String)>, String> {
    let units = page.split("---\n").map(|unit| {
        let name = unit
            .lines()
            .find_map(|line| line.strip_prefix("# FileName="))
            .ok_or_else(|| format!("a unit without a file name:\n{unit}"))?;
        Ok((name.to_owned(), unit.to_owned()))
    });
    units.collect()
}

/// Without a role it prints them all, each after its file's name.
fn all_units(scene: &Scene) -> Verdict {
    let units = units(&rendered(scene, "", "quadlet")?)?;
    accepted(scene, &units, &format!("Image={}\n", image()))?;
    let mut names: Vec<&str> = units.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    if names == ["beat", "flower", "web", "worker"] {
        Ok(names.join(", ").into())
    } else {
        Err(format!("the units {names:?}"))
    }
}

fn runs(scene: &Scene, role: &str) -> Verdict {
    let unit = rendered(scene, &format!("--env=ROLE={role}"), "quadlet")?;
    run_to_health(scene, role, &unit, &image(), &replaced(&broker(scene)?, "--network=", "Network="))
}

/// Runs the `podman run` of a generated unit until it has reported that it is ready.
pub fn run_to_health(scene: &Scene, name: &str, unit: &str, image: &str, network: &str) -> Verdict {
    let made = accepted(scene, &[(name.to_owned(), unit.to_owned())], &format!("Image={image}\n{network}\n"))?;
    let line = |key: &str| {
        made.stdout.lines().find_map(|line| line.strip_prefix(key)).ok_or_else(|| format!("no {key}\n{}", made.shown()))
    };
    let mut start = words(line("ExecStart=")?, name);
    made.check(start[..2] == ["/usr/bin/podman", "run"], "podman run")?;
    // Only systemd creates a control group for the unit.
    for word in start.iter_mut().filter(|word| *word == "--cgroups=split") {
        "--cgroups=disabled".clone_into(word);
    }
    let container = format!("{name}-{}", scene.name);
    let position = start.iter().position(|word| word == "--name").map(|at| at + 1).ok_or("no --name")?;
    if let Some(word) = start.get_mut(position) {
        // The row's own: another unit of this name may run beside it.
        word.clone_from(&container);
    }
    let manager = Manager::listen(scene)?;
    let running = scene.engine.start_with(&start[1..], &[("NOTIFY_SOCKET", &manager.path)])?;
    let verdict = (|| {
        until_good(|| scene.engine.call(&["healthcheck", "run", &container].map(str::to_owned)))?;
        // It detaches once the container is healthy and has reported it.
        running.finish()?.ended(0)?;
        if !manager.hears_ready(Duration::from_secs(5))? {
            return Err("healthy, but not reported to the manager".into());
        }
        let status = scene.engine.must(&format!("exec {container} cat /proc/1/status"))?;
        expect(&status, DROPPED)?;
        Ok("READY=1 once healthy".into())
    })();
    scene.engine.call(&words(line("ExecStop=")?, name)[1..])?.ended(0)?;
    verdict
}

/// The arguments in a command line of a unit: double quotes, backslashes, specifiers.
fn words(line: &str, unit: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), None::<String>, false);
    let mut rest = line.chars();
    while let Some(character) = rest.next() {
        match character {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            ' ' if !quoted => words.extend(word.take()),
            '\\' => word.get_or_insert_default().extend(rest.next()),
            '%' => match rest.next() {
                Some('t') => word.get_or_insert_default().push_str(RUN),
                Some('N') => word.get_or_insert_default().push_str(unit),
                other => word.get_or_insert_default().extend(other),
            },
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    words
}

#[test]
fn a_command_line_is_read_as_systemd_reads_it() {
    let line = r#"/bin/x --a=%t/%N.cid "[\"/init\",\"--health\"]" 100%% "" b"#;
    let expected = ["/bin/x", "--a=/run/stepdown-lab-5/user/web.cid", r#"["/init","--health"]"#, "100%", "", "b"];
    assert_eq!(words(line, "web"), expected);
}
