//! Public entrypoints as configurations, in `files`: for each role of each, `--plan`, a boot and a check, with stubs in
//! place of the programs. `boots.txt` has the boots:
//!
//! ```text
//! # FILE                  its name without .toml
//! env NAME=VALUE          for the boots that follow
//! listen PORT             a service that accepts connections
//! file PATH               a file of the image
//! boot NAME=VALUE… WORDS => COMMAND | STEP, STEP
//! refused NAME=VALUE… WORDS => MESSAGE
//! ```
//!
//! An app's command is its arguments joined by one space; empty for a role that only runs steps.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use toml::{Table, Value};

use crate::document::{roles, tables};
use crate::support::protocol::{Content, Kind};
use crate::support::run::Run;
use crate::support::sandbox::{Sandbox, sandbox};

/// The boots of one file.
#[derive(Default)]
struct Image<'a> {
    name: &'a str,
    env: Vec<&'a str>,
    listen: Vec<u16>,
    files: Vec<&'a str>,
    boots: Vec<Boot<'a>>,
}

struct Boot<'a> {
    env: Vec<&'a str>,
    words: Vec<&'a str>,
    /// The command and the steps, or the message.
    expected: Result<(&'a str, Vec<&'a str>), &'a str>,
}

fn images() -> Vec<Image<'static>> {
    let mut images: Vec<Image<'static>> = Vec::new();
    for line in include_str!("boots.txt").lines().filter(|line| !line.is_empty()) {
        let (kind, rest) = line.split_once(' ').unwrap();
        if kind == "#" {
            images.push(Image { name: rest, ..Image::default() });
            continue;
        }
        let image = images.last_mut().unwrap();
        match kind {
            "env" => image.env.push(rest),
            "listen" => image.listen.push(rest.parse().unwrap()),
            "file" => image.files.push(rest),
            "boot" | "refused" => image.boots.push(boot(kind, rest)),
            _ => panic!("boots.txt: {line}"),
        }
    }
    images
}

fn boot(kind: &str, rest: &'static str) -> Boot<'static> {
    let (given, expected) = rest.split_once("=>").unwrap();
    let given: Vec<&str> = given.split_whitespace().collect();
    let variables = given.iter().take_while(|word| word.contains('=') && !word.starts_with('-')).count();
    let (env, words) = given.split_at(variables);
    let expected = match (kind, expected.split_once('|')) {
        ("boot", Some((command, steps))) => {
            Ok((command.trim(), steps.split(',').map(str::trim).filter(|step| !step.is_empty()).collect()))
        }
        _ => Err(expected.trim()),
    };
    Boot { env: env.to_vec(), words: words.to_vec(), expected }
}

fn files() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/entrypoints/files")
}

fn text(image: &Image<'_>) -> String {
    std::fs::read_to_string(files().join(format!("{}.toml", image.name))).unwrap()
}

/// The programs that the file names: of roles, steps, waits and health checks.
fn programs(document: &Table) -> BTreeSet<String> {
    let steps = ["step", "root_step"].into_iter().flat_map(|kind| tables(document, kind));
    let asked = |value: Option<&Value>| value.and_then(|value| value.get("exec")).cloned();
    let commands = steps
        .flat_map(|step| [step.get("command").cloned(), asked(step.get("wait"))])
        .chain(roles(document).flat_map(|(_, role)| [role.get("command").cloned(), asked(role.get("health"))]));
    commands.flatten().filter_map(|words| Some(words.get(0)?.as_str()?.to_owned())).collect()
}

/// A text with the default of each `${NAME:-DEFAULT}`.
fn by_default(text: &str) -> String {
    let mut parts = text.split("${");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |all, part| {
        let (expansion, rest) = part.split_once('}').unwrap();
        all + expansion.split_once(":-").map_or("", |(_, default)| default) + rest
    })
}

/// A container with the user, the mounts and the programs that the file names.
fn container(image: &Image<'_>, document: &Table) -> Sandbox {
    let user = by_default(document["user"].as_str().unwrap());
    let user = user.split(':').next().filter(|user| user.parse::<u32>().is_err()).unwrap_or("user");
    let workdir = document.get("workdir").and_then(Value::as_str).unwrap_or("/");
    let settle = if document.contains_key("boot_check") { "" } else { "[boot_check]\nsettle = \"10ms\"\n" };
    let mut container = sandbox()
        .config(text(image) + settle)
        .file("/etc/passwd", format!("root:x:0:0::/root:/bin/sh\n{user}:x:1000:1000::/home/user:/bin/sh\n"))
        .file("/etc/group", format!("root:x:0:\n{user}:x:1000:\n"))
        .node(workdir, Kind::Directory)
        .owned("/tmp", Kind::Tmpfs, (0, 0), 0o1777)
        .env("HOSTNAME=host")
        .with(|spec| {
            spec.network = Some(image.listen.clone());
            spec.start.groups = vec![0];
        });
    for kind in ["tmpfs", "volume"] {
        let paths = tables(document, kind).filter_map(|entry| entry.get("path")?.as_str());
        container = paths.fold(container, |container, path| container.tmpfs(&by_default(path)));
    }
    for program in programs(document) {
        let path =
            if program.contains('/') { Path::new(workdir).join(program) } else { Path::new("/bin").join(program) };
        container = parents(container, &path).file_mode(path.to_str().unwrap(), Content::Witness, 0o755);
    }
    for path in &image.files {
        container = parents(container, Path::new(path)).file(path, "text\n");
    }
    container
}

fn parents(container: Sandbox, path: &Path) -> Sandbox {
    let above: Vec<_> = path.ancestors().skip(1).filter(|above| above.parent().is_some()).collect();
    above.into_iter().rev().fold(container, |container, above| container.node(above.to_str().unwrap(), Kind::Directory))
}

/// The steps that a boot ran, in order.
fn steps(run: &Run) -> Vec<String> {
    let named = |line: &str| {
        let rest = line.strip_prefix("init: info: ")?;
        let rest = rest.strip_prefix("step ").or_else(|| rest.strip_prefix("root step "))?;
        if rest.contains(" is held back by ") || rest.contains(": still waiting") {
            return None;
        }
        Some(rest.split(": waiting for ").next()?.to_owned())
    };
    run.stderr().lines().filter_map(named).collect()
}

fn words(plan: &Json) -> String {
    plan["command"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect::<Vec<_>>().join(" ")
}

/// The variables that tell the stubs the form of the health check.
fn health(plan: &Json) -> Vec<String> {
    let Some((asked, _)) = plan["health"].as_str().and_then(|health| health.rsplit_once(" within ")) else {
        return Vec::new();
    };
    if let Ok(words) = serde_json::from_str::<Vec<String>>(asked) {
        return vec!["STUB_PORT=60000".into(), format!("STUB_HEALTH={}", words.join(" "))];
    }
    let address = asked.trim_start_matches("tcp ").trim_start_matches("http://").split('/').next().unwrap();
    vec![format!("STUB_PORT={}", address.rsplit_once(':').unwrap().1)]
}

/// Runs a plan, a boot and a check; returns what is wrong with them.
fn judge(image: &Image<'_>, container: &Sandbox, boot: &Boot<'_>) -> Result<(), String> {
    let name = |entry: &str| entry.split('=').next().map(str::to_owned);
    let common = image.env.iter().filter(|entry| !boot.env.iter().any(|own| name(own) == name(entry)));
    let container = common.chain(&boot.env).fold(container.clone(), |container, entry| container.env(entry));
    let (command, expected) = match &boot.expected {
        Ok(expected) => expected,
        Err(message) => {
            let run = container.words(&boot.words).env("STUB_APP=").run();
            let refused = !run.stderr().contains("ran: ") && run.stderr().contains(message);
            return if refused { Ok(()) } else { Err(format!("no refusal '{message}': {}", run.shown())) };
        }
    };
    let container = container.env(format!("STUB_APP={command}"));
    let planned = container.clone().words([&["--plan", "--json", "--"], boot.words.as_slice()].concat()).run();
    let plan: Json =
        serde_json::from_str(&planned.stdout()).map_err(|error| format!("{error}: {}", planned.shown()))?;
    if words(&plan) != *command {
        return Err(format!("--plan says the command is '{}'", words(&plan)));
    }
    let given = [&["--"], boot.words.as_slice()].concat();
    let booted = container.clone().words(given.clone()).run();
    let ran = booted.stdout().lines().any(|line| line == format!("ran: {command}"));
    if booted.outcome.code != Some(0) || ran == command.is_empty() || steps(&booted) != *expected {
        return Err(format!("the boot ran {:?}: {}", steps(&booted), booted.shown()));
    }
    let checked = health(&plan).iter().fold(container.words(given), |container, entry| container.env(entry));
    let checked = checked.env("BOOT_CHECK_ONLY=1").run();
    if checked.outcome.code == Some(0) && steps(&checked) == *expected {
        Ok(())
    } else {
        Err(format!("the check: {}", checked.shown()))
    }
}

#[test]
fn every_public_entrypoint_plans_boots_and_passes_its_check() {
    let images = images();
    let wrong = std::sync::Mutex::new(Vec::new());
    let (next, count) = (std::sync::atomic::AtomicUsize::new(0), std::sync::atomic::AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(image) = images.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
                    let document: Table = text(image).parse().unwrap();
                    let container = container(image, &document);
                    for boot in &image.boots {
                        count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        if let Err(what) = judge(image, &container, boot) {
                            wrong
                                .lock()
                                .unwrap()
                                .push(format!("{} {:?} {:?}: {what}", image.name, boot.env, boot.words));
                        }
                    }
                }
            });
        }
    });
    let (wrong, count) = (wrong.into_inner().unwrap(), count.into_inner());
    assert!(wrong.is_empty(), "{} of {count} are wrong:\n{}", wrong.len(), wrong.join("\n\n"));
    crate::support::cases("boots of public entrypoints", count);
}

#[test]
fn every_file_and_every_role_has_a_boot() {
    let images = images();
    let mut listed: Vec<String> = (std::fs::read_dir(files()).unwrap())
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    listed.sort();
    let documented = include_str!("../../docs/migrate.md");
    assert_eq!(listed, images.iter().map(|image| image.name).collect::<Vec<_>>(), "one block for each file, in order");
    for image in &images {
        let text = text(image);
        let header: String = text.lines().take_while(|line| line.starts_with('#')).collect::<Vec<_>>().join(" ");
        let missing = header
            .replace("# ", "")
            .split_once("Missing: ")
            .map(|(_, missing)| missing.trim_end_matches('.').to_owned());
        let row =
            format!("| [{0}](../tests/entrypoints/files/{0}.toml) | {1} |", image.name, missing.unwrap_or_default());
        assert!(documented.contains(&row), "docs/migrate.md differs from the file's header: {row}");
        let document: Table = text.parse().unwrap();
        let variable = document.get("role").and_then(|role| role.get("env")).and_then(Value::as_str).unwrap_or("ROLE");
        let default = document.get("role").and_then(|role| role.get("default")).and_then(Value::as_str);
        for (role, _) in roles(&document) {
            let selects = |boot: &Boot<'_>| {
                boot.words.first() == Some(&role.as_str())
                    || boot.env.contains(&format!("{variable}={role}").as_str())
                    || (default == Some(role) && boot.words.first().is_none_or(|word| word.starts_with('-')))
            };
            assert!(image.boots.iter().any(selects), "{}: no boot of the role {role}", image.name);
        }
    }
}
