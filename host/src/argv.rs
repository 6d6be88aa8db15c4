//! Parses a unit's `podman run` command line, without system calls.
//!
//! The position of the image's name depends on which options take the next word as their value. The options without a
//! value are listed; every other one takes a value. A word that cannot be parsed is an error.

use std::collections::BTreeMap;

/// The switches of podman-run(1): options without a value of their own word.
const SWITCHES: &[&str] = &[
    "--detach",
    "--disable-content-trust",
    "--env-host",
    "--help",
    "--http-proxy",
    "--init",
    "--interactive",
    "--no-healthcheck",
    "--no-hostname",
    "--no-hosts",
    "--oom-kill-disable",
    "--passwd",
    "--privileged",
    "--publish-all",
    "--quiet",
    "--read-only",
    "--read-only-tmpfs",
    "--replace",
    "--rm",
    "--rmi",
    "--sig-proxy",
    "--tls-verify",
    "--tty",
    "--unsetenv-all",
];

/// The short options, and what they are in full.
const SHORT: &[(char, &str)] = &[
    ('a', "--attach"),
    ('c', "--cpu-shares"),
    ('d', "--detach"),
    ('e', "--env"),
    ('h', "--hostname"),
    ('i', "--interactive"),
    ('l', "--label"),
    ('m', "--memory"),
    ('p', "--publish"),
    ('P', "--publish-all"),
    ('q', "--quiet"),
    ('t', "--tty"),
    ('u', "--user"),
    ('v', "--volume"),
    ('w', "--workdir"),
];

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Flag {
    /// The long name, with both dashes.
    pub(crate) name: String,
    pub(crate) value: Option<String>,
}

impl Flag {
    pub(crate) fn new(name: &str, value: Option<&str>) -> Self {
        Self { name: name.to_owned(), value: value.map(str::to_owned) }
    }

    pub(crate) fn word(&self) -> String {
        match &self.value {
            Some(value) => format!("{}={value}", self.name),
            None => self.name.clone(),
        }
    }
}

/// `podman run FLAG... IMAGE COMMAND...`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RunLine {
    pub(crate) podman: String,
    pub(crate) flags: Vec<Flag>,
    pub(crate) image: String,
    pub(crate) command: Vec<String>,
}

impl RunLine {
    /// The words of `ExecStart`, with `$` as systemd would have resolved it.
    pub(crate) fn parse(words: &[String]) -> Result<Self, String> {
        let mut words = words.iter();
        let podman = words.next().filter(|word| word.rsplit('/').next() == Some("podman"));
        let podman = podman.ok_or("its ExecStart is not podman's")?.clone();
        if words.next().map(String::as_str) != Some("run") {
            return Err("its ExecStart is not podman run".to_owned());
        }
        let mut flags = Vec::new();
        while let Some(word) = words.next() {
            if let Some(long) = word.strip_prefix("--") {
                if long.is_empty() {
                    return Err("its ExecStart has a bare --".to_owned());
                }
                flags.push(long_flag(word, &mut words)?);
            } else if word.len() > 1 && word.starts_with('-') {
                short_flags(word, &mut words, &mut flags)?;
            } else {
                return Ok(Self { podman, flags, image: word.clone(), command: words.cloned().collect() });
            }
        }
        Err("its ExecStart names no image".to_owned())
    }

    /// Gives `--env NAME` the value that the unit's environment has: `podman run` would take it from its own.
    pub(crate) fn with_variables(mut self, variables: &BTreeMap<String, String>) -> Self {
        for flag in self.flags.iter_mut().filter(|flag| flag.name == "--env") {
            let set = flag.value.as_ref().and_then(|name| Some(format!("{name}={}", variables.get(name)?)));
            flag.value = set.or_else(|| flag.value.take());
        }
        self
    }

    /// The value of the last flag of that name.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.flags.iter().rev().find(|flag| flag.name == name).and_then(|flag| flag.value.as_deref())
    }

    pub(crate) fn words(&self) -> Vec<String> {
        let mut words = vec![self.podman.clone(), "run".to_owned()];
        words.extend(self.flags.iter().map(Flag::word));
        words.push(self.image.clone());
        words.extend(self.command.iter().cloned());
        words
    }
}

fn long_flag<'a>(word: &str, words: &mut impl Iterator<Item = &'a String>) -> Result<Flag, String> {
    if let Some((name, value)) = word.split_once('=') {
        return Ok(Flag::new(in_full(name), Some(value)));
    }
    let name = in_full(word);
    if SWITCHES.contains(&name) {
        return Ok(Flag::new(name, None));
    }
    let value = words.next().ok_or_else(|| format!("its ExecStart ends with {name}"))?;
    Ok(Flag::new(name, Some(value)))
}

/// The full name of an option that Podman accepts under two names.
fn in_full(name: &str) -> &str {
    match name {
        "--net" => "--network",
        "--no-healthcheck" => "--no-healthcheck",
        "--healthcheck-command" => "--health-cmd",
        other => other,
    }
}

fn short_flags<'a>(
    word: &str,
    words: &mut impl Iterator<Item = &'a String>,
    flags: &mut Vec<Flag>,
) -> Result<(), String> {
    for (at, letter) in word.char_indices().skip(1) {
        let known = SHORT.iter().find(|(short, _)| *short == letter);
        let (_, name) = known.ok_or_else(|| format!("its ExecStart has an unknown option -{letter}"))?;
        if SWITCHES.contains(name) {
            flags.push(Flag::new(name, None));
            continue;
        }
        let attached = word.get(at + letter.len_utf8()..).unwrap_or_default();
        let value = match attached.strip_prefix('=').unwrap_or(attached) {
            "" => words.next().ok_or_else(|| format!("its ExecStart ends with -{letter}"))?,
            value => value,
        };
        flags.push(Flag::new(name, Some(value)));
        return Ok(());
    }
    Ok(())
}

/// The words of a command line in a unit file, without systemd's quotes and escapes. `%%` becomes `%`; other specifiers
/// are kept.
pub(crate) fn split(line: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut letters = line.chars();
    let (mut word, mut quote): (Option<String>, Option<char>) = (None, None);
    while let Some(letter) = letters.next() {
        match (letter, quote) {
            ('\\', _) => word.get_or_insert_default().push(escaped(&mut letters)?),
            (_, Some(open)) if letter == open => quote = None,
            ('"' | '\'', None) => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (' ' | '\t', None) => words.extend(word.take()),
            _ => word.get_or_insert_default().push(letter),
        }
    }
    if quote.is_some() {
        return Err("its ExecStart has a quote that does not end".to_owned());
    }
    words.extend(word);
    Ok(words.into_iter().map(|word| word.replace("%%", "%")).collect())
}

fn escaped(letters: &mut std::str::Chars) -> Result<char, String> {
    let wrong = || "its ExecStart has an unknown escape".to_owned();
    Ok(match letters.next().ok_or_else(wrong)? {
        'a' => '\u{7}',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\u{b}',
        's' => ' ',
        'x' => {
            let digits: String = letters.by_ref().take(2).collect();
            let byte = u8::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == 2);
            char::from(byte.ok_or_else(wrong)?)
        }
        same @ ('\\' | '"' | '\'') => same,
        _ => return Err(wrong()),
    })
}

/// Resolves `$$`, `${NAME}` and a word that is `$NAME` as systemd does when it starts the unit. systemd(1) gives the
/// words of `ExecStart` over D-Bus before that step. A variable from elsewhere than `Environment=` is an error.
pub(crate) fn resolve(words: &[String], variables: &BTreeMap<String, String>) -> Result<Vec<String>, String> {
    let mut resolved = Vec::new();
    for word in words {
        match word.strip_prefix('$') {
            Some(name) if is_variable(name) => {
                let value = variables.get(name).ok_or_else(|| unknown(name))?;
                resolved.extend(value.split_whitespace().map(str::to_owned));
            }
            _ => resolved.push(within(word, variables)?),
        }
    }
    Ok(resolved)
}

fn within(word: &str, variables: &BTreeMap<String, String>) -> Result<String, String> {
    let mut done = String::new();
    let mut rest = word;
    while let Some((before, after)) = rest.split_once('$') {
        done.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            done.push('$');
            rest = after;
        } else if let Some((name, after)) = after.strip_prefix('{').and_then(|after| after.split_once('}')) {
            done.push_str(variables.get(name).ok_or_else(|| unknown(name))?);
            rest = after;
        } else {
            done.push('$');
            rest = after;
        }
    }
    done.push_str(rest);
    Ok(done)
}

fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn unknown(name: &str) -> String {
    format!("its ExecStart uses ${name}, which its Environment= does not set")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn image_is_the_first_word_that_is_no_option_or_value() {
        let line = RunLine::parse(&words(
            "/usr/bin/podman run --name web --replace --rm --cgroups=split -d -p 80:80 -eA=b --env ROLE=web \
             img:current a -b",
        ));
        let line = line.unwrap();
        assert_eq!((line.image.as_str(), line.value("--name")), ("img:current", Some("web")));
        assert_eq!(line.command, ["a", "-b"]);
        assert_eq!(line.value("--publish"), Some("80:80"));
        let env: Vec<_> = line.flags.iter().filter(|flag| flag.name == "--env").map(Flag::word).collect();
        assert_eq!(env, ["--env=A=b", "--env=ROLE=web"]);
    }

    #[test]
    fn clustered_short_options_are_parsed() {
        let line = RunLine::parse(&words("podman run -dit -p=1:1 -v/a:/b img")).unwrap();
        let flags: Vec<_> = line.flags.iter().map(Flag::word).collect();
        assert_eq!(flags, ["--detach", "--interactive", "--tty", "--publish=1:1", "--volume=/a:/b"]);
    }

    #[test]
    fn commands_other_than_podman_run_are_refused() {
        for bad in ["/bin/sh -c x", "podman start web", "podman run --rm", "podman run --name", "podman run -Z img"] {
            assert!(RunLine::parse(&words(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn quotes_and_escapes_are_removed_as_systemd_does() {
        let line = r#"podman run "--health-cmd=[\"/init\"]" 'a b' c\x20d\te  %%h%t "" "#;
        assert_eq!(split(line).unwrap(), ["podman", "run", r#"--health-cmd=["/init"]"#, "a b", "c d\te", "%h%t", ""]);
        for bad in ["\"a", "a\\", "\\q", "\\x1"] {
            assert!(split(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn variables_are_resolved_as_systemd_does() {
        let variables = BTreeMap::from([("A".to_owned(), "x y".to_owned())]);
        let resolved = resolve(&words("$A ${A}! $$HOME a$b cost$"), &variables).unwrap();
        assert_eq!(resolved, ["x", "y", "x y!", "$HOME", "a$b", "cost$"]);
        let line = RunLine::parse(&words("podman run --env A -e B --env=C=A img")).unwrap().with_variables(&variables);
        let env: Vec<_> = line.flags.iter().map(Flag::word).collect();
        assert_eq!(env, ["--env=A=x y", "--env=B", "--env=C=A"]);
        assert!(resolve(&words("${B}"), &variables).is_err());
        assert!(resolve(&words("$B"), &variables).is_err());
    }
}
