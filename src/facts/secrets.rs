//! Secrets from files: read once, never printed.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use nix::errno::Errno;
use rustix::fs::{FileType, OFlags, Stat};

use crate::error::{Denied, Kernel, io_errno};
use crate::trust::Trust;

/// The kernel accepts no environment string of more than 128 KiB.
const LARGEST: u64 = 64 << 10;

/// Why root has not read a secret. The content is in neither.
#[derive(Debug, PartialEq, Eq)]
pub enum Unread {
    /// Others can write it, or root may not read it. It may be read as the user: that gives the app nothing that it
    /// could not have read itself.
    NotForRoot(String),
    /// There is no such file.
    Absent(String),
    /// It is no value.
    Unusable(String),
    /// It cannot be read for another reason of the kernel.
    Refused(String, Errno),
}

impl From<Denied> for Unread {
    fn from(denied: Denied) -> Unread {
        match denied {
            Denied::Call(_, Errno::ENOENT | Errno::ENOTDIR) => Unread::Absent(denied.to_string()),
            Denied::Call(_, Errno::EACCES) | Denied::NotRoots { .. } => Unread::NotForRoot(denied.to_string()),
            Denied::Call(_, errno) => Unread::Refused(denied.to_string(), errno),
            Denied::CannotJudge(what) => Unread::Unusable(what),
        }
    }
}

/// The content, read by root: of a file that is root's alone.
///
/// # Errors
/// [`Unread`].
pub fn read_as_root(path: &Path, trust: &Trust) -> Result<Vec<u8>, Unread> {
    let (file, facts) = trust.open(path, FLAGS)?;
    content(file, &facts).map_err(Unread::Unusable)
}

/// The content, read with the rights of a process that is the user already.
///
/// # Errors
/// Why it cannot be used.
pub fn read_as_user(path: &Path) -> Result<Vec<u8>, Unread> {
    read_as_root(path, &Trust::new(false))
}

/// Opens the file without blocking, whatever its kind.
const FLAGS: OFlags = OFlags::NONBLOCK.union(OFlags::NOCTTY);

/// The content without the final newline that editors write.
fn content(mut file: File, facts: &Stat) -> Result<Vec<u8>, String> {
    let unreadable = |call: &str, error: &std::io::Error| format!("{call}: {}", Kernel(io_errno(error)));
    if FileType::from_raw_mode(facts.st_mode) != FileType::RegularFile {
        return Err("it is not a regular file".into());
    }
    let mut value = Vec::new();
    (&mut file).take(LARGEST + 1).read_to_end(&mut value).map_err(|error| unreadable("read", &error))?;
    if value.len() as u64 > LARGEST {
        return Err(format!("it is larger than {LARGEST} bytes"));
    }
    if value.last() == Some(&b'\n') {
        value.pop();
        if value.last() == Some(&b'\r') {
            value.pop();
        }
    }
    if value.is_empty() {
        return Err("it is empty".into());
    }
    if value.contains(&0) { Err("it holds a NUL, which no environment can".into()) } else { Ok(value) }
}
