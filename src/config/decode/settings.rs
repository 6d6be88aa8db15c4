//! The tables of settings: limits, the stop, the boot check, supervision, the seal.

use super::accepted::Accepted;
use crate::config::{BootCheck, Limits, Seal, Stop, Supervise, signals};

pub(super) fn limits(table: Accepted<'_>) -> Limits {
    Limits { pids: table.integer("pids").map(i64::unsigned_abs), memory: table.string("memory") }
}

/// `[stop]`, and a role's `stop`, whose keys are the same.
pub(super) fn stop(table: Accepted<'_>) -> Stop {
    Stop { signal: table.parsed("signal", signals::stop), grace: table.duration("grace") }
}

pub(super) fn boot_check(table: Accepted<'_>) -> BootCheck {
    let default = BootCheck::default();
    BootCheck {
        timeout: table.duration("timeout").unwrap_or(default.timeout),
        settle: table.duration("settle").unwrap_or(default.settle),
        require_read_only_root: table.boolean("require_read_only_root").unwrap_or(default.require_read_only_root),
    }
}

pub(super) fn supervise(table: Accepted<'_>) -> Supervise {
    Supervise {
        signals: table.variables("signals"),
        group: table.is("group"),
        exit_codes: table.map("exit_codes", Accepted::number),
    }
}

pub(super) fn seal(table: Accepted<'_>) -> Seal {
    Seal {
        writes: table.is("writes"),
        also: table.texts("also"),
        namespaces: table.boolean("namespaces").unwrap_or(true),
        optional: table.is("optional"),
    }
}
