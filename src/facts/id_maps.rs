//! Which ids the user namespace maps: `/proc/self/uid_map` and `gid_map`, `user_namespaces(7)`.

use std::cell::OnceCell;
use std::fs::File;
use std::io::Read;

use rustix::fs::{Mode, OFlags, open};

use crate::error::{Error, Result, io_errno};
use crate::text::joined;

/// The file of user ids.
pub const UID_MAP: &str = "/proc/self/uid_map";
/// The file of group ids.
pub const GID_MAP: &str = "/proc/self/gid_map";

/// The ids of one kind that exist in the user namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdMap {
    /// First id and count of each range.
    ranges: Vec<(u32, u32)>,
}

/// The ids of both kinds, read only when needed: opening one of the files takes longer than any other call of a boot.
#[derive(Clone, Debug, Default)]
pub struct IdMaps {
    users: OnceCell<IdMap>,
    groups: OnceCell<IdMap>,
}

impl IdMaps {
    /// Those of the initial user namespace: all ids.
    pub fn everything() -> IdMaps {
        IdMaps { users: IdMap::everything().into(), groups: IdMap::everything().into() }
    }

    /// Whether the user ids have been read.
    pub fn are_read(&self) -> bool {
        self.users.get().is_some()
    }

    /// The user ids.
    ///
    /// # Errors
    /// [`Error::Credentials`].
    pub fn users(&self) -> Result<&IdMap> {
        kept(&self.users, || IdMap::read(UID_MAP))
    }

    /// The group ids. If all user ids are mapped, this is the initial user namespace, which also maps all group ids; in
    /// any other namespace of that kind the drop refuses an unmapped group id.
    ///
    /// # Errors
    /// [`Error::Credentials`].
    pub fn groups(&self) -> Result<&IdMap> {
        let users = self.users()?;
        kept(&self.groups, || if *users == IdMap::everything() { Ok(users.clone()) } else { IdMap::read(GID_MAP) })
    }
}

fn kept(cell: &OnceCell<IdMap>, read: impl FnOnce() -> Result<IdMap>) -> Result<&IdMap> {
    match cell.get() {
        Some(map) => Ok(map),
        None => read().map(|map| cell.get_or_init(|| map)),
    }
}

impl IdMap {
    fn everything() -> IdMap {
        IdMap { ranges: vec![(0, u32::MAX)] }
    }

    fn read(path: &'static str) -> Result<IdMap> {
        let opened = open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
        match opened.map_err(std::io::Error::from).and_then(|file| text(File::from(file))) {
            Ok(text) => Ok(IdMap::parse(&text)),
            // A kernel without user namespaces has no such file, and all ids exist.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(IdMap::everything()),
            Err(error) => Err(Error::Credentials { call: "read", object: path.into(), errno: io_errno(&error) }),
        }
    }

    /// Parses lines of first id inside, first id outside, count.
    fn parse(text: &str) -> IdMap {
        let range = |line: &str| {
            let mut fields = line.split_ascii_whitespace();
            let (first, count) = (fields.next()?, fields.nth(1)?);
            Some((first.parse().ok()?, count.parse().ok()?))
        };
        IdMap { ranges: text.lines().filter_map(range).collect() }
    }

    /// Whether it maps this id.
    pub fn maps(&self, id: u32) -> bool {
        self.ranges.iter().any(|(first, count)| id >= *first && id - first < *count)
    }
}

/// The whole text. The kernel omits a line that does not fit, so one read that leaves space is complete.
fn text(mut file: File) -> std::io::Result<String> {
    const LINE: usize = 64;
    // On the stack: zeroed memory of the heap would be new pages in each boot.
    let mut buffer = [0_u8; 512];
    let length = file.read(&mut buffer)?;
    let mut bytes = buffer.get(..length).unwrap_or(&[]).to_vec();
    if length + LINE > buffer.len() {
        file.read_to_end(&mut bytes)?;
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

impl std::fmt::Display for IdMap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = self.ranges.iter().map(|(first, count)| match count {
            1 => first.to_string(),
            _ => format!("{first}-{}", first.saturating_add(count.saturating_sub(1))),
        });
        f.write_str(&joined(&shown.collect::<Vec<_>>(), ", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_mapped_inside_a_range_only() {
        let map = IdMap::parse("         0       1000          1\n         1     100000      65536\n");
        let mapped = |id: u32| map.maps(id);
        assert!(mapped(0) && mapped(1) && mapped(65536) && !mapped(65537) && !mapped(u32::MAX - 1));
        assert_eq!(map.to_string(), "0, 1-65536");
        assert!(IdMap::everything().maps(u32::MAX - 1) && !IdMap::parse("").maps(0));
    }
}
