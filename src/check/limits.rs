//! Compares the container's control group limits with `[limits]`. A missing limit is a warning, since an engine without
//! control groups of its own cannot set one.

use super::report::Report;
use crate::config::Limits;
use crate::error::fix;
use crate::facts::control_groups;
use crate::plan::flags;

/// Checks the configured limits.
pub(super) fn check(limits: &Limits, report: &mut Report) {
    if let Some(pids) = limits.pids {
        compare("limit of processes", control_groups::pids(), pids, &flags::pids(pids), report);
    }
    if let Some(memory) = &limits.memory {
        let wanted = flags::bytes(memory);
        compare("limit of memory", control_groups::memory(), wanted, &flags::memory(memory), report);
    }
}

fn compare(name: &str, found: Option<String>, wanted: u64, flag: &str, report: &mut Report) {
    match found {
        Some(text) if text.parse() == Ok(wanted) => report.ok(name, text),
        Some(text) => report.warn(name, format!("{text} instead of {wanted}"), &fix::check::run_with(flag)),
        None => report.warn(
            name,
            "cannot be read: no control group is mounted".into(),
            &fix::check::run_with_control_groups(flag),
        ),
    }
}
