//! Finds and reads the configuration file. Whatever is in its place, reading it ends: a directory, a FIFO and an endless
//! file are refused. `open(2)`.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileTypeExt;
use std::rc::Rc;

use nix::errno::Errno;
use rustix::fs::{Mode, OFlags, open};

use super::{Config, decode};
use crate::error::{Error, Result, TextFile, io_errno};

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
        Ok(text) => {
            let file = Rc::new(TextFile { path: path.to_owned(), text });
            Ok(Loaded { config: decode::decode(&file)?, path: Some(path.to_owned()) })
        }
        Err(Error::ConfigRead { errno: Errno::ENOENT, .. }) if named.is_none() => {
            Ok(Loaded { config: Config::default(), path: None })
        }
        Err(error) => Err(error),
    }
}

fn read(path: &str) -> Result<String> {
    let failed =
        |call, error: &std::io::Error| Error::ConfigRead { path: path.to_owned(), call, errno: io_errno(error) };
    let kind = |what: String| Error::ConfigKind { path: path.to_owned(), what };
    // Without O_NONBLOCK a FIFO in its place would hold the boot until somebody writes to it.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let mut file = File::from(open(path, flags, Mode::empty()).map_err(|error| failed("open", &error.into()))?);
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
    // The rest of it might be what keeps root, or the app, from something.
    if facts.len() > bytes.len() as u64 && facts.len() <= LARGEST {
        return Err(Error::ConfigRead { path: path.to_owned(), call: "read", errno: Errno::ENODATA });
    }
    if bytes.len() as u64 > LARGEST {
        return Err(kind(format!("larger than {LARGEST} bytes")));
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let line = error.as_bytes().iter().take(good).filter(|byte| **byte == b'\n').count() + 1;
        kind(format!("not UTF-8 in line {line}"))
    })
}
