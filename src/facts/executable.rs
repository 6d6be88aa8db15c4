//! Explains a failed `execve(2)`: its errno may be about an interpreter, a directory or a mount instead of the file.
//!
//! The files are examined after the failure, by the same process, and so with the app's permissions.

use std::ffi::{CStr, OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use rustix::fs::{Access, AtFlags, CWD, FileType, StatVfsMountFlags, accessat, lstat, readlink, stat, statvfs};

use crate::error::{Error, Missing, Unfit, errno};
use crate::trust;

/// The bytes that the kernel reads to detect the format of a file: `BINPRM_BUF_SIZE`.
const HEAD: usize = 256;

/// The length of a chain of interpreters that the kernel accepts.
const DEEPEST: usize = 5;

/// The longest string that `execve(2)` accepts: `MAX_ARG_STRLEN` without its NUL.
const LONGEST: usize = (128 << 10) - 1;

/// The number of links that the kernel follows: `path_resolution(7)`.
const MOST_LINKS: usize = 40;

/// The error for a program that the kernel refused to execute. `longest` is the longest of its arguments and variables.
pub fn refused(program: &CStr, reason: Errno, longest: Option<(String, usize)>) -> Error {
    let path = Path::new(OsStr::from_bytes(program.to_bytes()));
    let name = path.display().to_string();
    match reason {
        Errno::ENOENT | Errno::ENOTDIR => Error::NotFound { name, cause: missing(path, DEEPEST) },
        Errno::EACCES => Error::NotExecutable { path: name, cause: denied(path, DEEPEST) },
        Errno::ENOEXEC | Errno::ELIBBAD => Error::NotExecutable { path: name, cause: malformed(path, DEEPEST) },
        Errno::EPERM if has_capabilities(program) => {
            Error::NotExecutable { path: name, cause: Unfit::FileCapabilities }
        }
        Errno::EPERM => Error::NotExecutable { path: name, cause: Unfit::Filtered },
        // An ELF file whose loader is shorter than a header; or the file system failed.
        Errno::EIO if matches!(malformed(path, DEEPEST), Unfit::Runner(..)) => {
            Error::NotExecutable { path: name, cause: malformed(path, DEEPEST) }
        }
        Errno::E2BIG => {
            Error::NotExecutable { path: name, cause: Unfit::TooLong(longest.filter(|(_, length)| *length > LONGEST)) }
        }
        Errno::ETXTBSY => Error::NotExecutable { path: name, cause: Unfit::Busy },
        Errno::ELOOP => Error::NotExecutable { path: name, cause: Unfit::Links },
        other => Error::NotExecutable { path: name, cause: Unfit::Other(other) },
    }
}

/// Whether a file has file capabilities.
fn has_capabilities(file: &CStr) -> bool {
    // The kernel's structure has 24 bytes at most.
    rustix::fs::getxattr(file, c"security.capability", &mut [0_u8; 32]).is_ok()
}

/// The missing file: the file itself, or one that its first line or header refers to.
pub fn missing(path: &Path, deeper: usize) -> Missing {
    match head(path) {
        Err(_) if stat(path).is_ok() => Missing::Unknown,
        Err(_) => Missing::File(target(path)),
        Ok(bytes) => match runner(path, &bytes) {
            Some(line) if bytes.starts_with(b"#!") => {
                let interpreter = line.to_string_lossy().into_owned();
                let file = file_of(&line);
                match stat(&file) {
                    Ok(_) if deeper > 0 => missing(&file, deeper - 1),
                    _ if interpreter.ends_with('\r') => Missing::CarriageReturn(interpreter),
                    _ => Missing::Interpreter(interpreter, target(&file)),
                }
            }
            Some(loader) => Missing::Loader(loader.to_string_lossy().into_owned(), target(Path::new(&loader))),
            None => Missing::Loader("of its header".into(), None),
        },
    }
}

/// What denies the execution: a directory, the mount, the file's mode; or the same for its interpreter.
fn denied(path: &Path, deeper: usize) -> Unfit {
    let uid = rustix::process::getuid().as_raw();
    if let Some((directory, Errno::EACCES)) = end(path) {
        return Unfit::Barred { directory: directory.display().to_string(), uid };
    }
    let Ok(facts) = stat(path) else { return Unfit::Denied };
    if FileType::from_raw_mode(facts.st_mode) == FileType::Directory {
        return Unfit::Directory;
    }
    if FileType::from_raw_mode(facts.st_mode) != FileType::RegularFile {
        return Unfit::NotRegular;
    }
    if statvfs(path).is_ok_and(|facts| facts.f_flag.contains(StatVfsMountFlags::NOEXEC)) {
        return Unfit::NoExec;
    }
    if accessat(CWD, path, Access::EXEC_OK, AtFlags::empty()).is_err() {
        return Unfit::NotForUser { uid, mode: facts.st_mode & 0o7777 };
    }
    let runner = head(path).ok().and_then(|bytes| runner(path, &bytes)).map(|line| file_of(&line));
    match runner {
        Some(file) if deeper > 0 => Unfit::Runner(file.display().to_string(), Box::new(denied(&file, deeper - 1))),
        _ => Unfit::Denied,
    }
}

/// What is missing on the path of a file, except the file itself: the target of a symbolic link, or a directory.
fn target(path: &Path) -> Option<String> {
    match end(path)? {
        (place, Errno::ENOENT) if place != path => Some(place.display().to_string()),
        (place, Errno::ENOTDIR) => Some(format!("directory {}", place.display())),
        _ => None,
    }
}

/// Where and why a path lookup ends, with links followed as in the kernel: a name that does not exist, or a directory
/// that this process may not search or that is not one.
fn end(path: &Path) -> Option<(PathBuf, Errno)> {
    let absolute = trust::absolute(path).ok()?;
    let names =
        |path: &Path| -> Vec<OsString> { path.components().rev().map(|part| part.as_os_str().to_owned()).collect() };
    let (mut to_go, mut here, mut links) = (names(&absolute), PathBuf::new(), 0);
    while let Some(name) = to_go.pop() {
        if name == "." {
            continue;
        }
        if name == ".." {
            here.pop();
            continue;
        }
        let place = here.join(&name);
        match lstat(&place).map_err(errno) {
            Err(reason @ (Errno::EACCES | Errno::ENOTDIR)) => return Some((here, reason)),
            Err(reason) => {
                let whole = to_go.iter().rev().fold(place, |place, name| place.join(name));
                return Some((whole, reason));
            }
            Ok(facts) if FileType::from_raw_mode(facts.st_mode) == FileType::Symlink => {
                links += 1;
                let target = readlink(&place, Vec::new()).ok().filter(|_| links <= MOST_LINKS)?;
                to_go.extend(names(Path::new(&OsString::from_vec(target.into_bytes()))));
            }
            Ok(_) => here = place,
        }
    }
    None
}

/// Files that are no program for Linux, by their first bytes.
const FOREIGN: [(&[u8], &str); 9] = [
    (b"MZ", "a program for Windows"),
    (b"\xcf\xfa\xed\xfe", "a program for macOS"),
    (b"\xca\xfe\xba\xbe", "a program for macOS or a Java class"),
    (b"PK\x03\x04", "a zip or jar archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\0asm", "a WebAssembly module"),
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself"),
    (b"<!", "an HTML page, perhaps of a failed download"),
    (b"<html", "an HTML page, perhaps of a failed download"),
];

/// The defect of the content.
fn malformed(path: &Path, deeper: usize) -> Unfit {
    let Ok(bytes) = head(path) else { return Unfit::Unrecognized };
    let starts = |magic: &[u8]| bytes.starts_with(magic);
    if starts(b"\xef\xbb\xbf") {
        return Unfit::ByteOrderMark;
    }
    if [&b"\xff\xfe"[..], b"\xfe\xff", b"#\0!\0", b"\0#\0!"].into_iter().any(starts) {
        return Unfit::Utf16;
    }
    if let Some((_, what)) = FOREIGN.iter().find(|(magic, _)| starts(magic)) {
        return Unfit::Foreign(what);
    }
    if bytes.is_empty() {
        return Unfit::Empty;
    }
    if bytes.starts_with(b"\x7fELF") {
        let loader = || runner(path, &bytes).map(|loader| file_of(&loader)).filter(|_| deeper > 0);
        return elf(&bytes).unwrap_or_else(|| {
            loader().map_or(Unfit::Elf("a damaged ELF file"), |file| {
                Unfit::Runner(file.display().to_string(), Box::new(malformed(&file, deeper - 1)))
            })
        });
    }
    if let Some(line) = bytes.strip_prefix(b"#!") {
        let whole = line.contains(&b'\n') || bytes.len() < HEAD;
        return match runner(path, &bytes).map(|line| file_of(&line)) {
            _ if !whole => Unfit::LongLine,
            None => Unfit::NoInterpreter,
            Some(file) if deeper > 0 => {
                Unfit::Runner(file.display().to_string(), Box::new(malformed(&file, deeper - 1)))
            }
            Some(_) => Unfit::Links,
        };
    }
    if bytes.iter().all(|byte| *byte >= b' ' || byte.is_ascii_whitespace() || *byte == 0x1b) {
        Unfit::NoHashBang
    } else {
        Unfit::Unrecognized
    }
}

/// The defect of an ELF header, if it is visible: `elf(5)`.
fn elf(bytes: &[u8]) -> Option<Unfit> {
    let Some(big_end_first) = bytes.get(5).map(|order| *order == 2) else {
        return Some(Unfit::Elf("a damaged ELF file"));
    };
    let half = |at: usize| {
        let two: [u8; 2] = bytes.get(at..at + 2)?.try_into().ok()?;
        Some(if big_end_first { u16::from_be_bytes(two) } else { u16::from_le_bytes(two) })
    };
    let (Some(kind), Some(machine)) = (half(16), half(18)) else {
        return Some(Unfit::Elf("a damaged ELF file"));
    };
    let wide = bytes.get(4) == Some(&2);
    let its = machine_name(machine, wide, big_end_first);
    if its != std::env::consts::ARCH {
        return Some(Unfit::Machine(its, std::env::consts::ARCH));
    }
    match kind {
        1 => Some(Unfit::Elf("an object file, not a linked program")),
        4 => Some(Unfit::Elf("a core dump")),
        _ => None,
    }
}

/// The name of a machine as Rust and `uname(1)` have it.
fn machine_name(machine: u16, wide: bool, big_end_first: bool) -> String {
    let name = match (machine, wide, big_end_first) {
        (3, ..) => "x86 (32 bits)",
        (62, true, _) => "x86_64",
        (62, false, _) => "x86_64 (x32)",
        (40, ..) => "arm",
        (183, _, false) => "aarch64",
        (183, _, true) => "aarch64 (big-endian)",
        (243, true, _) => "riscv64",
        (243, false, _) => "riscv32",
        (20, ..) => "powerpc",
        (21, _, false) => "ppc64le",
        (21, _, true) => "ppc64",
        (22, ..) => "s390x",
        (8, ..) => "mips",
        (258, ..) => "loongarch64",
        _ => return format!("another machine (ELF number {machine})"),
    };
    name.to_owned()
}

/// The interpreter line after `#!`, or the loader of an ELF header.
fn runner(path: &Path, bytes: &[u8]) -> Option<OsString> {
    let text = match bytes.strip_prefix(b"#!") {
        Some(line) => {
            let line = line.split(|byte| *byte == b'\n').next().unwrap_or(line);
            let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
            let from = line.iter().position(|byte| !blank(byte))?;
            let to = line.iter().rposition(|byte| !blank(byte))?;
            line.get(from..=to)?.to_vec()
        }
        None if bytes.starts_with(b"\x7fELF") => loader(path)?,
        None => return None,
    };
    Some(OsString::from_vec(text))
}

/// The first word of an interpreter line: the file.
fn file_of(line: &OsStr) -> PathBuf {
    let bytes = line.as_bytes();
    let end = bytes.iter().position(|byte| matches!(byte, b' ' | b'\t')).unwrap_or(bytes.len());
    PathBuf::from(OsStr::from_bytes(bytes.get(..end).unwrap_or(bytes)))
}

/// The `PT_INTERP` of a 64-bit little-endian program, which linkers place near its beginning.
fn loader(path: &Path) -> Option<Vec<u8>> {
    const INTERP: u32 = 3;
    let mut bytes = Vec::new();
    open(path).ok()?.take(64 << 10).read_to_end(&mut bytes).ok()?;
    let word = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let long =
        |at: usize| usize::try_from(u64::from_le_bytes(bytes.get(at..at.checked_add(8)?)?.try_into().ok()?)).ok();
    let half = |at: usize| Some(usize::from(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?)));
    let (table, size, count) = (long(32)?, half(54)?, half(56)?);
    let header = (0..count)
        .map(|number| table.saturating_add(number * size))
        .find(|at| at.checked_add(size).is_some_and(|end| end <= bytes.len()) && word(*at) == Some(INTERP))?;
    let (from, length) = (long(header + 8)?, long(header + 32)?);
    let name = bytes.get(from..from.checked_add(length)?)?;
    Some(name.split(|byte| *byte == 0).next().unwrap_or(name).to_vec())
}

/// Opens a file to examine it. The app may have left a FIFO in its place, and opening that would block the boot.
fn open(path: &Path) -> std::io::Result<File> {
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(ErrorKind::InvalidInput.into()) }
}

/// The first bytes of a file; all that it has, if it has fewer.
fn head(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(HEAD);
    open(path)?.take(HEAD as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::ffi::CString;

    use super::*;

    #[test]
    fn a_forbidden_exec_is_not_blamed_on_file_capabilities() {
        let program = CString::new(std::env::current_exe().unwrap().into_os_string().into_vec()).unwrap();
        match refused(&program, Errno::EPERM, None) {
            Error::NotExecutable { cause: Unfit::Filtered, .. } => {}
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn headers_of_other_machines_are_named() {
        let header = |class: u8, order: u8, kind: u8, machine: u8| {
            let mut bytes = vec![0_u8; 64];
            bytes[..6].copy_from_slice(&[0x7f, b'E', b'L', b'F', class, order]);
            let at = if order == 2 { 1 } else { 0 };
            (bytes[16 + at], bytes[18 + at]) = (kind, machine);
            bytes
        };
        for (bytes, name) in
            [(header(2, 1, 2, 183), "aarch64"), (header(1, 1, 2, 40), "arm"), (header(2, 2, 2, 22), "s390x")]
        {
            match elf(&bytes) {
                Some(Unfit::Machine(its, _)) if name != std::env::consts::ARCH => assert_eq!(its, name),
                other => assert!(name == std::env::consts::ARCH, "{other:?}"),
            }
        }
        assert_eq!(elf(b"\x7fELF"), Some(Unfit::Elf("a damaged ELF file")));
    }
}
