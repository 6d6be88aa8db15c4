//! The usual mistakes in a configuration, each with its fix.

use super::keys::{self, Form, Key, Kind, Table};
use crate::error::fix;

/// Renamed keys: the table, the key, and what to write instead.
pub(super) const RENAMED: [(&str, &str, &str); 2] =
    [("[boot_check]", "grace", fix::mistake::GRACE), ("[supervise]", "grace", fix::mistake::GRACE)];

/// The names that other tools have for a key.
const OTHER_NAMES: [(&str, &str); 7] = [
    ("cmd", "command"),
    ("entrypoint", "command"),
    ("environment", "env"),
    ("healthcheck", "health"),
    ("uid", "user"),
    ("working_dir", "workdir"),
    ("cap_add", "keep_capabilities"),
];

/// The fix for a key that the table does not have.
pub(super) fn in_key(key: &str, is_table: bool, table: &Table) -> String {
    let role = key;
    let key = OTHER_NAMES.iter().find(|(other, _)| *other == key).map_or(key, |(_, known)| *known);
    let hint = if table.name == keys::ROLE.name && is_table {
        fix::mistake::hint_role(role)
    } else if let Some(right) = similar(key, table) {
        fix::mistake::hint_similar(right.name, matches!(right.kind, Kind::Tables(_)))
    } else if keys::TOP.get(key).is_some_and(|known| !is_a_table(&known.kind)) {
        fix::mistake::hint_top(key)
    } else if keys::A_ROLE.get(key).is_some() {
        fix::mistake::hint_of_role(key)
    } else {
        String::new()
    };
    fix::mistake::unknown_key(&hint, &table.names())
}

fn is_a_table(kind: &Kind) -> bool {
    matches!(kind, Kind::Table(_) | Kind::Tables(_) | Kind::Map(..))
}

/// The key that differs only in case, hyphens or number.
fn similar(key: &str, table: &Table) -> Option<&'static Key> {
    let plain = |name: &str| {
        let name = name.to_ascii_lowercase().replace('-', "_");
        name.strip_suffix("ies").map_or_else(|| name.trim_end_matches('s').to_owned(), |stem| format!("{stem}y"))
    };
    table.all().find(|known| plain(known.name) == plain(key))
}

/// The fix for invalid TOML, guessed from the line.
pub(super) fn in_syntax(text: &str, offset: usize) -> String {
    let start = text.get(..offset).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1);
    let line = text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or_default();
    let value = line.rsplit_once('=').map_or("", |(_, value)| value);
    let value = value.split(['#', ',', '}']).next().unwrap_or(value).trim();
    let leading_zero = value.len() > 1 && value.starts_with('0') && value.bytes().all(|byte| byte.is_ascii_digit());
    let unquoted = value.starts_with(|first: char| first.is_ascii_alphabetic() || matches!(first, '/' | '$' | '.'));
    if text.contains('\0') {
        return fix::mistake::UTF16.to_owned();
    }
    if text.get(..offset).is_some_and(|before| before.ends_with('\\')) {
        return fix::mistake::BACKSLASH.to_owned();
    }
    if line.trim_start().starts_with(['{', '-']) || (!line.contains('=') && line.contains(':')) {
        return fix::mistake::NOT_TOML.to_owned();
    }
    if leading_zero || (unquoted && !value.contains(['"', '\''])) {
        fix::mistake::unquoted(value)
    } else {
        fix::mistake::SYNTAX.to_owned()
    }
}

/// The text in quotes for a value that was written without them.
pub(super) fn quoted(written: &str, kind: Option<Kind>) -> String {
    match kind {
        Some(Kind::Form(Form::Duration)) => format!("{written}s"),
        // Fewer than a page are no bytes.
        Some(Kind::Form(Form::Size)) if written.len() < 5 => format!("{written}m"),
        Some(Kind::Form(Form::Mode | Form::DirectoryMode | Form::Umask)) => format!("{written:0>4}"),
        _ => written.to_owned(),
    }
}

/// The fix for a path that is followed by mount options: `/x:rw,size=16m`.
pub(super) fn mount_options(path: &str) -> Option<String> {
    const KNOWN: [&str; 16] = [
        "rw",
        "ro",
        "z",
        "Z",
        "U",
        "O",
        "noexec",
        "exec",
        "nosuid",
        "suid",
        "nodev",
        "dev",
        "rslave",
        "rprivate",
        "tmpcopyup",
        "notmpcopyup",
    ];
    let (plain, options) = path.split_once(':')?;
    let is_option = |option: &str| {
        KNOWN.contains(&option)
            || ["size=", "mode=", "uid=", "gid=", "idmap"].iter().any(|known| option.starts_with(known))
    };
    if !options.split(',').all(is_option) {
        return None;
    }
    let kept = options.split(',').filter_map(|option| {
        let (name, value) = option.split_once('=')?;
        matches!(name, "size" | "mode").then(|| format!(", {name} = \"{value}\""))
    });
    Some(fix::mistake::mount_options(plain, &kept.collect::<String>()))
}
