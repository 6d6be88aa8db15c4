//! Secrets from files: read once, never printed.

use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

use crate::error::Kernel;
use crate::error::io_errno;

/// The kernel takes no environment string of more than 128 KiB.
const LARGEST: u64 = 64 << 10;

/// The content of a secret's file without the newline that editors put at its end.
///
/// # Errors
/// Why it cannot be used. The content is in none of them.
pub fn read(path: &Path) -> Result<Vec<u8>, String> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let unreadable = |call: &str, error: &std::io::Error| format!("{call}: {}", Kernel(io_errno(error)));
    let mut file = OpenOptions::new()
        .read(true)
        .custom_flags(i32::try_from(flags.bits()).unwrap_or(0))
        .open(path)
        .map_err(|error| unreadable("open", &error))?;
    if !file.metadata().map_err(|error| unreadable("fstat", &error))?.is_file() {
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
