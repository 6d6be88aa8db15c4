//! One record, one line, one write on standard error.
//!
//! Never does it fail, panic or print half a line: a closed or full standard error must not keep PID 1 from its work.
//! Control characters are escaped here and nowhere else, so no path, role or variable can forge a second record or
//! colour a terminal.

use std::fmt::{self, Write as _};
use std::io::Write as _;

use env_logger::Logger;
use log::{LevelFilter, Log, Metadata, Record};

use crate::error::Error;

/// Starts the log on standard error. Called once; a second call changes nothing.
pub fn start(level: LevelFilter) {
    let filter = env_logger::Builder::new().filter_level(level).build();
    log::set_max_level(filter.filter());
    // The only failure is a logger that is there already, which serves as well.
    drop(log::set_boxed_logger(Box::new(Records { filter })));
}

/// What the filter lets through, each in one write. The crate's own writer keeps a buffer for each thread, which costs
/// more than a boot's one line.
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

/// Writes the one record of a fatal error, whatever the log's level.
pub fn fatal(error: &Error) {
    say("FATAL", format_args!("{error}; fix: {}", error.fix()));
}

/// Passes on one line of a step's output, whatever the log's level.
pub fn relay(name: &str, bytes: &[u8]) {
    say("STEP", format_args!("{name}: {}", String::from_utf8_lossy(bytes)));
}

fn say(level: &str, text: fmt::Arguments<'_>) {
    // There is nowhere left to report that standard error is gone; the exit code still tells.
    drop(std::io::stderr().write_all(line(level, text).as_bytes()));
}

/// Writes what goes with a page on standard output but is no part of it, line by line.
pub fn notes(lines: &[String]) {
    for line in lines {
        drop(std::io::stderr().write_all(format!("# {}\n", escaped(line)).as_bytes()));
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

/// Text for one line of a report: what could end, hide or forge a line is escaped.
pub fn escaped(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    let _ = OneLine(&mut line).write_str(text);
    line
}

/// Escapes what could end, hide or forge a line.
struct OneLine<'a>(&'a mut String);

impl fmt::Write for OneLine<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
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
    fn a_newline_in_a_name_cannot_forge_a_second_record() {
        let record = line("INFO", format_args!("role 'a\ninit: info: b\x1b[31m\u{202e}' unknown"));
        assert_eq!(record, "init: info: role 'a\\ninit: info: b\\u{1b}[31m\\u{202e}' unknown\n");
    }
}
