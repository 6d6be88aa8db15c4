//! Compares the outputs in the README and docs/ with the outputs of the image.

use crate::lab::call::Outcome;
use crate::lab::row::Verdict;
use crate::row::{PODMAN, Row, Scene};

const README: &str = include_str!("../../README.md");
const CLI: &str = include_str!("../../docs/cli.md");
const BOOT_CHECK: &str = include_str!("../../docs/boot-check.md");

/// The commands of the pages whose output is compared.
const PLAN: &str = "$ podman run --rm $(podman run --rm --env ROLE=web IMAGE --render podman) IMAGE --plan\n";
const CHECK: &str =
    "$ podman run --rm $(podman run --rm --env ROLE=flower IMAGE --render podman) --env BOOT_CHECK_ONLY=1 IMAGE\n";

pub fn rows() -> Vec<Row> {
    vec![
        Row::new("--plan, as the pages show it", PODMAN, plan_is_as_shown),
        Row::new("the boot check, as the pages show it", PODMAN, boot_check_is_as_shown),
    ]
}

fn plan_is_as_shown(scene: &Scene) -> Verdict {
    let outcome = scene.run(&rendered(scene, "web")?, &["--plan"])?.ended(0)?;
    for page in [README, CLI] {
        same(&outcome, shown(page, PLAN))?;
    }
    Ok("the same lines".into())
}

fn boot_check_is_as_shown(scene: &Scene) -> Verdict {
    let flags = rendered(scene, "flower")?;
    let outcome = scene.run(&format!("{flags} --env BOOT_CHECK_ONLY=1"), &[])?.ended(0)?;
    for page in [README, BOOT_CHECK] {
        same(&outcome, shown(page, CHECK))?;
    }
    Ok("the same lines, but for the times".into())
}

/// The flags of a role, as the shell's `$(…)` passes them.
fn rendered(scene: &Scene, role: &str) -> Result<String, String> {
    let rendered = scene.run(&format!("--env ROLE={role}"), &["--render", "podman"])?.ended(0)?;
    Ok(rendered.stdout.lines().collect::<Vec<_>>().join(" "))
}

/// What a page shows after a command, up to the next command or the end of the block.
fn shown(page: &'static str, command: &str) -> &'static str {
    let (_, after) = page.split_once(command).unwrap_or_else(|| panic!("no page shows {command}"));
    let end = ["\n$ ", "\n```"].iter().filter_map(|end| after.find(end)).min().unwrap();
    &after[..=end]
}

fn same(outcome: &Outcome, shown: &str) -> Result<(), String> {
    outcome.check(without_times(&outcome.stdout) == without_times(shown), format!("the output of the page:\n{shown}"))
}

/// The text with `N` for each number of milliseconds.
fn without_times(text: &str) -> String {
    let mut words: Vec<&str> = text.split(' ').collect();
    for at in 1..words.len() {
        if words[at].lines().next() == Some("ms") && words[at - 1].chars().all(|digit| digit.is_ascii_digit()) {
            words[at - 1] = "N";
        }
    }
    words.join(" ")
}
