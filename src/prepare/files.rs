//! Writes the user's files from their templates: atomically, and never through a link.
//!
//! The text is written to a new file beside the path, which is then renamed: `open(2)` with `O_EXCL`, `rename(2)`. All
//! of it happens as the user, after the drop, so that only files are used that the app could read or write.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::errno::Errno;
use rustix::fs::{AtFlags, Mode, OFlags, fchmod, open, openat, renameat, statat, unlinkat};

use super::ownership::bits;
use crate::error::{Error, Hindrance, Kernel, Result, errno, fix, io_errno};
use crate::facts::hindrance::{self, attribute};
use crate::facts::random;
use crate::plan::files::FilePlan;
use crate::privilege::{Dropped, Target};

/// The limit of a template and of its result: a configuration has a few pages, and PID 1 holds it in memory.
const LARGEST: usize = 1 << 20;

/// Writes each file.
///
/// # Errors
/// [`Error::Config`] for a template that cannot be used, [`Error::Create`].
pub fn write(_dropped: &Dropped, files: &[FilePlan], target: &Target) -> Result<()> {
    for file in files {
        if let Some(path) = file.exists.forbidden_by()? {
            log::info!("file {} is held back by {}", file.path.display(), path.display());
            continue;
        }
        let text = text_of(file)?;
        put(file, &text).map_err(|(call, errno)| failed(&file.path, call, errno, target.uid))?;
    }
    Ok(())
}

fn failed(path: &Path, call: &'static str, errno: Errno, uid: u32) -> Error {
    let shown = path.display().to_string();
    // A link in the file's place is replaced, so only one above it matters.
    let by = attribute(path, errno).or_else(|| hindrance::of(path.parent()?, errno));
    // The kernel has no other reason to refuse this in a directory that the user can write to.
    let by = by.or_else(|| ((call, errno) == ("rename", Errno::EPERM)).then(|| Hindrance::Sticky(shown.clone())));
    Error::Create { what: "file", path: shown, call, errno, uid }.hindered(by)
}

/// The template's text with the values in it.
fn text_of(file: &FilePlan) -> Result<Vec<u8>> {
    let text = read(&file.template).and_then(|text| {
        substituted(&text, &file.values).ok_or_else(|| format!("with its variables it is larger than {LARGEST} bytes"))
    });
    text.map_err(|what| Error::Config {
        place: file.place.clone(),
        what: format!("template {}: {what}", file.template.display()),
        allowed: fix::mistake::TEMPLATE.into(),
    })
}

fn read(template: &Path) -> std::result::Result<Vec<u8>, String> {
    let failed = |call: &str, errno: Errno| format!("{call}: {}", Kernel(errno));
    // A FIFO in its place would block the boot without O_NONBLOCK.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let mut opened = File::from(open(template, flags, Mode::empty()).map_err(|error| failed("open", errno(error)))?);
    let facts = opened.metadata().map_err(|error| failed("fstat", io_errno(&error)))?;
    if !facts.is_file() {
        return Err("it is not a regular file".into());
    }
    let mut text = Vec::new();
    let limit = LARGEST as u64 + 1;
    (&mut opened).take(limit).read_to_end(&mut text).map_err(|error| failed("read", io_errno(&error)))?;
    if text.len() > LARGEST {
        return Err(format!("it is larger than {LARGEST} bytes"));
    }
    // A truncated text could lack restrictions.
    if (text.len() as u64) < facts.len() { Err(failed("read", Errno::ENODATA)) } else { Ok(text) }
}

/// Replaces `$NAME` and `${NAME}` of the listed variables, as `envsubst` with a list does; every other `$` is kept.
/// None if the result is too large.
fn substituted(text: &[u8], values: &[(String, Vec<u8>)]) -> Option<Vec<u8>> {
    let mut all = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.iter().position(|byte| *byte == b'$') {
        let (before, dollar) = rest.split_at(at);
        all.extend_from_slice(before);
        let after = dollar.get(1..)?;
        let (braces, from) = after.strip_prefix(b"{").map_or((0, after), |from| (1, from));
        let length = from.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
        let closed = braces == 0 || from.get(length) == Some(&b'}');
        let value = values.iter().find(|(name, _)| closed && Some(name.as_bytes()) == from.get(..length));
        let (written, left) = match value {
            Some((_, value)) => (value.as_slice(), from.get(length + braces..)?),
            None => (&b"$"[..], after),
        };
        all.extend_from_slice(written);
        rest = left;
        if all.len() > LARGEST {
            return None;
        }
    }
    all.extend_from_slice(rest);
    (all.len() <= LARGEST).then_some(all)
}

/// The new file, its mode and its path; all are read back.
fn put(file: &FilePlan, text: &[u8]) -> std::result::Result<(), (&'static str, Errno)> {
    let call = |name: &'static str| move |error| (name, errno(error));
    let above = file.path.parent().unwrap_or(Path::new("/"));
    let name = file.path.file_name().unwrap_or_default();
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = open(above, flags, Mode::empty()).map_err(call("open"))?;
    let (new, beside) = new_file(&directory)?;
    let placed = fill(new, text, file.mode).and_then(|inode| {
        renameat(&directory, &beside, &directory, name).map_err(call("rename"))?;
        let there = statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW).map_err(call("stat"))?;
        if there.st_ino == inode { Ok(()) } else { Err(("rename", Errno::ENODATA)) }
    });
    if placed.is_err() {
        let _ = unlinkat(&directory, &beside, AtFlags::empty());
    }
    placed
}

/// A new file in the directory, with a hidden random name: a killed boot or the app may have left files there, and
/// another boot may run at the same time.
fn new_file(directory: &OwnedFd) -> std::result::Result<(OwnedFd, String), (&'static str, Errno)> {
    // Not from the file's name: with more characters that could be too long.
    let beside = format!(".init.{:x}", random::number());
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let new = openat(directory, &beside, flags, Mode::RUSR | Mode::WUSR).map_err(|error| ("open", errno(error)))?;
    Ok((new, beside))
}

/// Writes the text and sets the mode. Returns the file's inode number.
fn fill(new: OwnedFd, text: &[u8], mode: u32) -> std::result::Result<u64, (&'static str, Errno)> {
    let mut new = File::from(new);
    new.write_all(text).map_err(|error| ("write", io_errno(&error)))?;
    fchmod(&new, Mode::from_raw_mode(mode)).map_err(|error| ("fchmod", errno(error)))?;
    let facts = new.metadata().map_err(|error| ("fstat", io_errno(&error)))?;
    if facts.len() != text.len() as u64 {
        return Err(("write", Errno::ENODATA));
    }
    if bits(facts.mode()) != mode {
        return Err(("fchmod", Errno::ENODATA));
    }
    Ok(facts.ino())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_variables_are_replaced() {
        let values = [("HOST".to_owned(), b"h".to_vec()), ("BYTES".to_owned(), b"\xff$HOST".to_vec())];
        for (text, expected) in [
            (&b"$HOST ${HOST} $HOSTS ${HOSTS} $host"[..], &b"h h $HOSTS ${HOSTS} $host"[..]),
            (b"$$HOST ${HOST", b"$h ${HOST"),
            (b"${HOST:-x} ${HOST }$", b"${HOST:-x} ${HOST }$"),
            (b"$BYTES;$", b"\xff$HOST;$"),
            (b"Host $host$HOST$request_uri;", b"Host $hosth$request_uri;"),
            (b"", b""),
            (b"${}$ {HOST}\0$HOST.", b"${}$ {HOST}\0h."),
        ] {
            assert_eq!(substituted(text, &values).as_deref(), Some(expected));
        }
        assert_eq!(substituted(&b"$HOST".repeat(LARGEST / 8), &values).map(|all| all.len()), Some(LARGEST / 8));
        assert_eq!(substituted(b"$A$A", &[("A".to_owned(), vec![b'a'; LARGEST / 2 + 1])]), None);
    }
}
