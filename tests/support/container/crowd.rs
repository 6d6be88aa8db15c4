//! Directories as a malicious app could leave them: very many files, deep trees, malformed names.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::chown;
use std::path::Path;

use super::{Try, because};

type Owner = (u32, u32);

/// Names that end a string, hide text, imitate a record, split a line, or are not UTF-8.
const ODD: [&[u8]; 8] = [
    b"two\nlines",
    b"init: fatal: forged\ninit: info: all is well",
    b"\xff\xfe\x80",
    b" ",
    b"-rf",
    b"back\\slash\\040",
    b"\x1b[31mred",
    b"\xe2\x80\xae",
];

pub fn many(path: &str, count: usize, owner: Owner) -> Try<()> {
    fs::create_dir(path).map_err(because("mkdir"))?;
    (0..count).try_for_each(|number| file(&Path::new(path).join(number.to_string()), owner))
}

pub fn deep(path: &str, levels: usize, owner: Owner) -> Try<()> {
    let mut below = path.to_owned();
    fs::create_dir(&below).map_err(because("mkdir"))?;
    for _ in 0..levels {
        below.push_str("/d");
        fs::create_dir(&below).and_then(|()| chown(&below, Some(owner.0), Some(owner.1))).map_err(because("mkdir"))?;
    }
    Ok(())
}

pub fn linked(path: &str, count: usize, owner: Owner) -> Try<()> {
    many(path, count, owner)?;
    (0..count).try_for_each(|number| {
        fs::hard_link(format!("{path}/{number}"), format!("{path}/{number}.link")).map_err(because("link"))
    })
}

pub fn odd(path: &str, owner: Owner) -> Try<()> {
    fs::create_dir(path).map_err(because("mkdir"))?;
    let long = [b'n'; 255];
    ODD.into_iter().chain([&long[..]]).try_for_each(|name| file(&Path::new(path).join(OsStr::from_bytes(name)), owner))
}

fn file(path: &Path, owner: Owner) -> Try<()> {
    File::create(path).and_then(|_| chown(path, Some(owner.0), Some(owner.1))).map_err(because(path.display()))
}
