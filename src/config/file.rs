//! Finds, reads and guards the configuration file.
//!
//! Root obeys this file, so it must be one that the app of a previous life could not have written: whoever owns the
//! app's uid waits for the next restart. `path_resolution(7)`.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use rustix::fs::{OFlags, StatVfsMountFlags};

use super::{Config, tables};
use crate::error::{Error, Result, io_errno};

/// Where the configuration is unless it is named.
pub const DEFAULT_PATH: &str = "/etc/init.toml";

/// A configuration is a page or two; what is longer is a mistake or an attack.
const LARGEST: u64 = 1 << 20;

/// A configuration, and the file it came from.
#[derive(Debug)]
pub struct Loaded {
    /// The decoded file; the defaults where there is none.
    pub config: Config,
    /// The file, if there is one.
    pub path: Option<String>,
}

/// Reads the named file, or the default one if it is there.
///
/// # Errors
/// [`Error::ConfigRead`] (a named file may not be absent), [`Error::ConfigKind`], [`Error::Config`].
pub fn load(named: Option<&str>) -> Result<Loaded> {
    let path = named.unwrap_or(DEFAULT_PATH);
    match read(path) {
        Ok(text) => Ok(Loaded { config: tables::decode(path, &text)?, path: Some(path.to_owned()) }),
        Err(Error::ConfigRead { errno: Errno::ENOENT, .. }) if named.is_none() => Ok(Loaded { config: Config::default(), path: None }),
        Err(error) => Err(error),
    }
}

fn read(path: &str) -> Result<String> {
    let failed = |call, error: &std::io::Error| Error::ConfigRead { path: path.to_owned(), call, errno: io_errno(error) };
    let kind = |what: String| Error::ConfigKind { path: path.to_owned(), what };
    // Without O_NONBLOCK a FIFO in its place would hold the boot until somebody writes to it.
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let mut file: File =
        OpenOptions::new().read(true).custom_flags(i32::try_from(flags.bits()).unwrap_or(0)).open(path).map_err(|error| failed("open", &error))?;
    let facts = file.metadata().map_err(|error| failed("fstat", &error))?;
    let found = facts.file_type();
    if !found.is_file() {
        return Err(kind(
            if found.is_dir() {
                "a directory"
            } else if found.is_fifo() {
                "a FIFO"
            } else {
                "not a regular file"
            }
            .to_owned(),
        ));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(facts.len().min(LARGEST)).unwrap_or(0) + 1);
    (&mut file).take(LARGEST + 1).read_to_end(&mut bytes).map_err(|error| failed("read", &error))?;
    if bytes.len() as u64 > LARGEST {
        return Err(kind(format!("larger than {LARGEST} bytes")));
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let line = error.as_bytes().iter().take(good).filter(|byte| **byte == b'\n').count() + 1;
        kind(format!("not UTF-8 in line {line}"))
    })
}

/// Refuses a file that this user could write, replace or have replaced: its own, its group's or everybody's, or in a
/// directory that is. What lies on a read-only mount cannot be changed by anyone in the container.
///
/// # Errors
/// [`Error::ConfigWritable`], [`Error::ConfigRead`].
pub fn refuse_if_writable(path: &str, uid: u32, groups: &[u32]) -> Result<()> {
    let failed = |call, error: &std::io::Error| Error::ConfigRead { path: path.to_owned(), call, errno: io_errno(error) };
    let absolute = std::path::absolute(path).map_err(|error| failed("getcwd", &error))?;
    let real = std::fs::canonicalize(path).map_err(|error| failed("realpath", &error))?;
    // Both ways to the file: a link in a directory of the user's could point elsewhere at the next start.
    let ways: BTreeSet<&Path> = absolute.ancestors().chain(real.ancestors()).collect();
    for place in ways {
        let facts = std::fs::metadata(place).map_err(|error| failed("stat", &error))?;
        let sticky_directory = facts.is_dir() && facts.mode() & 0o1000 != 0;
        let how = if facts.uid() == uid {
            format!("{} belongs to uid {uid}", place.display())
        } else if facts.mode() & 0o020 != 0 && groups.contains(&facts.gid()) && !sticky_directory {
            format!("{} is writable to group {}", place.display(), facts.gid())
        } else if facts.mode() & 0o002 != 0 && !sticky_directory {
            format!("{} is writable to everyone", place.display())
        } else {
            continue;
        };
        if !on_read_only_mount(place) {
            return Err(Error::ConfigWritable { path: path.to_owned(), how, uid });
        }
    }
    Ok(())
}

fn on_read_only_mount(place: &Path) -> bool {
    let place: PathBuf = place.into();
    rustix::fs::statvfs(&place).is_ok_and(|facts| facts.f_flag.contains(StatVfsMountFlags::RDONLY))
}
