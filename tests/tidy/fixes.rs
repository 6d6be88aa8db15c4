//! Every text after `fix:` is in src/error: other files refer to it by name.

use super::{code, sources};

/// The fields and variables that hold a fix.
const NAMES: [&str; 5] = ["fix", "allowed", "remedy", "advice", "how_to"];

/// The functions whose last argument is a fix.
const TAKERS: [&str; 7] = ["refuse", "fail", "warn", "inexpressible", "failed", "no_command", "fatal"];

/// The file that chooses among the fixes of a mistake by the key table.
const CHOOSER: &str = "src/config/mistakes.rs";

#[test]
fn every_fix_is_named_in_one_folder() {
    let mut all = Vec::new();
    for (path, text) in sources("src").into_iter().filter(|(path, _)| !path.starts_with("src/error/")) {
        let tokens = tokens(&code(&text));
        let chosen = tokens.iter().filter_map(sentence).filter(|_| path == CHOOSER);
        all.extend(written(&tokens).into_iter().chain(chosen).map(|text| format!("{path}: {text}")));
    }
    assert!(all.is_empty(), "fixes that are not named in src/error/fix:\n{}", all.join("\n"));
}

#[test]
fn a_fix_that_is_written_in_place_is_found() {
    for wrong in [
        r#"Error::Config { place, what, allowed: "leave it out".into() }"#,
        r#"Error::Config { place, allowed: format!("add {key}"), what: f(x) }"#,
        r#"Error::Step { name, remedy: Cow::Borrowed("see above"), stopped: false }"#,
        r#"let fix = "leave it out"; report(fix)"#,
        r#"let allowed = match url { Some(url) => url.fix(), None => format!("write {url}") };"#,
        r#"let (what, fix) = match url { Some(_) => ("no", fix::URL), None => ("yes", "leave it out") };"#,
        r#"Err(refuse(place, format!("no {role}"), "declare it"))"#,
        r#"item.refuse("an empty array".into(), "leave it out")"#,
        r#"report.fail(&name, what(&path), &format!("run with {flag}"));"#,
        r#"report.warn("mounts", what, "mount /proc",)"#,
        r#"log::warn!("SIGKILL does not end {names}; fix: add KILL")"#,
        r#"put(b"init: fatal: no memory; fix: give it more")"#,
        r#"report.fail("stop", what, flags::NO_INIT)"#,
        r#"Error::Config { place, what, allowed: ALLOWED.into() }"#,
        r#"Error::Config { place, what, allowed: signals::allowed() }"#,
        r#"fn remedy(reason: Errno) -> String { match reason { _ => "mount it there".to_owned() } }"#,
    ] {
        assert!(!written(&tokens(wrong)).is_empty(), "{wrong}");
    }
    for right in [
        r#"Error::Config { place, what: format!("no {name}"), allowed: fix::mistake::NEVER.into() }"#,
        r#"report.fail("stop", format!("no {name}"), &fix::check::run_with(&format!("{FLAG}={limit}")));"#,
        r#"log::warn!("{error}; fix: {}", error.fix());"#,
        r#"let (what, fix) = match url { Some(_) => ("no", fix::URL), None => ("yes", fix::NO_URL) };"#,
        r#"refuse("it is installed with file capabilities",)"#,
        r#"let fix = if what == "a string" || what.starts_with("an array") { fix::A } else { fix::b("an array") };"#,
        r#"error.map_err(|error| failed("open", errno(error)))"#,
    ] {
        assert_eq!(written(&tokens(right)), [""; 0], "{right}");
    }
}

/// A token: a word, a sign, or a string with its quotes.
type Token = String;

fn tokens(code: &str) -> Vec<Token> {
    let mut all = Vec::new();
    let mut rest = code.chars().peekable();
    while let Some(letter) = rest.next() {
        let mut token = letter.to_string();
        if letter == '"' {
            while let Some(next) = rest.next() {
                token.push(next);
                match next {
                    '\\' => token.extend(rest.next()),
                    '"' => break,
                    _ => {}
                }
            }
        } else if letter == '\'' {
            // A character, or the name of a lifetime.
            let ahead: String = rest.clone().take(2).collect();
            let length = match ahead.as_bytes() {
                [b'\\', ..] => 1 + rest.clone().skip(2).position(|next| next == '\'').unwrap() + 2,
                _ => rest.clone().take(2).position(|next| next == '\'').map_or(0, |at| at + 1),
            };
            token.extend(rest.by_ref().take(length));
        } else if letter.is_alphanumeric() || letter == '_' {
            while let Some(next) = rest.next_if(|next| next.is_alphanumeric() || *next == '_') {
                token.push(next);
            }
        } else if letter == '=' {
            token.extend(rest.next_if(|next| *next == '='));
        } else if letter.is_whitespace() {
            continue;
        }
        all.push(token);
    }
    all
}

/// The fixes that these tokens write in place.
fn written(tokens: &[Token]) -> Vec<String> {
    let mut found = Vec::new();
    let is = |at: usize, sign: &str| tokens.get(at).is_some_and(|token| token == sign);
    for (at, token) in tokens.iter().enumerate() {
        if token.starts_with('"') {
            let after = token.split_once("fix: ").map_or("", |(_, after)| after);
            found.extend((!after.starts_with(['{', '"']) && !after.is_empty()).then(|| token.clone()));
        }
        if NAMES.contains(&token.as_str()) && is(at + 1, ":") && !is(at + 2, ":") {
            found.extend(texts(until(&tokens[at + 2..], &[",", "}", ";", "|", ")"])));
        }
        if token == "let" {
            let pattern = until(&tokens[at + 1..], &["=", ";"]);
            let value = until(&tokens[(at + pattern.len() + 2).min(tokens.len())..], &[";"]);
            match pattern {
                [name] if NAMES.contains(&name.as_str()) => found.extend(texts(value)),
                [.., name, end] if NAMES.contains(&name.as_str()) && end == ")" => {
                    for (at, _) in value.iter().enumerate().filter(|(_, token)| *token == "(") {
                        found.extend(last_of_several(&value[at + 1..]).map(texts).unwrap_or_default());
                    }
                }
                _ => {}
            }
        }
        if TAKERS.contains(&token.as_str()) && is(at + 1, "(") && !(at > 0 && is(at - 1, "fn")) {
            found.extend(last_of_several(&tokens[at + 2..]).map(texts).unwrap_or_default());
        }
        if token == "fn" && tokens.get(at + 1).is_some_and(|name| NAMES.contains(&name.as_str())) {
            let body =
                tokens[at..].iter().position(|token| token == "{").map_or(&[][..], |open| &tokens[at + open + 1..]);
            found.extend(until(body, &["}"]).iter().filter_map(sentence));
        }
    }
    found
}

/// The tokens before the first of these signs that is in no bracket.
fn until<'a>(tokens: &'a [Token], ends: &[&str]) -> &'a [Token] {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate() {
        match token.as_str() {
            token if depth == 0 && ends.contains(&token) => return &tokens[..at],
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" if depth == 0 => return &tokens[..at],
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
    }
    tokens
}

/// The last of several arguments, after an opening bracket.
fn last_of_several(tokens: &[Token]) -> Option<&[Token]> {
    let mut rest = until(tokens, &[")"]);
    let mut all = Vec::new();
    while !rest.is_empty() {
        all.push(until(rest, &[","]));
        rest = rest.get(all[all.len() - 1].len() + 1..).unwrap_or_default();
    }
    if all.len() > 1 { all.pop() } else { None }
}

/// The strings of an expression, and the constants and functions that are not of `fix`. What a function of `fix` gets
/// is not a fix.
fn texts(expression: &[Token]) -> Vec<String> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(token) = expression.get(at) {
        let path = path(&expression[at..]);
        if path.len() > 1 || is_constant(token) {
            at += path.len();
            let called = expression.get(at).is_some_and(|next| next == "(");
            let name = path.last().unwrap_or(token);
            if path[0] == "fix" && called {
                at += until(&expression[at + 1..], &[")"]).len() + 2;
            } else if !["fix", "mistakes", "Errno"].contains(&path[0].as_str())
                && (is_constant(name) || called && name.starts_with(char::is_lowercase))
            {
                found.push(path.concat());
            }
            continue;
        }
        // Not what a value is compared with, and a fix may be printed after `fix: `.
        let compared = at > 1 && (expression[at - 1] == "==" || expression[at - 2] == "starts_with");
        if token.starts_with('"') && token.contains(' ') && !compared && !token.contains("fix: {") {
            found.push(token.clone());
        }
        at += 1;
    }
    found
}

/// The path at the beginning: `a::b::C`.
fn path(tokens: &[Token]) -> &[Token] {
    let mut length = 1;
    while tokens.get(length..length + 3).is_some_and(|next| next[0] == ":" && next[1] == ":" && is_word(&next[2])) {
        length += 3;
    }
    &tokens[..length]
}

fn is_word(token: &Token) -> bool {
    token.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

fn is_constant(token: &Token) -> bool {
    token.len() > 1 && is_word(token) && token.chars().all(|letter| letter.is_uppercase() || letter == '_')
}

/// A string of several words.
fn sentence(token: &Token) -> Option<String> {
    let several = token
        .as_bytes()
        .windows(3)
        .any(|three| three[0].is_ascii_alphabetic() && three[1] == b' ' && three[2].is_ascii_alphabetic());
    (token.starts_with('"') && several).then(|| token.clone())
}
