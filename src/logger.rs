//! One record, one line, one write on standard error.
//!
//! It never fails, panics or prints half a line, and it rarely waits: a standard error that is closed or not read must
//! not block PID 1. A slow reader is waited for once, for a second; after that, log lines are dropped while the pipe is
//! full. Control characters are escaped here and nowhere else, so that no path, role or variable can forge a second
//! record or colour a terminal.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::io::IoSlice;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use env_logger::Logger;
use log::{LevelFilter, Log, Metadata, Record};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, fstat};
use rustix::io::{Errno, ReadWriteFlags, Result, pwritev2};
use rustix::stdio::stderr;

use crate::error::{Error, Exit, fix};
use crate::sys;

/// Starts the log on standard error. Called once; a second call changes nothing.
pub fn start(level: LevelFilter) {
    let filter = env_logger::Builder::new().filter_level(level).build();
    log::set_max_level(filter.filter());
    // It only fails if a logger is set already, and then that one is used.
    drop(log::set_boxed_logger(Box::new(Records { filter })));
}

/// Writes each record that passes the filter in one write. The crate's own writer keeps a buffer for each thread, which
/// costs more than the one line of a boot.
struct Records {
    filter: Logger,
}

impl Log for Records {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.filter.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if self.filter.matches(record) {
            say(record.level().as_str(), *record.args());
        }
    }

    fn flush(&self) {}
}

/// Writes the record of a fatal error, at every log level.
pub fn fatal(error: &Error) {
    // Before it is shortened: the beginning of a secret must not remain.
    let (what, fix) = (error.to_string(), error.fix());
    say("FATAL", format_args!("{}; fix: {}", shortened(&masked(&what)), shortened(&masked(&fix))));
}

/// Writes the record of a failed allocation, without allocating, and ends the process.
pub fn out_of_memory() -> ! {
    put(fix::system::NO_MEMORY.as_bytes());
    sys::exit_now(Exit::System as u8)
}

/// Writes one line of a step's output, at every log level.
pub fn relay(name: &str, bytes: &[u8]) {
    say("STEP", format_args!("{name}: {}", String::from_utf8_lossy(bytes)));
}

/// How long `/init` waits for a slow reader.
const PATIENCE: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

/// The largest atomic write to a pipe: `PIPE_BUF` of `pipe(7)`.
const AT_ONCE: usize = 4096;

/// Writes a record to standard error. A failure cannot be reported anywhere; the exit code still shows the error.
fn say(level: &str, text: fmt::Arguments<'_>) {
    let record = match SECRETS.get() {
        None => line(level, text),
        Some(_) => line(level, format_args!("{}", masked(&text.to_string()))),
    };
    put(record.as_bytes());
}

/// The name and value of each secret, the longest value first: one may contain another.
static SECRETS: OnceLock<Vec<(String, String)>> = OnceLock::new();

/// The length in bytes from which a secret's value is replaced. A shorter one would also hide unrelated text, such as
/// the numbers of a message, and its place would show the value.
const SHORTEST: usize = 4;

/// Keeps the values of these secrets out of every record, and out of what [`masked`] returns. Called once; a second
/// call changes nothing.
pub fn hide(secrets: Vec<(String, Vec<u8>)>) {
    let mut long: Vec<(String, String)> = Vec::new();
    for (name, value) in secrets.into_iter().filter(|(_, value)| value.len() >= SHORTEST) {
        let value = String::from_utf8_lossy(&value).into_owned();
        let at = long.iter().position(|(_, other)| other.len() < value.len()).unwrap_or(long.len());
        long.insert(at, (name, value));
    }
    if !long.is_empty() {
        // It only fails if it is set already.
        drop(SECRETS.set(long));
    }
}

/// The text with the name of each secret in place of its value, which an expansion may have inserted.
pub fn masked(text: &str) -> Cow<'_, str> {
    SECRETS.get().map_or(Cow::Borrowed(text), |secrets| without(text, secrets))
}

fn without<'a>(text: &'a str, secrets: &[(String, String)]) -> Cow<'a, str> {
    let mut rest = text;
    let mut shown = String::new();
    let first = |rest: &str| {
        let found = secrets.iter().filter_map(|(name, value)| Some((rest.find(value)?, name, value.len())));
        found.min_by_key(|(at, ..)| *at)
    };
    while let Some((at, name, length)) = first(rest) {
        shown.push_str(rest.get(..at).unwrap_or_default());
        shown.push_str("<secret ");
        shown.push_str(name);
        shown.push('>');
        rest = rest.get(at + length..).unwrap_or_default();
    }
    if rest.len() == text.len() {
        return Cow::Borrowed(text);
    }
    shown.push_str(rest);
    Cow::Owned(shown)
}

fn put(mut rest: &[u8]) {
    while !rest.is_empty() {
        match write(rest.get(..AT_ONCE).unwrap_or(rest)) {
            // A write of zero bytes would be repeated for ever.
            Ok(0) => return,
            Ok(length) => rest = rest.get(length..).unwrap_or(&[]),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) if has_room() => {}
            Err(_) => return,
        }
    }
}

/// Writes without blocking. Only this write: the file's O_NONBLOCK is shared with other processes and stays as it is.
fn write(bytes: &[u8]) -> Result<usize> {
    let here = u64::MAX;
    match pwritev2(stderr(), &[IoSlice::new(bytes)], here, ReadWriteFlags::NOWAIT) {
        // Not supported for this kind of file, or by this kernel (pipes: since Linux 6.5).
        Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::PERM) if has_room() => rustix::io::write(stderr(), bytes),
        Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::PERM) => Err(Errno::AGAIN),
        // A regular file that must allocate a block; there is no slow reader to wait for.
        Err(Errno::AGAIN) if is_regular_file() => rustix::io::write(stderr(), bytes),
        done => done,
    }
}

fn is_regular_file() -> bool {
    fstat(stderr()).is_ok_and(|facts| FileType::from_raw_mode(facts.st_mode) == FileType::RegularFile)
}

/// Whether standard error takes a write now, or within [`PATIENCE`]. After one timeout it does not wait again until a
/// write succeeds.
fn has_room() -> bool {
    static STUCK: AtomicBool = AtomicBool::new(false);
    let patience = if STUCK.load(Relaxed) { Timespec::default() } else { PATIENCE };
    let mut polled = [PollFd::from_borrowed_fd(stderr(), PollFlags::OUT)];
    let room = !matches!(poll(&mut polled, Some(&patience)), Ok(0));
    STUCK.store(!room, Relaxed);
    room
}

/// The characters that are kept of one half of a record: its beginning and, with the reason, its end. A value in
/// between may be as long as a configuration.
const BEGINNING: usize = 1000;
const END: usize = 500;

/// Leaves out the middle of a long text.
pub fn shortened(text: &str) -> String {
    let place = |at: Option<(usize, char)>| at.map(|(place, _)| place);
    let beginning = place(text.char_indices().nth(BEGINNING)).and_then(|place| text.get(..place));
    let end = place(text.char_indices().rev().nth(END - 1)).and_then(|place| text.get(place..));
    match (beginning, end) {
        (Some(beginning), Some(end)) if beginning.len() + end.len() < text.len() => format!("{beginning}…{end}"),
        _ => text.to_owned(),
    }
}

/// Writes the notes that accompany a page on standard output, line by line.
pub fn notes(lines: &[String]) {
    for line in lines {
        put(format!("# {}\n", escaped(line)).as_bytes());
    }
}

/// `init: level: text`, control characters escaped, with its newline.
fn line(level: &str, text: fmt::Arguments<'_>) -> String {
    let mut line = String::with_capacity(160);
    line.push_str("init: ");
    line.extend(level.chars().map(|letter| letter.to_ascii_lowercase()));
    line.push_str(": ");
    // Writing to a String cannot fail.
    let _ = write!(OneLine(&mut line), "{text}");
    line.push('\n');
    line
}

/// Text for one line of a report: characters that could end, hide or forge a line are escaped.
pub fn escaped(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    let _ = OneLine(&mut line).write_str(text);
    line
}

/// Escapes characters that could end, hide or forge a line.
struct OneLine<'a>(&'a mut String);

impl fmt::Write for OneLine<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // Nearly every text; looking at each character of it takes ten times as long.
        if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            self.0.push_str(text);
            return Ok(());
        }
        for character in text.chars() {
            if (character.is_control() && character != '\t')
                || matches!(character, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
            {
                self.0.extend(character.escape_default());
            } else {
                self.0.push(character);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overlong_value_does_not_hide_the_fix() {
        let short = shortened(&format!("{}: reason", "é".repeat(100_000)));
        assert_eq!(short.chars().count(), BEGINNING + 1 + END);
        assert!(short.starts_with('é') && short.ends_with("é: reason"));
        for length in [0, END, BEGINNING, BEGINNING + END] {
            assert_eq!(shortened(&"é".repeat(length)), "é".repeat(length));
        }
    }

    #[test]
    fn values_of_secrets_are_replaced_once_and_the_longest_first() {
        let secrets = [("PW", "secret PW5"), ("PIN", "cret"), ("BYTES", "a\u{fffd}b")];
        let secrets = secrets.map(|(name, value)| (name.to_owned(), value.to_owned()));
        for (text, shown) in [
            ("plain", "plain"),
            ("", ""),
            ("/a/secret PW5/secret PW5", "/a/<secret PW>/<secret PW>"),
            ("a secret", "a se<secret PIN>"),
            ("cretcret secret PW", "<secret PIN><secret PIN> se<secret PIN> PW"),
            ("xa\u{fffd}by", "x<secret BYTES>y"),
        ] {
            assert_eq!(without(text, &secrets), shown);
        }
    }

    #[test]
    fn a_newline_in_a_name_cannot_forge_a_second_record() {
        let record = line("INFO", format_args!("role 'a\ninit: info: b\x1b[31m\u{202e}' unknown"));
        assert_eq!(record, "init: info: role 'a\\ninit: info: b\\u{1b}[31m\\u{202e}' unknown\n");
    }
}
