//! Properties of every reader of untrusted bytes: one function for each reader, called by the fuzz targets with new
//! inputs and by `tests/properties` with the kept ones.

pub mod accounts;
pub mod arguments;
pub mod config;
pub mod document;
pub mod expansion;
pub mod http;
pub mod identity;
pub mod mounts;
pub mod notify;
pub mod plan;
pub mod status;
pub mod values;

use stepdown::config::At;
use stepdown::error::{Error, Place};
use stepdown::logger;

/// A check: it panics if its property does not hold.
pub type Check = fn(&[u8]);

/// Every check, by the name of its target and of its directory of kept inputs.
pub const ALL: [(&str, Check); 12] = [
    ("accounts", accounts::check),
    ("arguments", arguments::check),
    ("config", config::check),
    ("document", document::check),
    ("expansion", expansion::check),
    ("http", http::check),
    ("identity", identity::check),
    ("mounts", mounts::check),
    ("notify", notify::check),
    ("plan", plan::check),
    ("status", status::check),
    ("values", values::check),
];

/// The parts of the input, separated by NUL, which no text read here can contain.
pub fn parts(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    data.split(|byte| *byte == 0)
}

/// The next part as text; empty if there is none.
pub fn text<'a>(parts: &mut impl Iterator<Item = &'a [u8]>) -> String {
    String::from_utf8_lossy(parts.next().unwrap_or(&[])).into_owned()
}

/// A value without a place in a file.
pub fn at(value: &str) -> At<String> {
    At { value: value.to_owned(), place: Place::Default }
}

/// A refusal is one line with a remedy and a documented exit code.
pub fn refused(error: &Error, codes: &[u8]) {
    assert!(codes.contains(&error.exit_code()), "{error:?} exits with {}", error.exit_code());
    assert!(!error.fix().is_empty(), "{error:?} has no fix");
    one_line(&logger::escaped(&format!("{error}; fix: {}", error.fix())));
}

/// The text contains no control character that ends or hides a line.
pub fn one_line(text: &str) {
    assert!(!text.chars().any(|one| one.is_control() && one != '\t'), "{text:?} is more than a line");
}
