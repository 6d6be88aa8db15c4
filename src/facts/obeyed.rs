//! Checks every file that the program, words and variables of a root step name.
//!
//! A program reads more than its own file: the interpreter of a script, the files that its words name, and all files
//! below a directory. A word is only text: a list of files, a list of options, a command for a shell. So every part of
//! it that names a file counts, also after an option's letter. A directory with too many files is refused. `execve(2)`,
//! `path_resolution(7)`.

use std::collections::BTreeSet;
use std::ffi::{CString, OsStr};
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use rustix::fs::{FileType, Mode, OFlags, RawDir, Stat, fstat, openat};

use crate::error::{Denied, Unfit, errno};
use crate::trust::{HANDLE, Reached, Trust, is_kernels_own};

/// Entries below the directories of one step.
const MOST: usize = 10_000;

/// Levels of directories, and of interpreters that are scripts themselves.
const DEEPEST: usize = 40;

/// The engine creates it at every start: devices, and directories without programs.
const DEVICES: &str = "/dev";

/// Devices that everyone may write to and nobody can store anything in, and the step's own streams.
const STREAMS: [&[u8]; 6] = [b"null", b"zero", b"full", b"stdin", b"stdout", b"stderr"];

/// The files that one root step reads.
#[derive(Debug)]
pub struct Obeyed<'a> {
    trust: &'a Trust,
    /// The directories of `PATH` that exist.
    search: Vec<PathBuf>,
    /// Whether the last name was an option `-m`.
    module_follows: bool,
    /// How many more entries can be checked.
    left: usize,
    /// Device and inode of the checked files.
    seen: BTreeSet<(u64, u64)>,
}

/// Where a text is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text {
    /// As an argument, which may be a command for a shell or a sentence: between blanks and other separators only names
    /// with a slash count, since most other words in it name no file.
    Argument,
    /// As the value of a variable, which may be a list of any form.
    Value,
}

/// The result of looking up a command.
#[derive(Debug, PartialEq, Eq)]
pub enum Program {
    /// An executable file that only root can write.
    At(PathBuf),
    /// A file that cannot be executed, and why.
    Unfit(PathBuf, Unfit),
    /// Nothing.
    Nowhere,
}

impl Obeyed<'_> {
    /// Checks the directories of `PATH`: in one that others can write to, a program could be planted later.
    ///
    /// # Errors
    /// [`Denied`].
    pub fn new<'a>(trust: &'a Trust, path: &[u8]) -> Result<Obeyed<'a>, Denied> {
        let mut search = Vec::new();
        for part in path.split(|byte| *byte == b':') {
            let directory = below_root(part);
            if existing(trust.reach(&directory))?.is_some() {
                search.push(directory);
            }
        }
        Ok(Obeyed { trust, search, module_follows: false, left: MOST, seen: BTreeSet::new() })
    }

    /// Finds the program of this name, and checks it with its interpreters. A name with a slash is below `/`.
    ///
    /// # Errors
    /// [`Denied`].
    pub fn program(&mut self, name: &[u8]) -> Result<Program, Denied> {
        let places = if name.contains(&b'/') {
            vec![below_root(name)]
        } else {
            self.search.iter().map(|directory| directory.join(OsStr::from_bytes(name))).collect()
        };
        let mut unfit = Program::Nowhere;
        for place in places {
            let Some(reached) = existing(self.trust.reach(&place))? else { continue };
            let what = match FileType::from_raw_mode(reached.facts.st_mode) {
                FileType::RegularFile if reached.facts.st_mode & 0o111 != 0 => {
                    self.judge(&reached, 0)?;
                    return Ok(Program::At(place));
                }
                FileType::RegularFile => Unfit::NoPermission,
                FileType::Directory => Unfit::Directory,
                _ => Unfit::NotRegular,
            };
            if unfit == Program::Nowhere {
                unfit = Program::Unfit(place, what);
            }
        }
        Ok(unfit)
    }

    /// Checks every file that a text names.
    ///
    /// # Errors
    /// [`Denied`].
    pub fn word(&mut self, word: &[u8], text: Text) -> Result<(), Denied> {
        self.word_at(word, text, 0)
    }

    fn word_at(&mut self, word: &[u8], text: Text, depth: usize) -> Result<(), Denied> {
        let suffixes = word.iter().enumerate().filter(|(_, byte)| **byte == b'=').map(|(at, _)| at + 1);
        for from in std::iter::once(0).chain(suffixes) {
            self.name(word.get(from..).unwrap_or_default(), depth)?;
        }
        for part in word.split(|byte| matches!(byte, b'=' | b':' | b',')) {
            self.name(part, depth)?;
            for name in part.split(|byte| separates(*byte)) {
                // Not `/` itself, which in a program's text is a division.
                let has_slash = name.contains(&b'/');
                self.module(name, depth)?;
                if text == Text::Value && !has_slash || has_slash && name.iter().any(|byte| *byte != b'/') {
                    self.name(name, depth)?;
                }
            }
        }
        Ok(())
    }

    /// Checks the directory of a module: `python3 -m app.setup` imports from `/app`, in a shell's text too.
    fn module(&mut self, name: &[u8], depth: usize) -> Result<(), Denied> {
        if name.is_empty() {
            return Ok(());
        }
        let is_option = matches!(name, [b'-', letters @ .., b'm'] if !letters.starts_with(b"-"));
        let follows = std::mem::replace(&mut self.module_follows, is_option);
        let module = if follows { name } else { name.strip_prefix(b"-m").unwrap_or_default() };
        self.name(module.split(|byte| *byte == b'.').next().unwrap_or_default(), depth)
    }

    /// Checks the file with this name, below `/` and in `PATH`; also without a leading option letter or `@`.
    fn name(&mut self, name: &[u8], depth: usize) -> Result<(), Denied> {
        let glued = match name {
            [b'-', letter, rest @ ..] if *letter != b'-' => rest,
            [b'@', rest @ ..] => rest,
            _ => &[],
        };
        let slash = if name.starts_with(b"-") { name.iter().position(|byte| *byte == b'/') } else { None };
        let from_slash = slash.and_then(|at| name.get(at..)).unwrap_or_default();
        // `-vCdata/x`: where the option's letters end is not known.
        if let Some(at) = slash {
            for from in 2..at {
                self.path(&below_root(name.get(from..).unwrap_or_default()), depth)?;
            }
        }
        for name in [name, glued, from_slash].into_iter().filter(|name| !name.is_empty()) {
            self.path(&below_root(name), depth)?;
            if !name.contains(&b'/') {
                for at in 0..self.search.len() {
                    let place = self.search.get(at).map(|directory| directory.join(OsStr::from_bytes(name)));
                    place.map_or(Ok(()), |place| self.path(&place, depth))?;
                }
            }
        }
        Ok(())
    }

    fn path(&mut self, path: &Path, depth: usize) -> Result<(), Denied> {
        let is_stream = path.strip_prefix(DEVICES).is_ok_and(|name| STREAMS.contains(&name.as_os_str().as_bytes()));
        let path = if is_stream { Path::new(DEVICES) } else { path };
        match existing(self.trust.reach(path))? {
            Some(reached) => self.judge(&reached, depth),
            None => Ok(()),
        }
    }

    /// Checks what an open file that only root can write refers to: a script's interpreter, the contents of a
    /// directory.
    fn judge(&mut self, reached: &Reached, depth: usize) -> Result<(), Denied> {
        let Reached { file, path, facts, .. } = reached;
        self.once(file, path, facts, depth)
    }

    fn once(&mut self, file: &OwnedFd, path: &Path, facts: &Stat, depth: usize) -> Result<(), Denied> {
        if !self.seen.insert((facts.st_dev, facts.st_ino)) {
            return Ok(());
        }
        if depth > DEEPEST {
            return Err(Denied::CannotJudge(format!("{} is more than {DEEPEST} levels deep", path.display())));
        }
        match FileType::from_raw_mode(facts.st_mode) {
            FileType::RegularFile if facts.st_mode & 0o111 != 0 => self.script(path, depth),
            FileType::Directory if path != Path::new(DEVICES) && !is_kernels_own(file) => {
                self.directory(file, path, depth)
            }
            _ => Ok(()),
        }
    }

    /// Checks the interpreter after `#!` and the arguments in that line.
    fn script(&mut self, path: &Path, depth: usize) -> Result<(), Denied> {
        let mut file = match self.trust.open(path, OFlags::NONBLOCK | OFlags::NOCTTY) {
            Ok((file, _)) => file,
            // An interpreter could not read it either.
            Err(Denied::Call(_, Errno::EACCES)) => return Ok(()),
            Err(denied) => return Err(denied),
        };
        let mut first = [0_u8; 256];
        let length = file.read(&mut first).map_err(|error| Denied::Call("read", crate::error::io_errno(&error)))?;
        let Some(line) = first.get(..length).and_then(|bytes| bytes.strip_prefix(b"#!")) else { return Ok(()) };
        let line = line.split(|byte| *byte == b'\n').next().unwrap_or(line);
        let mut words = line.split(|byte| matches!(byte, b' ' | b'\t' | b'\r' | 0)).filter(|word| !word.is_empty());
        let interpreter = words.next().unwrap_or_default();
        self.path(&below_root(interpreter), depth + 1)?;
        words.try_for_each(|word| self.word_at(word, Text::Argument, depth + 1))
    }

    fn directory(&mut self, directory: &OwnedFd, path: &Path, depth: usize) -> Result<(), Denied> {
        for name in self.names(directory, path)? {
            let place = path.join(OsStr::from_bytes(name.to_bytes()));
            let file = openat(directory, &name, HANDLE, Mode::empty()).map_err(|error| call("open", error))?;
            let facts = fstat(&file).map_err(|error| call("fstat", error))?;
            if let Some(denied) = self.trust.judge_entry(&place, &file, &facts) {
                return Err(denied);
            }
            match FileType::from_raw_mode(facts.st_mode) {
                FileType::Symlink => self.path(&place, depth + 1)?,
                _ => self.once(&file, &place, &facts, depth + 1)?,
            }
        }
        Ok(())
    }

    fn names(&mut self, directory: &OwnedFd, path: &Path) -> Result<Vec<CString>, Denied> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let readable = openat(directory, ".", flags, Mode::empty()).map_err(|error| call("open", error))?;
        let mut buffer = Vec::with_capacity(8192);
        let mut entries = RawDir::new(&readable, buffer.spare_capacity_mut());
        let mut names = Vec::new();
        while let Some(entry) = entries.next() {
            let name = entry.map_err(|error| call("getdents64", error))?.file_name().to_owned();
            if name.as_c_str() == c"." || name.as_c_str() == c".." {
                continue;
            }
            self.left = self.left.checked_sub(1).ok_or_else(|| {
                Denied::CannotJudge(format!("there are more than {MOST} files to judge, up to {}", path.display()))
            })?;
            names.push(name);
        }
        Ok(names)
    }
}

/// Whether a byte separates names in a list or in a shell's text: all but letters, digits, `/`, `.`, `-`, `_`,
/// and the bytes of other scripts.
fn separates(byte: u8) -> bool {
    byte.is_ascii() && !byte.is_ascii_alphanumeric() && !matches!(byte, b'/' | b'.' | b'-' | b'_')
}

/// As a root step resolves a name, whose working directory is `/`.
fn below_root(name: &[u8]) -> PathBuf {
    Path::new("/").join(OsStr::from_bytes(name))
}

/// Returns None if nothing has this name, in directories where only root could create it.
fn existing(reached: Result<Reached, Denied>) -> Result<Option<Reached>, Denied> {
    match reached {
        Ok(reached) => Ok(Some(reached)),
        Err(Denied::Call(_, Errno::ENOENT | Errno::ENOTDIR | Errno::ENAMETOOLONG | Errno::EINVAL)) => Ok(None),
        Err(denied) => Err(denied),
    }
}

fn call(name: &'static str, error: rustix::io::Errno) -> Denied {
    Denied::Call(name, errno(error))
}
