//! The mount table: `/proc/self/mountinfo`, `proc_pid_mountinfo(5)`.
//!
//! Used if `statx(2)` does not support `STATX_ATTR_MOUNT_ROOT` (before Linux 5.8, or filtered), and for messages about
//! a path that is not the expected mount point.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// One mount.
#[derive(Debug, PartialEq, Eq)]
pub struct Mount {
    /// Where it is mounted, unescaped.
    pub point: Vec<u8>,
    /// The type of its file system.
    pub kind: String,
    /// Its options, those of the mount and then those of the file system.
    pub options: String,
}

impl Mount {
    /// Whether it has this option.
    pub fn has(&self, option: &str) -> bool {
        self.options.split(',').any(|known| known == option)
    }

    /// The value of an option.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.options.split(',').find_map(|option| option.strip_prefix(name)?.strip_prefix('='))
    }
}

/// The mounts of a mount table's text, in its order; malformed lines are skipped.
pub fn parse(text: &[u8]) -> Vec<Mount> {
    text.split(|byte| *byte == b'\n').filter_map(mount).collect()
}

/// The mount at this path: the last one, which hides earlier ones.
pub fn mounted_at<'a>(mounts: &'a [Mount], path: &Path) -> Option<&'a Mount> {
    mounts.iter().rev().find(|mount| mount.point == path.as_os_str().as_bytes())
}

fn mount(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|byte| *byte == b' ');
    let point = unescape(fields.nth(4)?);
    let own = String::from_utf8_lossy(fields.next()?);
    // A dash ends the optional fields; the file system's type follows.
    fields.find(|field| *field == b"-")?;
    let kind = String::from_utf8_lossy(fields.next()?).into_owned();
    let options = format!("{own},{}", String::from_utf8_lossy(fields.nth(1).unwrap_or(b"")));
    Some(Mount { point, kind, options })
}

/// The kernel writes space, tab, newline and backslash as three octal digits.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        let digits = after.first_chunk::<3>().filter(|_| *first == b'\\');
        match digits.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok()) {
            Some(byte) => {
                plain.push(byte);
                rest = after.get(3..).unwrap_or(&[]);
            }
            None => plain.push(*first),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &[u8] = b"22 1 0:21 / / ro,relatime shared:1 - overlay overlay rw\n\
        23 22 0:22 / /home/app rw - tmpfs tmpfs rw,size=16384k,mode=755\n\
        nonsense\n24 22 0:23 / /a\\040b\\134c rw master:1 propagate_from:2 - ext4 /dev/vda rw\n\
        25 22 0:24 / /home/app rw - proc proc rw\n";

    #[test]
    fn the_last_mount_of_a_path_counts() {
        let mounts = parse(TABLE);
        assert_eq!(mounts.len(), 4);
        assert_eq!(mounted_at(&mounts, Path::new("/home/app")).map(|mount| mount.kind.as_str()), Some("proc"));
        assert_eq!(mounted_at(&mounts, Path::new("/home")), None);
    }

    #[test]
    fn options_of_the_mount_and_of_the_file_system_are_seen() {
        let mounts = parse(TABLE);
        assert_eq!(
            mounts.iter().map(|mount| mount.value("size")).collect::<Vec<_>>(),
            [None, Some("16384k"), None, None]
        );
        assert_eq!(
            (mounts[1].value("mode"), mounts[0].has("relatime"), mounts[1].has("relatime")),
            (Some("755"), true, false)
        );
        assert!(!mounts[1].has("mode") && mounts[1].value("mod").is_none());
    }

    #[test]
    fn escaped_names_are_read() {
        assert_eq!(mounted_at(&parse(TABLE), Path::new("/a b\\c")).map(|mount| mount.kind.as_str()), Some("ext4"));
    }
}
