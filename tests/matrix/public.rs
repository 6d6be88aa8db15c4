//! The engines' own tools accept the files that are rendered for every public entrypoint and every example.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::columns::RENDER;
use crate::kubernetes::{VERSIONS, judged};
use crate::lab::call;
use crate::lab::engine::lab;
use crate::lab::row::{Row, Verdict};
use crate::lab::scene::Scene;
use crate::quadlet::{PODMAN5, accepted, units};

pub fn rows() -> Vec<Row> {
    let rows = [
        Row::new("quadlet: the units of public entrypoints", PODMAN5, by_quadlet),
        Row::new("compose: the files of public entrypoints", PODMAN5, by_compose),
        Row::new("kubernetes: the objects of public entrypoints", PODMAN5, by_kubernetes),
    ];
    rows.map(|row| row.of(RENDER)).into()
}

/// The configurations, each with a name of its own.
fn configurations() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let listed = |folder: &str| fs::read_dir(root.join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let whole = listed("tests/entrypoints/files")
        .chain(listed("examples").chain(listed("tests")).map(|folder| folder.join("init.toml")))
        .filter(|path| path.is_file());
    let named = |path: &Path| {
        let named = if path.ends_with("init.toml") { path.parent().unwrap() } else { path };
        named.file_stem().unwrap().to_str().unwrap().to_owned()
    };
    whole.map(|path| (named(&path), fs::read_to_string(&path).unwrap())).collect()
}

/// The page of each configuration with all its roles. Users are numbers, since their names are not this machine's.
fn pages(scene: &Scene, format: &str) -> Result<Vec<(String, String)>, String> {
    let mut pages = Vec::new();
    for (name, text) in configurations() {
        // A Pod has no limit of processes.
        let left_out = |line: &str| line.starts_with("user ") || (format == "kubernetes" && line.starts_with("pids "));
        let lines: Vec<&str> = text.lines().filter(|line| !left_out(line)).collect();
        let file = scene.file(&format!("{name}.toml"), &format!("user = '1001:1001'\n{}\n", lines.join("\n")), 0o644);
        let init = std::env::var_os("STEPDOWN_INIT").unwrap_or_else(|| env!("CARGO_BIN_EXE_init").into());
        let mut init = Command::new(init);
        init.env_clear().args(["--config", &file, "--image", "registry.example/app:1", "--render", format]);
        pages.push((name, call::run(&mut init, Duration::from_secs(10))?.ended(0)?.stdout));
    }
    if pages.len() < 30 { Err(format!("{} pages", pages.len())) } else { Ok(pages) }
}

fn by_quadlet(scene: &Scene) -> Verdict {
    let mut all = Vec::new();
    for (page, text) in pages(scene, "quadlet")? {
        all.extend(units(&text)?.into_iter().map(|(name, unit)| (format!("{page}-{name}"), unit)));
    }
    accepted(scene, &all, "")?;
    Ok(format!("{} units", all.len()).into())
}

fn by_compose(scene: &Scene) -> Verdict {
    let pages = pages(scene, "compose")?;
    let needed = pages.iter().flat_map(|(_, text)| text.split("${").skip(1)).filter_map(|rest| rest.split_once(":?"));
    let variables: BTreeSet<String> = needed.map(|(name, _)| format!("{name}=x")).collect();
    let files = pages.iter().map(|(name, text)| scene.file(&format!("{name}.yaml"), text, 0o644));
    let mut compose = Command::new(lab("podman5"));
    compose.args(["--lab-root", "env"]).args(variables).args(["sh", "-euc"]);
    compose.arg("for file; do docker-compose --file \"$file\" config --quiet; done").arg("sh").args(files);
    let outcome = call::run(&mut compose, Duration::from_secs(300))?.ended(0)?;
    outcome.check(outcome.stderr.is_empty(), "compose without complaints")?;
    Ok(format!("{} files", pages.len()).into())
}

fn by_kubernetes(scene: &Scene) -> Verdict {
    let pages = pages(scene, "kubernetes")?;
    let objects = pages.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>().join("---\n");
    let count = objects.matches("\nkind: ").count();
    let newest = VERSIONS[VERSIONS.len() - 1];
    let outcome = judged(scene, &objects, newest)?.ended(0)?;
    let said = format!("{}{}", outcome.stdout, outcome.stderr);
    let passed = said.matches(&format!("against version {newest}")).count();
    outcome.check(passed == count, format!("a verdict for each of {count} objects, not {passed}"))?;
    Ok(format!("{count} objects, strictly by {newest}").into())
}
