//! `${VAR}`, `${VAR:-default}`, `${VAR:?message}` and `$$`, on bytes. Nothing else of a shell: no splitting, no globs,
//! no commands, no nesting. A `$` that is none of these is refused: it would surprise whoever wrote it.

use crate::config::At;
use crate::config::environment::Environment;
use crate::config::values;
use crate::error::{Error, Place, Result};

/// The text with its variables in place, for an argument, a path or a value.
///
/// # Errors
/// [`Error::Unset`] for a variable without a value; [`Error::Config`] for a `$` that is no expansion.
pub fn expand(text: &At<String>, environment: &Environment) -> Result<Vec<u8>> {
    let At { value, place } = text;
    let mut expanded = Vec::with_capacity(value.len());
    let mut rest = value.as_str();
    while let Some((before, after)) = rest.split_once('$') {
        expanded.extend_from_slice(before.as_bytes());
        rest = if let Some(after) = after.strip_prefix('$') {
            expanded.push(b'$');
            after
        } else if let Some((inside, after)) = after.strip_prefix('{').and_then(|after| after.split_once('}')) {
            expanded.extend_from_slice(&variable(inside, place, environment)?);
            after
        } else {
            return Err(not_an_expansion(value, place));
        };
    }
    expanded.extend_from_slice(rest.as_bytes());
    Ok(expanded)
}

fn variable(inside: &str, place: &Place, environment: &Environment) -> Result<Vec<u8>> {
    let (name, operation) = inside.split_once(':').map_or((inside, None), |(name, operation)| (name, Some(operation)));
    if values::variable(name).is_err() || inside.contains('$') {
        return Err(not_an_expansion(inside, place));
    }
    let value = environment.get(name);
    let full = value.filter(|value| !value.is_empty());
    let unset = |message: Option<&str>| Error::Unset {
        name: name.to_owned(),
        place: place.clone(),
        message: message.map(str::to_owned),
    };
    match operation {
        None => value.map(<[u8]>::to_vec).ok_or_else(|| unset(None)),
        Some(operation) => match (operation.strip_prefix('-'), operation.strip_prefix('?')) {
            (Some(default), _) => Ok(full.unwrap_or(default.as_bytes()).to_vec()),
            (_, Some(message)) => full.map(<[u8]>::to_vec).ok_or_else(|| unset(Some(message))),
            (None, None) => Err(not_an_expansion(inside, place)),
        },
    }
}

fn not_an_expansion(text: &str, place: &Place) -> Error {
    Error::Config {
        place: place.clone(),
        what: format!("a $ in '{text}' is no expansion"),
        allowed: "write ${VAR}, ${VAR:-default} or ${VAR:?message}, and $$ for a plain $".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(text: &str) -> Result<Vec<u8>> {
        let environment = Environment::new(vec![c"PORT=8000", c"EMPTY=", c"BYTES=\xff"]);
        expand(&At { value: text.into(), place: Place::Default }, &environment)
    }

    #[test]
    fn the_four_forms_and_plain_text() {
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
        ] {
            assert_eq!(with(text).expect(text), expanded, "{text}");
        }
    }

    #[test]
    fn what_has_no_value_or_no_meaning_is_refused() {
        for text in ["${NONE}", "${NONE:?say why}", "${EMPTY:?say why}"] {
            assert!(matches!(with(text), Err(Error::Unset { .. })), "{text}");
        }
        for text in
            ["$PORT", "a$", "${PORT", "${}", "${1}", "${PORT:}", "${PORT:+x}", "${NONE:-${PORT}}", "${A B}", "$(id)"]
        {
            assert!(matches!(with(text), Err(Error::Config { .. })), "{text}");
        }
    }

    #[test]
    fn what_a_variable_holds_is_not_expanded_again() {
        let environment = Environment::new(vec![c"A=${B}$$", c"B=no"]);
        let text = At { value: "${A}".into(), place: Place::Default };
        assert_eq!(expand(&text, &environment).expect("expands"), b"${B}$$");
    }
}
