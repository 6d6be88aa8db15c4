//! The tables of settings: limits, the stop, the boot check, supervision.

use toml_spanner::Table;

use crate::config::toml::{Item, Source, items, refuse};
use crate::config::{At, BootCheck, Limits, Seal, Stop, Supervise, keys, signals, values};
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

/// `[stop]`, and a role's `stop`, whose keys are the same.
pub(super) fn stop<'a>(source: Source<'a>, keys: &'static keys::Table, table: &'a Table<'a>) -> Result<Stop> {
    let mut stop = Stop::default();
    for item in items(source, keys, table) {
        let item = item?;
        match item.key {
            "signal" => {
                let At { value, place } = item.string()?;
                let refused = |what| refuse(place, format!("signal: {what}"), signals::ALLOWED);
                stop.signal = Some(signals::stop(&value).map_err(refused)?);
            }
            "grace" => stop.grace = Some(item.duration()?),
            _ => return Err(item.unknown()),
        }
    }
    Ok(stop)
}

pub(super) fn boot_check<'a>(source: Source<'a>, table: &'a Table<'a>) -> Result<BootCheck> {
    let mut check = BootCheck::default();
    for item in items(source, &keys::BOOT_CHECK, table) {
        let item = item?;
        match item.key {
            "timeout" => check.timeout = item.duration()?,
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
            "signals" => supervise.signals = item.named(|name| Ok(name.to_owned()), Item::string)?,
            "group" => supervise.group = item.boolean()?.value,
            "exit_codes" => supervise.exit_codes = item.named(exit_code, |item| item.integer(0, 255))?,
            _ => return Err(item.unknown()),
        }
    }
    Ok(supervise)
}

pub(super) fn seal<'a>(source: Source<'a>, seal: &Item<'a>) -> Result<Seal> {
    let mut decoded = Seal::default();
    for item in items(source, &keys::SEAL, seal.table()?) {
        let item = item?;
        match item.key {
            "writes" => decoded.writes = item.boolean()?.value,
            "also" => decoded.also = item.strings()?,
            "namespaces" => decoded.namespaces = item.boolean()?.value,
            "optional" => decoded.optional = item.boolean()?.value,
            _ => return Err(item.unknown()),
        }
    }
    if !decoded.also.is_empty() && !decoded.writes {
        return Err(seal.refuse("also without writes = true".into(), "add writes = true, or remove also"));
    }
    Ok(decoded)
}

fn exit_code(text: &str) -> std::result::Result<String, String> {
    match text.parse::<u8>() {
        Ok(code) if code.to_string() == text => Ok(text.to_owned()),
        _ => Err(format!("'{text}' is not an exit code from 0 to 255")),
    }
}
