//! Finds and reads the configuration file. Started as root, it checks who can write the file before it reads any of it:
//! the file itself names the app's user. A directory, a FIFO and an endless file are refused. `open(2)`.

use std::io::Read;
use std::path::Path;
use std::rc::Rc;

use nix::errno::Errno;
use rustix::fs::{FileType, OFlags};

use super::{Config, decode};
use crate::error::{Decides, Denied, Error, Result, TextFile, io_errno};
use crate::trust::Trust;

/// The default path of the configuration.
pub const DEFAULT_PATH: &str = "/etc/init.toml";

/// The size limit. A configuration has a few pages; a larger file is a mistake or an attack.
const LARGEST: u64 = 1 << 20;

/// A configuration, and the file it came from.
#[derive(Debug)]
pub struct Loaded {
    /// The decoded file, or the defaults if there is none.
    pub config: Config,
}

/// Reads the given file, or the default one if it exists.
///
/// # Errors
/// [`Error::ConfigRead`] (a named file may not be absent), [`Error::NotRoots`], [`Error::ConfigKind`],
/// [`Error::Config`].
// Its locals would be part of the frame of the whole boot: a page of stack.
#[inline(never)]
pub fn load(named: Option<&str>, trust: &Trust) -> Result<Loaded> {
    let path = named.unwrap_or(DEFAULT_PATH);
    match read(path, trust) {
        Ok(text) => {
            let file = Rc::new(TextFile { path: path.to_owned(), text });
            Ok(Loaded { config: decode::decode(&file)? })
        }
        Err(Error::ConfigRead { errno: Errno::ENOENT, .. }) if named.is_none() => {
            Ok(Loaded { config: Config::default() })
        }
        Err(error) => Err(error),
    }
}

fn read(path: &str, trust: &Trust) -> Result<String> {
    let failed =
        |call, error: &std::io::Error| Error::ConfigRead { path: path.to_owned(), call, errno: io_errno(error) };
    let kind = |what: String| Error::ConfigKind { path: path.to_owned(), what };
    // Without O_NONBLOCK, opening a FIFO would block until another process writes to it.
    let (mut file, facts) =
        trust.open(Path::new(path), OFlags::NONBLOCK | OFlags::NOCTTY).map_err(|denied| match denied {
            Denied::Call(call, errno) => Error::ConfigRead { path: path.to_owned(), call, errno },
            cause => Error::NotRoots { decides: Decides::Boot, path: path.to_owned(), cause },
        })?;
    match FileType::from_raw_mode(facts.st_mode) {
        FileType::RegularFile => {}
        FileType::Directory => return Err(kind("a directory".to_owned())),
        FileType::Fifo => return Err(kind("a FIFO".to_owned())),
        _ => return Err(kind("not a regular file".to_owned())),
    }
    let length = facts.st_size.cast_unsigned();
    let mut bytes = Vec::with_capacity(usize::try_from(length.min(LARGEST)).unwrap_or(0) + 1);
    (&mut file).take(LARGEST + 1).read_to_end(&mut bytes).map_err(|error| failed("read", &error))?;
    // The part beyond the limit could contain restrictions.
    if length > bytes.len() as u64 && length <= LARGEST {
        return Err(Error::ConfigRead { path: path.to_owned(), call: "read", errno: Errno::ENODATA });
    }
    if bytes.len() as u64 > LARGEST {
        return Err(kind(format!("larger than {LARGEST} bytes")));
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let line = error.as_bytes().iter().take(good).filter(|byte| **byte == b'\n').count() + 1;
        let utf16 = matches!(error.as_bytes(), [0xff, 0xfe, ..] | [0xfe, 0xff, ..]);
        let what = format!("not UTF-8 in line {line}{}", if utf16 { ": it is UTF-16" } else { "" });
        Error::ConfigEncoding { path: path.to_owned(), what }
    })
}
