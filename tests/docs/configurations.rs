//! Every complete configuration in the documentation boots, with the witness in place of its programs.

use std::collections::BTreeSet;
use std::path::Path;

use toml::{Table, Value};

use crate::blocks::{Block, blocks, examples, pages};
use crate::document::{roles, tables};
use crate::support::capability::FOUR;
use crate::support::protocol::{Content, Kind};
use crate::support::sandbox::{Sandbox, sandbox};

/// The capabilities in examples, as bits.
const CAPABILITIES: [(&str, u64); 3] = [("NET_BIND_SERVICE", 1 << 10), ("NET_ADMIN", 1 << 12), ("SYS_NICE", 1 << 23)];

fn bits(names: impl IntoIterator<Item = String>) -> u64 {
    let bit = |name: String| {
        let known = CAPABILITIES.iter().find(|(known, _)| *known == name);
        known.unwrap_or_else(|| panic!("the test does not know the capability {name}")).1
    };
    names.into_iter().map(bit).fold(0, |all, bit| all | bit)
}

fn strings(value: Option<&Value>) -> Vec<String> {
    value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The programs of the configuration: of roles, steps and health checks.
fn programs(document: &Table) -> BTreeSet<String> {
    let steps = ["step", "root_step"].into_iter().flat_map(|kind| tables(document, kind));
    let commands = steps.map(|step| strings(step.get("command")));
    let roles = roles(document).flat_map(|(_, role)| {
        let health = role.get("health").and_then(|health| health.get("exec"));
        [strings(role.get("command")), strings(health)]
    });
    commands.chain(roles).filter_map(|words| words.into_iter().next()).collect()
}

/// A container with the files, mounts and programs of the configuration.
fn container(block: &Block, document: &Table) -> Sandbox {
    let kept = strings(document.get("keep_capabilities"));
    let mut container = sandbox()
        .config(block.text.clone())
        .capabilities(FOUR | bits(kept.into_iter().chain(block.capabilities.clone())))
        .node("/app", Kind::Directory)
        .node("/run/secrets", Kind::Directory);
    for program in programs(document) {
        let path = if program.starts_with('/') { program } else { format!("/usr/bin/{program}") };
        // Each directory above, owned by root.
        let above: Vec<_> = Path::new(&path).ancestors().skip(1).filter(|above| above.parent().is_some()).collect();
        for directory in above.into_iter().rev() {
            container = container.node(directory.to_str().unwrap(), Kind::Directory);
        }
        container = container.file_mode(&path, Content::Witness, 0o755);
    }
    // A mount hides files that were created there before.
    for kind in ["tmpfs", "volume"] {
        let paths = tables(document, kind).filter_map(|entry| entry.get("path")?.as_str());
        // A non-root start finds directories of its group, as Kubernetes creates them for fsGroup.
        let (owner, mode) = block.user.map_or(((0, 0), 0o755), |(_, gid)| ((0, gid), 0o770));
        container = paths.fold(container, |container, path| container.owned(path, Kind::Tmpfs, owner, mode));
    }
    container = block.files.iter().fold(container, |container, path| container.file(path, "example\n"));
    if let Some((uid, gid)) = block.user {
        container = container.user(uid, gid, 0);
    }
    if !block.listen.is_empty() {
        container = container.with(|spec| spec.network = Some(block.listen.clone()));
    }
    block.env.iter().fold(container, |container, entry| container.env(entry))
}

fn document(block: &Block) -> Table {
    block.text.parse().unwrap_or_else(|error| panic!("{}: {error}", block.place))
}

/// The boots of a configuration: each role with a command, or a command of the operator.
fn boots(block: &Block) -> Vec<Sandbox> {
    let document = document(block);
    let container = container(block, &document);
    let named: Vec<&String> =
        roles(&document).filter(|(_, role)| role.contains_key("command")).map(|(name, _)| name).collect();
    if named.is_empty() {
        return vec![container.words(["witness"])];
    }
    named.into_iter().map(|name| container.clone().words(["--role", name])).collect()
}

#[test]
fn every_example_boots() {
    let examples = examples();
    assert!(examples.len() >= 5, "{} examples", examples.len());
    for boot in examples.iter().flat_map(boots) {
        let run = boot.run();
        run.check(run.started() && run.outcome.code == Some(0), "a boot of the example");
    }
}

#[test]
fn every_configuration_of_the_documentation_boots() {
    let mut count = 0;
    for page in pages() {
        for block in blocks(&page).into_iter().filter(|block| !block.fragment) {
            for boot in boots(&block) {
                let run = boot.run();
                run.check(run.started() && run.outcome.code == Some(0), &format!("{} boots", block.place));
                count += 1;
            }
            for (arguments, command, steps) in &block.runs {
                let run = container(&block, &document(&block)).words(arguments.split_whitespace()).run();
                let found = run.app().all("argv").join(" ");
                run.check(found == *command, &format!("{}: '{command}', not '{found}'", block.place));
                if let Some(steps) = steps {
                    let ran: Vec<_> = run
                        .stderr()
                        .lines()
                        .filter_map(|line| line.strip_prefix("init: info: step "))
                        .map(str::to_owned)
                        .collect();
                    run.check(ran.join(", ") == *steps, &format!("{}: the steps '{steps}', not {ran:?}", block.place));
                }
                count += 1;
            }
        }
    }
    assert!(count > 20, "{count} boots");
    crate::support::cases("boots of documented configurations", count);
}

/// Each section of the reference has a whole example.
#[test]
fn every_section_of_the_reference_has_an_example() {
    let text = std::fs::read_to_string(crate::root().join("docs/configuration.md")).unwrap();
    let sections: Vec<&str> = text.split("\n## ").skip(1).filter(|section| !section.starts_with("Values")).collect();
    assert!(sections.len() > 12, "{} sections", sections.len());
    for section in sections {
        assert!(section.contains("\n```toml\n"), "no example in '{}'", section.lines().next().unwrap_or_default());
    }
}
