//! Compares what the container is limited to with `[limits]`: `cgroups(7)`. A limit that is not there is a warning, since
//! an engine without cgroups of its own cannot give one.

use super::report::Report;
use crate::config::Limits;
use crate::plan::flags;

/// Where a limit is read: version 2 of control groups, then version 1.
const PIDS: [&str; 2] = ["/sys/fs/cgroup/pids.max", "/sys/fs/cgroup/pids/pids.max"];
const MEMORY: [&str; 2] = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];

/// Checks those that are configured.
pub(super) fn check(limits: &Limits, report: &mut Report) {
    if let Some(pids) = limits.pids {
        compare("limit of processes", &PIDS, pids, &flags::pids(pids), report);
    }
    if let Some(memory) = &limits.memory {
        compare("limit of memory", &MEMORY, flags::bytes(memory), &flags::memory(memory), report);
    }
}

fn compare(name: &str, files: &[&str], wanted: u64, flag: &str, report: &mut Report) {
    let found = files.iter().find_map(|file| std::fs::read_to_string(file).ok());
    match found.as_deref().map(str::trim) {
        Some(text) if text.parse() == Ok(wanted) => report.ok(name, text.to_owned()),
        Some(text) => report.warn(name, format!("{text} instead of {wanted}"), &format!("run with {flag}")),
        None => report.warn(
            name,
            "cannot be read: no control group is mounted".into(),
            &format!("run with {flag}, in an engine that uses control groups"),
        ),
    }
}
