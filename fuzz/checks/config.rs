//! The configuration: the line and column of a refusal exist, and each value is at its reported place.

use std::rc::Rc;
use std::time::Duration;

use stepdown::config::{At, Config, Expandable, Groups, Probe, Scope, Step, decode, values};
use stepdown::error::{Error, Place, TextFile};

const PATH: &str = "/etc/init.toml";
const DAY: Duration = Duration::from_secs(86_400);

pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let file = Rc::new(TextFile { path: PATH.into(), text: text.into() });
    match decode::decode(&file) {
        Ok(config) => sound(&config, text),
        Err(error) => {
            super::refused(&error, &[78]);
            match &error {
                Error::Config { place, .. } => assert!(rest(text, place).is_some(), "{error}: not a place in {text:?}"),
                _ => panic!("{error:?}"),
            }
        }
    }
}

/// The text from a place on; None if the place does not exist, or if its printed line and column differ from it.
fn rest<'a>(text: &'a str, place: &Place) -> Option<&'a str> {
    let Place::File { file, offset } = place else { return None };
    let shown = format!("{place}");
    let (line, column) = shown.strip_prefix(PATH)?.strip_prefix(':')?.split_once(':')?;
    let before: usize = text.split_inclusive('\n').take(line.parse::<usize>().ok()? - 1).map(str::len).sum();
    let here = text.get(before..)?;
    let column = column.parse::<usize>().ok()? - 1;
    let at = before + here.char_indices().nth(column).map_or(here.len(), |(at, _)| at);
    let rest = text.get(*offset..)?;
    (file.text == text && (at == *offset || offset == &text.len())).then_some(rest)
}

/// The place of a string is its opening quote; its text follows if nothing is escaped.
fn string(text: &str, at: &At<String>) {
    let here = rest(text, &at.place).unwrap_or_else(|| panic!("{:?} is nowhere in {text:?}", at.place));
    let quote = here
        .chars()
        .next()
        .filter(|quote| matches!(quote, '"' | '\''))
        .unwrap_or_else(|| panic!("{at:?} is at {here:?}"));
    let (inside, multi_line) =
        (&here[1..], here[1..].starts_with([quote; 2].iter().collect::<String>().as_str()) && !at.value.is_empty());
    let plain = inside.split(quote).next().unwrap_or("");
    if !multi_line && (quote == '\'' || !plain.contains('\\')) {
        assert_eq!(plain, at.value, "at {:?}", at.place);
    }
    assert!(!at.value.contains('\0'));
}

fn scope(text: &str, scope: &Scope, config: &Config) {
    for role in scope.roles.iter().flatten() {
        string(text, role);
        assert!(config.role(&role.value).is_some());
    }
    for name in scope.when.keys().chain(scope.unless.keys()) {
        assert!(values::name(name).is_ok(), "{name}");
    }
}

fn sound(config: &Config, text: &str) {
    surfaces(config, text);
    steps(config, text);
    roles(config, text);
    for entry in &config.requirements {
        assert!(values::name(&entry.env).is_ok());
        scope(text, &entry.scope, config);
    }
    for entry in &config.refusals {
        assert!(values::variable(&entry.env).is_ok());
        scope(text, &entry.scope, config);
    }
    assert!(config.unset.iter().all(|name| values::variable(name).is_ok()));
    variables(text, config.env.iter().chain(config.secrets.iter().map(|(name, secret)| (name, &secret.path))));
    config.secrets.iter().for_each(|(_, secret)| scope(text, &secret.scope, config));
    let listed = match &config.groups {
        Some(Groups::Listed(listed)) => listed.as_slice(),
        Some(Groups::Engine) | None => &[],
    };
    config.user.iter().chain(listed).chain(&config.keep_capabilities).for_each(|at| string(text, at));
    match &config.umask {
        None => {}
        Some(Expandable::Given(umask)) => assert!(*umask <= 0o777),
        Some(Expandable::Text(at)) => string(text, at),
    }
    assert!(
        [&config.home, &config.workdir]
            .into_iter()
            .flatten()
            .all(|path| path.starts_with('/') && !path.contains("/../"))
    );
    assert!(values::variable(&config.role_variable).is_ok());
    assert!(
        [Some(config.boot_check.timeout), Some(config.boot_check.settle), config.stop.grace]
            .into_iter()
            .flatten()
            .all(sane)
    );
    assert!(
        config
            .supervise
            .exit_codes
            .iter()
            .all(|(from, to)| from.parse::<u8>().is_ok() && (0..=255).contains(&to.value))
    );
    let number = |place| {
        rest(text, place).unwrap().trim_start_matches(['+', '-']).starts_with(|first: char| first.is_ascii_digit())
    };
    assert!(config.supervise.exit_codes.values().all(|to| number(&to.place)));
}

/// The mount points, directories and files.
fn surfaces(config: &Config, text: &str) {
    let plain = |path: &At<String>| {
        assert_eq!(values::path(&path.value).as_ref(), Ok(&path.value));
        let in_file = rest(text, &path.place).unwrap();
        assert!(in_file.starts_with(['"', '\'']), "{in_file:?}");
    };
    for entry in &config.tmpfs {
        plain(&entry.path);
        assert!(entry.mode <= 0o3777);
        scope(text, &entry.scope, config);
    }
    for entry in &config.volumes {
        if entry.path.value.contains('$') {
            string(text, &entry.path);
        } else {
            plain(&entry.path);
        }
        scope(text, &entry.scope, config);
    }
    for entry in &config.directories {
        string(text, &entry.path);
        assert!(entry.mode <= 0o3777);
        scope(text, &entry.scope, config);
    }
    for entry in &config.files {
        string(text, &entry.path);
        string(text, &entry.template);
        entry.when_exists.iter().chain(&entry.unless_exists).for_each(|path| string(text, path));
        entry.variables.iter().for_each(|name| string(text, name));
        assert!(entry.mode <= 0o3777 && entry.variables.iter().all(|name| values::variable(&name.value).is_ok()));
        scope(text, &entry.scope, config);
    }
}

/// The steps, of root and of the user.
fn steps(config: &Config, text: &str) {
    for step in config.root_steps.iter().chain(&config.steps) {
        assert!(step.output.as_ref().is_none_or(|name| step.wait.is_none() && values::name(name).is_ok()));
        match &step.wait {
            Some(wait) => asked(text, &wait.probe),
            None => command(text, &step.command),
        }
        step.when_exists.iter().chain(&step.unless_exists).for_each(|path| string(text, path));
        string(text, &step.name);
        step.capabilities.iter().for_each(|name| string(text, name));
        assert!(step.timeout.as_ref().is_none_or(|timeout| expandable(text, timeout)));
        scope(text, &step.scope, config);
    }
    let plain = |step: &Step| step.capabilities.is_empty() && step.env.is_empty();
    assert!(config.steps.iter().all(plain), "only root steps ask for capabilities and have an environment");
    config.root_steps.iter().for_each(|step| variables(text, step.env.iter()));
}

/// The roles with their commands, variables and health checks.
fn roles(config: &Config, text: &str) {
    for (_, role) in &config.roles {
        assert!(rest(text, &role.place).is_some());
        role.command.iter().filter(|words| !words.is_empty()).for_each(|words| command(text, words));
        variables(text, role.env.iter());
        assert!(
            role.supervise.as_ref().is_none_or(|at| rest(text, &at.place).unwrap().starts_with(&at.value.to_string()))
        );
        let Some(health) = &role.health else { continue };
        assert!(expandable(text, &health.timeout));
        asked(text, &health.probe);
    }
}

fn asked(text: &str, probe: &Probe) {
    match probe {
        Probe::Http { url, unix, status, headers } => {
            assert!((100..=599).contains(status));
            headers.values().chain([url]).chain(unix).for_each(|at| string(text, at));
        }
        Probe::Exec(words) => command(text, words),
        Probe::Tcp(one) | Probe::File { path: one, .. } => string(text, one),
    }
}

fn sane(duration: Duration) -> bool {
    !duration.is_zero() && duration <= DAY
}

fn expandable(text: &str, of: &Expandable<Duration>) -> bool {
    match of {
        Expandable::Given(duration) => sane(*duration),
        Expandable::Text(at) => {
            string(text, at);
            at.value.contains('$')
        }
    }
}

fn command(text: &str, words: &[At<String>]) {
    assert!(words.first().is_some_and(|first| !first.value.is_empty()));
    words.iter().for_each(|word| string(text, word));
}

fn variables<'a>(text: &str, all: impl Iterator<Item = (&'a String, &'a At<String>)>) {
    for (name, value) in all {
        assert!(values::name(name).is_ok(), "{name}");
        string(text, value);
    }
}
