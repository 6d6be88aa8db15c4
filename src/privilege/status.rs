//! Credentials as the kernel prints them: `/proc/self/status`, `proc_pid_status(5)`.
//!
//! One read returns all sets, the file-system ids and the number of threads, which no system call does. The file is
//! about the first thread; both readers refuse a process with a second one, so that is the calling thread.

use std::borrow::Cow;
use std::fmt;
use std::fs::File;
use std::io::{Read, Seek};
use std::rc::Rc;

use rustix::fs::{FsWord, Mode, OFlags, open};

use crate::error::{Error, Hindrance, Result, errno, io_errno};

use super::capability::Set;

const PATH: &str = "/proc/self/status";

/// `PROC_SUPER_MAGIC`: another file system at `/proc` could report anything (CVE-2019-19921).
const PROC_SUPER_MAGIC: FsWord = 0x9fa0;

/// The four ids of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ids {
    /// Real.
    pub real: u32,
    /// Effective.
    pub effective: u32,
    /// Saved.
    pub saved: u32,
    /// For the file system.
    pub file_system: u32,
}

impl fmt::Display for Ids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} {}", self.real, self.effective, self.saved, self.file_system)
    }
}

impl Ids {
    /// Whether all four are this one.
    pub fn all_are(self, id: u32) -> bool {
        self == Ids { real: id, effective: id, saved: id, file_system: id }
    }
}

/// The state of the thread.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// User ids.
    pub uid: Ids,
    /// Group ids.
    pub gid: Ids,
    /// Supplementary groups, in the kernel's order.
    pub groups: Vec<u32>,
    /// The inheritable set.
    pub inheritable: Set,
    /// The permitted set.
    pub permitted: Set,
    /// The effective set.
    pub effective: Set,
    /// The bounding set.
    pub bounding: Set,
    /// The ambient set; none where the kernel does not print it.
    pub ambient: Option<Set>,
    /// `no_new_privs`, from `prctl(2)` where the kernel does not print it.
    pub no_new_privs: bool,
    /// Whether the kernel does not print `no_new_privs`.
    pub lacks_no_new_privs: bool,
    /// Threads of the process.
    pub threads: u32,
    /// Where it was read.
    pub source: Source,
}

/// The open file, for the next read.
#[derive(Clone, Debug, Default)]
pub struct Source(Option<Rc<File>>);

impl PartialEq for Source {
    /// Two states are equal whatever their descriptors are.
    fn eq(&self, _: &Source) -> bool {
        true
    }
}

impl Eq for Source {}

impl Held {
    /// Reads the state of the calling thread.
    ///
    /// # Errors
    /// [`Error::Credentials`] if `/proc` is absent; [`Error::Hindered`] if it is another file system or lacks a line.
    pub fn read() -> Result<Held> {
        let failed = |call, errno| Error::Credentials { call, object: PATH.into(), errno };
        let opened = open(PATH, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
        let file = File::from(opened.map_err(|error| failed("open", errno(error)))?);
        let kind = rustix::fs::fstatfs(&file).map_err(|error| failed("fstatfs", errno(error)))?.f_type;
        if kind != PROC_SUPER_MAGIC {
            return Err(masked(format!("is not on a proc file system (type {kind:#x})")));
        }
        Held::of(Rc::new(file))
    }

    /// Reads the current state from the same open file: opening it again would take longer than the read.
    ///
    /// # Errors
    /// As [`Held::read`].
    pub fn again(&self) -> Result<Held> {
        let Some(file) = &self.source.0 else { return Held::read() };
        let mut start: &File = file;
        start.rewind().map_err(|error| Error::Credentials {
            call: "lseek",
            object: PATH.into(),
            errno: io_errno(&error),
        })?;
        Held::of(Rc::clone(file))
    }

    fn of(source: Rc<File>) -> Result<Held> {
        let failed = |call, errno| Error::Credentials { call, object: PATH.into(), errno };
        let mut file: &File = &source;
        // The file is about 1.5 KB. One read is consistent.
        let mut buffer = [0_u8; 2048];
        let length = file.read(&mut buffer).map_err(|error| failed("read", io_errno(&error)))?;
        let mut text = Cow::Borrowed(buffer.get(..length).unwrap_or(&[]));
        if length == buffer.len() {
            // There are many groups. The kernel has kept the rest of the same text.
            file.read_to_end(text.to_mut()).map_err(|error| failed("read", io_errno(&error)))?;
        }
        let mut held = parse(&text).map_err(|line| masked(format!("has no proper line '{line}'")))?;
        if held.lacks_no_new_privs {
            held.no_new_privs = rustix::thread::no_new_privs().map_err(|error| failed("prctl", errno(error)))?;
        }
        held.source = Source(Some(source));
        Ok(held)
    }

    /// The lines that Linux has printed since 4.10 and this kernel lacks: gVisor has no `NoNewPrivs`, its older
    /// versions no `CapAmb` either. None on Linux.
    pub fn lacks(&self) -> Option<&'static str> {
        match (self.lacks_no_new_privs, self.ambient) {
            (false, _) => None,
            (true, Some(_)) => Some("NoNewPrivs"),
            (true, None) => Some("CapAmb and NoNewPrivs"),
        }
    }
}

/// The refusal of a file that is not the kernel's.
fn masked(how: String) -> Error {
    Error::NotProved { what: format!("{PATH} {how}") }.hindered(Some(Hindrance::Masked))
}

/// Parses the text.
///
/// # Errors
/// The name of the line that is missing or malformed.
pub fn parse(text: &[u8]) -> std::result::Result<Held, &'static str> {
    let mut lines = text.split(|byte| *byte == b'\n');
    // The kernel prints the lines in this order, so each is searched after the previous one.
    let mut line = |name: &'static str| {
        let value = lines.find_map(|line| line.strip_prefix(name.as_bytes())?.strip_prefix(b":")).ok_or(name)?;
        std::str::from_utf8(value.trim_ascii()).map_err(|_| name)
    };
    let mut held = Held {
        uid: ids(line("Uid")?).ok_or("Uid")?,
        gid: ids(line("Gid")?).ok_or("Gid")?,
        groups: line("Groups")?
            .split_ascii_whitespace()
            .map(|id| id.parse().map_err(|_| "Groups"))
            .collect::<std::result::Result<_, _>>()?,
        threads: line("Threads")?.parse().map_err(|_| "Threads")?,
        inheritable: set(line("CapInh")?).ok_or("CapInh")?,
        permitted: set(line("CapPrm")?).ok_or("CapPrm")?,
        effective: set(line("CapEff")?).ok_or("CapEff")?,
        bounding: set(line("CapBnd")?).ok_or("CapBnd")?,
        ..Held::default()
    };
    // A kernel may lack these. Each is searched without consuming the other.
    let last = |name: &str| lines.clone().find_map(|line| line.strip_prefix(name.as_bytes())?.strip_prefix(b":"));
    let (ambient, no_new_privs) = (last("CapAmb"), last("NoNewPrivs"));
    held.lacks_no_new_privs = no_new_privs.is_none();
    held.no_new_privs = no_new_privs.is_some_and(|value| value.trim_ascii() == b"1");
    held.ambient = match ambient {
        Some(value) => Some(std::str::from_utf8(value.trim_ascii()).ok().and_then(set).ok_or("CapAmb")?),
        // No kernel prints the later line without the earlier one.
        None if held.lacks_no_new_privs => None,
        None => return Err("CapAmb"),
    };
    Ok(held)
}

fn ids(value: &str) -> Option<Ids> {
    let mut four = value.split_ascii_whitespace();
    let mut next = || four.next()?.parse().ok();
    Some(Ids { real: next()?, effective: next()?, saved: next()?, file_system: next()? })
}

fn set(value: &str) -> Option<Set> {
    u64::from_str_radix(value, 16).ok().map(Set::from_bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Name:\tinit\nUid:\t1001\t1001\t1001\t1001\nGid:\t1001\t1001\t1001\t0\n\
        Groups:\t4 1001 \nThreads:\t1\n\
        CapInh:\t0000000000000000\nCapPrm:\t00000000000001c1\nCapEff:\t00000000000001c1\n\
        CapBnd:\t000001ffffffffff\nCapAmb:\t0000000000000000\nNoNewPrivs:\t1\n";

    #[test]
    fn every_line_is_read() {
        let held = parse(TEXT.as_bytes()).expect("parses");
        assert!(held.uid.all_are(1001) && !held.gid.all_are(1001));
        assert_eq!((held.groups, held.threads, held.no_new_privs), (vec![4, 1001], 1, true));
        assert_eq!(held.permitted.to_string(), "CHOWN SETGID SETUID SETPCAP");
    }

    #[test]
    fn a_missing_or_malformed_line_proves_nothing() {
        for name in ["Uid", "Gid", "Groups", "Threads", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
            assert_eq!(parse(TEXT.replace(&format!("{name}:"), "Gone:").as_bytes()), Err(name));
        }
        assert_eq!(parse(TEXT.replace("Uid:\t1001", "Uid:\t-1").as_bytes()), Err("Uid"));
        assert_eq!(parse(TEXT.replace("CapAmb:\t0", "CapAmb:\t-").as_bytes()), Err("CapAmb"));
        assert_eq!(parse(b""), Err("Uid"));
    }

    #[test]
    fn a_kernel_may_lack_the_last_lines_and_is_told_from_linux() {
        assert_eq!(parse(TEXT.as_bytes()).map(|held| held.lacks()), Ok(None));
        let newer = TEXT.replace("NoNewPrivs:", "Gone:");
        assert_eq!(parse(newer.as_bytes()).map(|held| held.lacks()), Ok(Some("NoNewPrivs")));
        let older = parse(newer.replace("CapAmb:", "Gone:").as_bytes()).expect("parses");
        assert_eq!((older.lacks(), older.ambient, older.no_new_privs), (Some("CapAmb and NoNewPrivs"), None, false));
        assert_eq!(parse(newer.replace("CapAmb:\t0", "CapAmb:\t-").as_bytes()), Err("CapAmb"));
    }
}
