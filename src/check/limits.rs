//! Compares what the container is limited to with `[limits]`: `cgroups(7)`. A limit that is not there is a warning, since
//! an engine without cgroups of its own cannot give one.

use super::report::Report;
use crate::config::Limits;

/// Where a limit is read: version 2 of control groups, then version 1.
const PIDS: [&str; 2] = ["/sys/fs/cgroup/pids.max", "/sys/fs/cgroup/pids/pids.max"];
const MEMORY: [&str; 2] = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];

/// Checks those that are configured.
pub(super) fn check(limits: &Limits, report: &mut Report) {
    if let Some(pids) = limits.pids {
        compare("limit of processes", &PIDS, pids, &format!("--pids-limit={pids}"), report);
    }
    if let Some(memory) = &limits.memory {
        compare("limit of memory", &MEMORY, bytes(memory), &format!("--memory={memory}"), report);
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

/// A size as engines write it, in bytes; its form was checked when it was read.
fn bytes(size: &str) -> u64 {
    let digits = size.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = match size.get(digits.len()..).map(str::to_ascii_lowercase).as_deref() {
        Some("k") => 1 << 10,
        Some("m") => 1 << 20,
        Some("g") => 1 << 30,
        _ => 1,
    };
    digits.parse::<u64>().unwrap_or(0).saturating_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_in_bytes() {
        assert_eq!((bytes("1700m"), bytes("64K"), bytes("2g"), bytes("4096")), (1_782_579_200, 65_536, 2_147_483_648, 4096));
    }
}
