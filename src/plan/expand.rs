//! `${VAR}`, `${VAR:-default}`, `${VAR:+word}`, `${VAR:?message}` and `$$`, on bytes. Defaults and words may hold
//! further expansions. There is no word splitting, globbing or command substitution. Any other `$` is refused.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::environment::Environment;
use crate::config::{At, Config, Expandable, values};
use crate::error::{Error, Place, Result, fix};

/// The maximum depth of nested defaults, which bounds the stack.
const DEEPEST: usize = 16;

/// Expands the variables of an argument, a path or a value.
///
/// # Errors
/// [`Error::Unset`] for a variable without a value; [`Error::Config`] for a `$` that is no expansion.
pub fn expand(text: &At<String>, environment: &Environment) -> Result<Vec<u8>> {
    let mut expanded = Vec::with_capacity(text.value.len());
    Expansion { place: &text.place, environment }.append(&text.value, 0, &mut expanded)?;
    Ok(expanded)
}

/// Expands each argument. An argument that is a single `${…:+…}` with an empty result is left out.
///
/// # Errors
/// As [`expand`].
pub(super) fn words(all: &[At<String>], environment: &Environment) -> Result<Vec<(Vec<u8>, Place)>> {
    let mut expanded = Vec::with_capacity(all.len());
    for word in all {
        let bytes = expand(word, environment)?;
        if !bytes.is_empty() || !is_conditional(&word.value) {
            expanded.push((bytes, word.place.clone()));
        }
    }
    Ok(expanded)
}

/// An absolute path. Checked as text, used as bytes: invalid UTF-8 contains no slash, dot or NUL.
///
/// # Errors
/// As [`expand`], and [`Error::Config`] for another path.
pub(super) fn path(key: &str, text: &At<String>, environment: &Environment) -> Result<PathBuf> {
    let path = expand(text, environment)?;
    values::path(&String::from_utf8_lossy(&path)).map_err(|what| Error::Config {
        place: text.place.clone(),
        what: format!("{key}: {what}"),
        allowed: fix::mistake::NO_PATH.into(),
    })?;
    Ok(PathBuf::from(OsString::from_vec(path)))
}

/// A path that is looked up where the app runs: a relative one starts in `workdir`. An empty one stays empty, since the
/// directory itself exists.
pub(super) fn below(workdir: Option<&str>, path: PathBuf) -> PathBuf {
    match workdir {
        Some(directory) if !path.as_os_str().is_empty() => Path::new(directory).join(path),
        _ => path,
    }
}

/// A literal value, or a text that is expanded and then parsed.
///
/// # Errors
/// As [`expand`], and [`Error::Config`] for a value in another form.
pub fn value<T: Clone>(
    of: &Expandable<T>,
    parse: impl Fn(&str) -> std::result::Result<T, String>,
    environment: &Environment,
) -> Result<T> {
    match of {
        Expandable::Given(value) => Ok(value.clone()),
        Expandable::Text(text) => {
            let expanded = expand(text, environment)?;
            parse(&String::from_utf8_lossy(&expanded)).map_err(|what| Error::Config {
                place: text.place.clone(),
                what: format!("'{}' expands to: {what}", text.value),
                allowed: fix::mistake::EXPANDED_FORM.into(),
            })
        }
    }
}

/// The umask of steps and app.
///
/// # Errors
/// As [`value`].
pub(super) fn umask(config: &Config, environment: &Environment) -> Result<Option<u32>> {
    config.umask.as_ref().map(|umask| value(umask, values::umask, environment)).transpose()
}

/// A timeout.
///
/// # Errors
/// As [`value`].
pub(super) fn timeout(of: Option<&Expandable<Duration>>, environment: &Environment) -> Result<Option<Duration>> {
    of.map(|of| value(of, values::duration, environment)).transpose()
}

/// Whether the whole text is one `${…:+…}`.
fn is_conditional(text: &str) -> bool {
    text.strip_prefix("${").and_then(inside).is_some_and(|(inside, after)| {
        after.is_empty() && inside.split_once(':').is_some_and(|(_, operation)| operation.starts_with('+'))
    })
}

/// Splits at the brace that closes an expansion.
fn inside(text: &str) -> Option<(&str, &str)> {
    let (mut open, mut at) = (0_usize, 0);
    let bytes = text.as_bytes();
    while let Some(byte) = bytes.get(at) {
        match (byte, bytes.get(at + 1)) {
            (b'$', Some(b'$')) => at += 1,
            (b'$', Some(b'{')) => {
                open += 1;
                at += 1;
            }
            (b'}', _) if open == 0 => return Some((text.get(..at)?, text.get(at + 1..)?)),
            (b'}', _) => open -= 1,
            _ => {}
        }
        at += 1;
    }
    None
}

struct Expansion<'a> {
    place: &'a Place,
    environment: &'a Environment,
}

impl Expansion<'_> {
    fn append(&self, text: &str, depth: usize, expanded: &mut Vec<u8>) -> Result<()> {
        if depth > DEEPEST {
            return Err(self.refuse(text));
        }
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$') {
            expanded.extend_from_slice(before.as_bytes());
            rest = if let Some(after) = after.strip_prefix('$') {
                expanded.push(b'$');
                after
            } else if let Some((inside, after)) = after.strip_prefix('{').and_then(inside) {
                self.variable(inside, depth, expanded)?;
                after
            } else {
                return Err(self.refuse(text));
            };
        }
        expanded.extend_from_slice(rest.as_bytes());
        Ok(())
    }

    fn variable(&self, inside: &str, depth: usize, expanded: &mut Vec<u8>) -> Result<()> {
        let (name, operation) = inside.split_once(':').unwrap_or((inside, ""));
        if !is_name(name) || operation.is_empty() != (name.len() == inside.len()) {
            return Err(self.refuse(&format!("${{{inside}}}")));
        }
        let value = self.environment.get(name);
        let full = value.filter(|value| !value.is_empty());
        let unset = |message: Option<&str>| Error::Unset {
            name: name.to_owned(),
            place: self.place.clone(),
            message: message.map(str::to_owned),
        };
        let sign = operation.get(..1).unwrap_or("");
        let word = operation.get(1..).unwrap_or("");
        match (sign, full) {
            ("", _) => expanded.extend_from_slice(value.ok_or_else(|| unset(None))?),
            ("-", Some(value)) => {
                // Checked even if it is not used, so that a mistake in it is found early.
                self.append(word, depth + 1, &mut Vec::new()).or_else(only_unset)?;
                expanded.extend_from_slice(value);
            }
            ("-", None) | ("+", Some(_)) => self.append(word, depth + 1, expanded)?,
            ("+", None) => self.append(word, depth + 1, &mut Vec::new()).or_else(only_unset)?,
            ("?", _) if word.contains('$') => return Err(self.refuse(word)),
            ("?", Some(value)) => expanded.extend_from_slice(value),
            ("?", None) => return Err(unset(Some(word))),
            _ => return Err(self.refuse(&format!("${{{inside}}}"))),
        }
        Ok(())
    }

    fn refuse(&self, text: &str) -> Error {
        Error::Config {
            place: self.place.clone(),
            what: format!("a $ in '{text}' is not an expansion"),
            allowed: fix::mistake::NO_EXPANSION.into(),
        }
    }
}

/// Whether a reference can name this variable. A dash is not allowed: `${VAR-default}` is a mistake.
fn is_name(text: &str) -> bool {
    let first = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    first && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.".contains(&byte))
}

/// An unset variable is an error only if its value is needed.
fn only_unset(error: Error) -> Result<()> {
    match error {
        Error::Unset { .. } => Ok(()),
        other => Err(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment() -> Environment {
        Environment::new(vec![c"PORT=8000", c"EMPTY=", c"BYTES=\xff", c"discovery.type=single"])
    }

    fn with(text: &str) -> Result<Vec<u8>> {
        expand(&At { value: text.into(), place: Place::Default }, &environment())
    }

    #[test]
    fn every_form_and_plain_text() {
        for (text, expanded) in [
            ("plain", &b"plain"[..]),
            ("0:${PORT}!", b"0:8000!"),
            ("${PORT}${PORT}", b"80008000"),
            ("${NONE:-9000}", b"9000"),
            ("${EMPTY:-9000}", b"9000"),
            ("${PORT:-9000}", b"8000"),
            ("${NONE:-a:b c}", b"a:b c"),
            ("${EMPTY}", b""),
            ("${PORT:?needed}", b"8000"),
            ("${BYTES}", b"\xff"),
            ("a$$b$${PORT}", b"a$b${PORT}"),
            ("${NONE:-${PORT}}", b"8000"),
            ("${NONE:-${EMPTY:-${PORT}}}!", b"8000!"),
            ("${PORT:-${NONE}}", b"8000"),
            ("${NONE:-a$$b}", b"a$b"),
            ("${NONE:-$${x}}", b"${x}"),
            ("${PORT:+--port=${PORT}}", b"--port=8000"),
            ("${NONE:+--port=${NONE}}", b""),
            ("${EMPTY:+x}y", b"y"),
            ("${NONE:-}", b""),
            ("${discovery.type}", b"single"),
        ] {
            assert_eq!(with(text).expect(text), expanded, "{text}");
        }
    }

    #[test]
    fn an_expansion_without_value_or_meaning_is_refused() {
        for text in ["${NONE}", "${NONE:?say why}", "${EMPTY:?say why}", "${NONE:-${NONE}}", "${PORT:+${NONE}}"] {
            assert!(matches!(with(text), Err(Error::Unset { .. })), "{text}");
        }
        for text in [
            "$PORT",
            "a$",
            "${PORT",
            "${}",
            "${1}",
            "${PORT:}",
            "${PORT:=x}",
            "${NONE:-${PORT}",
            "${PORT:-$x}",
            "${NONE:+$x}",
            "${A B}",
            "${PORT-8000}",
            "$(id)",
            "${NONE:?${PORT}}",
        ] {
            assert!(matches!(with(text), Err(Error::Config { .. })), "{text}");
        }
        let deep = "${NONE:-".repeat(5000) + &"}".repeat(5000);
        assert!(matches!(with(&deep), Err(Error::Config { .. })));
    }

    #[test]
    fn values_are_not_expanded_again() {
        let environment = Environment::new(vec![c"A=${B}$$", c"B=no"]);
        let text = At { value: "${A}".into(), place: Place::Default };
        assert_eq!(expand(&text, &environment).expect("expands"), b"${B}$$");
    }

    #[test]
    fn only_a_word_that_is_a_single_condition_is_left_out() {
        for (text, left) in [
            ("${NONE:+--x}", 0),
            ("${EMPTY:+${PORT}}", 0),
            ("${PORT:+--x}", 1),
            ("${EMPTY}", 1),
            ("${NONE:-}", 1),
            ("", 1),
            ("${NONE:+a}${NONE:+b}", 1),
        ] {
            let word = At { value: text.into(), place: Place::Default };
            assert_eq!(words(&[word], &environment()).expect(text).len(), left, "{text}");
        }
    }
}
