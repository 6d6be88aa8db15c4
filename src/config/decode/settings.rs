//! The tables of settings: limits, the boot check, supervision.

use toml_spanner::Table;

use crate::config::toml::{Item, Source, items};
use crate::config::{BootCheck, Limits, Supervise, keys, values};
use crate::error::Result;

pub(super) fn limits<'a>(source: Source<'a>, table: &'a Table<'a>) -> Result<Limits> {
    let mut limits = Limits::default();
    for item in items(source, &keys::LIMITS, table) {
        let item = item?;
        match item.key {
            "pids" => limits.pids = Some(item.integer(1, 4_194_304)?.value.unsigned_abs()),
            "memory" => limits.memory = Some(item.parsed(values::size)?.value),
            _ => return Err(item.unknown()),
        }
    }
    Ok(limits)
}

pub(super) fn boot_check<'a>(source: Source<'a>, table: &'a Table<'a>) -> Result<BootCheck> {
    let mut check = BootCheck::default();
    for item in items(source, &keys::BOOT_CHECK, table) {
        let item = item?;
        match item.key {
            "timeout" => check.timeout = item.duration()?,
            "grace" => check.grace = item.duration()?,
            "settle" => check.settle = item.duration()?,
            "require_read_only_root" => check.require_read_only_root = item.boolean()?.value,
            _ => return Err(item.unknown()),
        }
    }
    Ok(check)
}

pub(super) fn supervise<'a>(source: Source<'a>, table: &'a Table<'a>) -> Result<Supervise> {
    let mut supervise = Supervise::default();
    for item in items(source, &keys::SUPERVISE, table) {
        let item = item?;
        match item.key {
            "grace" => supervise.grace = item.duration()?,
            "signals" => supervise.signals = item.named(|name| Ok(name.to_owned()), Item::string)?,
            "group" => supervise.group = item.boolean()?.value,
            "exit_codes" => supervise.exit_codes = item.named(exit_code, |item| item.integer(0, 255))?,
            _ => return Err(item.unknown()),
        }
    }
    Ok(supervise)
}

fn exit_code(text: &str) -> std::result::Result<String, String> {
    match text.parse::<u8>() {
        Ok(code) if code.to_string() == text => Ok(text.to_owned()),
        _ => Err(format!("'{text}' is not an exit code from 0 to 255")),
    }
}
