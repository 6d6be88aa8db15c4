//! The number of gates that run at the same time: one per processor, if the memory is sufficient for all of them.

use std::{fs, num::NonZeroUsize, thread};

use crate::systemd::Unit;

/// Gates at the same time. `wanted` is the configuration's number.
pub(crate) fn gates_at_once(wanted: Option<NonZeroUsize>, units: &[Unit]) -> usize {
    if let Some(wanted) = wanted {
        return wanted.get();
    }
    let needs: Vec<Option<u64>> =
        units.iter().map(|unit| unit.line.value("--memory").and_then(bytes).or(unit.memory)).collect();
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    if fits(&needs, &memory) { thread::available_parallelism().map_or(1, NonZeroUsize::get) } else { 1 }
}

/// Whether a second container of each unit fits into the available memory. An unknown need is assumed to be at most
/// what the whole machine uses now, since that includes the serving containers.
fn fits(needs: &[Option<u64>], meminfo: &str) -> bool {
    let (Some(total), Some(available)) = (field(meminfo, "MemTotal:"), field(meminfo, "MemAvailable:")) else {
        return false;
    };
    match needs.iter().copied().sum::<Option<u64>>() {
        Some(sum) => sum <= available,
        None => total.saturating_sub(available) <= available,
    }
}

fn field(meminfo: &str, name: &str) -> Option<u64> {
    let rest = meminfo.lines().find_map(|line| line.strip_prefix(name))?;
    rest.trim().trim_end_matches(" kB").parse::<u64>().ok()?.checked_mul(1024)
}

/// Podman's sizes: a number and one of b, k, m and g.
fn bytes(size: &str) -> Option<u64> {
    let size = size.to_ascii_lowercase();
    let digits = size.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match size.get(digits.len()..)?.trim_end_matches('b') {
        "" => 1,
        "k" => 1 << 10,
        "m" => 1 << 20,
        "g" => 1 << 30,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMINFO: &str = "MemTotal:        4096 kB\nMemFree:          100 kB\nMemAvailable:    1024 kB\n";

    #[test]
    fn sizes_are_read_as_podman_reads_them() {
        assert_eq!(bytes("512m"), Some(512 << 20));
        assert_eq!(bytes("1GB"), Some(1 << 30));
        assert_eq!((bytes("2048"), bytes("7b"), bytes("3k")), (Some(2048), Some(7), Some(3072)));
        assert_eq!((bytes("x"), bytes("1t"), bytes("")), (None, None, None));
    }

    #[test]
    fn gates_run_one_by_one_where_the_memory_is_short() {
        let half = 512 << 10;
        assert!(fits(&[Some(half), Some(half)], MEMINFO));
        assert!(!fits(&[Some(half), Some(half + 1)], MEMINFO));
        assert!(!fits(&[Some(half), None], MEMINFO));
        assert!(fits(&[Some(half), None], &MEMINFO.replace("1024", "2048")));
        assert!(!fits(&[], ""));
    }
}
