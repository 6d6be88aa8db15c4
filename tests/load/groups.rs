//! Memory and process control groups, where the machine provides them: boots with little of both.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::cases;
use crate::support::sandbox::{Sandbox, sandbox};

/// A control group that is removed when it is dropped.
struct Group(PathBuf);

impl Drop for Group {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

/// Creates a group with this limit, or returns the reason why it cannot. `cgroups(7)`: version 2, or 1 with a
/// hierarchy for each controller.
fn group(controller: &str, (first, second): (&str, &str), limit: u64) -> Result<Group, String> {
    let root = Path::new("/sys/fs/cgroup");
    let unified = root.join("cgroup.controllers").exists();
    let parent = if unified { root.to_owned() } else { root.join(controller) };
    if unified {
        fs::write(root.join("cgroup.subtree_control"), format!("+{controller}"))
            .map_err(|error| format!("+{controller}: {error}"))?;
    }
    let group = Group(parent.join(format!("stepdown-{controller}-{limit}-{}", std::process::id())));
    fs::create_dir(&group.0).map_err(|error| format!("{}: {error}", group.0.display()))?;
    let file = group.0.join(if unified { second } else { first });
    fs::write(&file, limit.to_string()).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(group)
}

fn within(base: &Sandbox, group: &Group) -> Sandbox {
    base.clone().with(|spec| spec.groups = vec![group.0.clone()])
}

fn busy() -> Sandbox {
    sandbox().tmpfs("/cache").config("[[tmpfs]]\npath = '/cache'\nmode = '0700'\n")
}

fn staying() -> Sandbox {
    busy().words(["--supervise", "witness"])
}

#[test]
fn four_megabytes_of_a_memory_group_are_enough() {
    let group = match group("memory", ("memory.limit_in_bytes", "memory.max"), 4 << 20) {
        Ok(group) => group,
        Err(reason) => return cases(&format!("memory groups: not available ({reason})"), 0),
    };
    for base in [busy(), staying()] {
        let run = within(&base, &group).run();
        run.app().is_dropped_to(1001, 1001, "1001");
        run.owns("/cache", 1001, 1001, 0o700);
    }
    cases("memory groups of four megabytes", 2);
}

#[test]
fn a_process_limit_of_two_allows_supervision_and_one_allows_exec() {
    let limited = |limit| group("pids", ("pids.max", "pids.max"), limit);
    let (one, two) = match (limited(1), limited(2)) {
        (Ok(one), Ok(two)) => (one, two),
        (Err(reason), _) | (_, Err(reason)) => {
            return cases(&format!("process groups of cgroups: not available ({reason})"), 0);
        }
    };
    let step = "[[step]]\nname = 'first'\ncommand = ['witness']\n";
    for (base, group) in [(busy(), &one), (busy(), &two), (staying(), &two), (staying().config(step), &two)] {
        within(&base, group).run().app().is_dropped_to(1001, 1001, "1001");
    }
    for base in [staying(), busy().config(step), busy().words(["--check", "witness"])] {
        let run = within(&base, &one).run();
        run.check(run.outcome.code == Some(71) && !run.started(), "a refusal");
        run.check(
            run.stderr().contains("fork: ") && run.stderr().contains("EAGAIN") && run.stderr().contains("--pids-limit"),
            "a record about the limit",
        );
    }
    cases("groups of one and of two processes", 7);
}
