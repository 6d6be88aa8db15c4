//! Compares the mounts with those that `--render` prints: `proc_pid_mountinfo(5)`, `tmpfs(5)`. A difference is a
//! warning that names the flag. Whether the app can write is tested elsewhere, by writing.

use std::path::Path;

use super::report::Report;
use crate::error::fix;
use crate::facts::mounts::{self, Mount};
use crate::plan::{Plan, StartedAs, TmpfsPlan, flags};

/// The options with which engines mount every tmpfs by default. Docker adds `noexec`, Podman does not.
const USUAL: [&str; 2] = ["nosuid", "nodev"];

/// The kernel rounds a size up to its pages, of at most this many bytes.
const LARGEST_PAGE: u64 = 65_536;

pub(super) fn check(plan: &Plan, report: &mut Report) {
    let table = match std::fs::read("/proc/self/mountinfo") {
        Ok(text) => mounts::parse(&text),
        Err(error) => {
            report.warn(
                "mounts",
                format!("cannot be compared: /proc/self/mountinfo: {error}"),
                fix::check::MOUNT_TABLE,
            );
            return;
        }
    };
    // A Pod has no options for its mounts, and not being root is how one is started.
    let by_flags = plan.started_as == StartedAs::Root && plan.app.environment.get("KUBERNETES_SERVICE_HOST").is_none();
    for entry in &plan.surfaces.tmpfs {
        let mount = mounts::mounted_at(&table, Path::new(&entry.path));
        for difference in mount.map_or_else(not_mounted, |mount| differences(entry, mount, by_flags)) {
            report.warn(
                &format!("tmpfs {}", entry.path),
                difference,
                &fix::check::run_with(&format!("--tmpfs {}", entry.mount())),
            );
        }
    }
    for entry in
        plan.surfaces.volumes.iter().filter(|entry| mounts::mounted_at(&table, Path::new(&entry.path)).is_none())
    {
        let fix = fix::check::run_with(&format!("--volume {}", entry.mount("NAME", false)));
        not_mounted().into_iter().for_each(|what| report.warn(&format!("volume {}", entry.path), what, &fix));
    }
}

fn not_mounted() -> Vec<String> {
    vec!["not mounted: what is written there is lost with the container".into()]
}

fn differences(entry: &TmpfsPlan, mount: &Mount, by_flags: bool) -> Vec<String> {
    let mut found = Vec::new();
    match (mount.value("size"), &entry.size) {
        (None, _) => found.push("without a size, so it may take half of the memory".to_owned()),
        (Some(size), Some(wanted)) if !is_size(flags::bytes(size), flags::bytes(wanted)) => {
            found.push(format!("size {size} instead of {wanted}"))
        }
        _ => {}
    }
    if by_flags {
        // The kernel does not print its own default.
        let mode = mount.value("mode").map_or(Some(0o1777), |mode| u32::from_str_radix(mode, 8).ok());
        if let Some(mode) = mode.filter(|mode| *mode != entry.mode) {
            found.push(format!("mounted with mode {mode:04o} instead of {:04o}", entry.mode));
        }
        found
            .extend(USUAL.iter().filter(|option| !mount.has(option)).map(|option| format!("mounted without {option}")));
    }
    found
}

fn is_size(found: u64, wanted: u64) -> bool {
    (wanted..wanted.saturating_add(LARGEST_PAGE)).contains(&found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(size: Option<&str>, options: &str, by_flags: bool) -> Vec<String> {
        let entry = TmpfsPlan { path: "/t".into(), mode: 0o755, size: size.map(str::to_owned), recursive: false };
        differences(&entry, &Mount { point: b"/t".to_vec(), kind: "tmpfs".into(), options: options.into() }, by_flags)
    }

    #[test]
    fn what_was_rendered_has_no_difference() {
        for (size, shown) in [("16m", "16384k"), ("16M", "16384k"), ("1000000", "980k"), ("1g", "1048576k")] {
            let options = format!("rw,nosuid,nodev,noexec,relatime,rw,size={shown},mode=755,uid=1000,inode64");
            assert_eq!(found(Some(size), &options, true), [""; 0], "{size}");
        }
        assert_eq!(found(None, "rw,nosuid,nodev,rw,size=65536k,mode=755", true), [""; 0]);
        assert_eq!(found(Some("16m"), "rw,relatime,rw,size=16384k", false), [""; 0]);
    }

    #[test]
    fn every_difference_is_reported() {
        assert_eq!(
            found(Some("16m"), "rw,nosuid,nodev,noexec,rw,size=8192k,mode=755", true),
            ["size 8192k instead of 16m"]
        );
        assert_eq!(
            found(Some("8m"), "rw,nosuid,nodev,noexec,rw,size=16384k,mode=755", true),
            ["size 16384k instead of 8m"]
        );
        assert_eq!(
            found(None, "rw,nosuid,nodev,noexec,rw,mode=755", true),
            ["without a size, so it may take half of the memory"]
        );
        assert_eq!(
            found(Some("16m"), "rw,relatime,rw,size=16384k", true),
            ["mounted with mode 1777 instead of 0755", "mounted without nosuid", "mounted without nodev"]
        );
    }
}
