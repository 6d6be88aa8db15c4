//! The engine flags that a container needs, for messages, the boot check and `--render`.

use super::{TmpfsPlan, VolumePlan};

/// Makes `/` read-only.
pub const READ_ONLY: &str = "--read-only";
/// Sets `no_new_privs`.
pub const NO_NEW_PRIVILEGES: &str = "--security-opt=no-new-privileges";
/// Drops all capabilities except those added by name.
pub const DROP_ALL: &str = "--cap-drop=ALL";

/// A tmpfs without a size may take half of the machine's memory.
pub const DEFAULT_SIZE: &str = "64m";

/// A published port, on this machine's loopback address only: other addresses are the site's choice.
pub fn publish(port: u16) -> String {
    format!("127.0.0.1:{port}:{port}")
}

/// The limit of processes.
pub fn pids(limit: u64) -> String {
    format!("--pids-limit={limit}")
}

/// The limit of memory.
pub fn memory(limit: &str) -> String {
    format!("--memory={limit}")
}

impl TmpfsPlan {
    /// The size to mount it with.
    pub fn size(&self) -> &str {
        self.size.as_deref().unwrap_or(DEFAULT_SIZE)
    }

    /// The value of `--tmpfs`, without `uid=` and `gid=`, which Podman refuses. Engines add `nosuid` and `nodev`
    /// themselves.
    pub fn mount(&self) -> String {
        format!("{}:rw,size={},mode={:04o}", self.path, self.size(), self.mode)
    }
}

impl VolumePlan {
    /// The value of `--volume` for a volume of this name. `U`, which only Podman has, changes the owner. `Z`, a private
    /// label, would lock out other roles.
    pub fn mount(&self, name: &str, podman: bool) -> String {
        let owner = if podman && !self.recursive { "U," } else { "" };
        let label = if self.shared { 'z' } else { 'Z' };
        format!("{name}:{}:{owner}{label}", self.path)
    }
}

/// A size in bytes; its form was checked by the decoder.
pub fn bytes(size: &str) -> u64 {
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
        assert_eq!(
            (bytes("1700m"), bytes("64K"), bytes("2g"), bytes("4096")),
            (1_782_579_200, 65_536, 2_147_483_648, 4096)
        );
    }

    #[test]
    fn values_of_flags() {
        let tmpfs = |size: Option<&str>| TmpfsPlan {
            path: "/home/app".into(),
            mode: 0o755,
            size: size.map(str::to_owned),
            recursive: false,
        };
        assert_eq!(tmpfs(Some("16m")).mount(), "/home/app:rw,size=16m,mode=0755");
        assert_eq!(tmpfs(None).mount(), "/home/app:rw,size=64m,mode=0755");
        let volume = |recursive, shared| VolumePlan { path: "/data".into(), recursive, always: false, shared };
        assert_eq!(volume(false, false).mount("data", true), "data:/data:U,Z");
        assert_eq!(volume(true, false).mount("data", true), "data:/data:Z");
        assert_eq!(volume(false, true).mount("data", true), "data:/data:U,z");
        assert_eq!(volume(false, false).mount("data", false), "data:/data:Z");
    }
}
