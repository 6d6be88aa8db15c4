//! For mistakes in the configuration.

use std::path::Path;

use super::command::words;

pub(super) const FILE_ABSENT: &str = "COPY the file into the image, or leave --config out to use /etc/init.toml";
pub(super) const FILE_DENIED: &str =
    "let the user that /init starts as read it (COPY --chmod=0644) and enter the directories above it";
pub(super) const FILE_UNREADABLE: &str = "give the path of a regular file, without loops of symbolic links";
pub(super) const FILE_ENCODING: &str = "save it as UTF-8 without a byte order mark";
pub(super) const FILE_KIND: &str = "give a regular TOML file of at most 1 MiB";
/// A template of a `[[file]]` cannot be used.
pub(crate) const TEMPLATE: &str =
    "copy it into the image as a file that the user can read (COPY --chmod=0644), of at most 1 MiB";

/// A value has another form, which the message gives.
pub(crate) const FORM: &str = "write it in that form";
pub(crate) const SIGNAL: &str = "write another name, such as TERM or RTMIN+3, or a number from 1 to 64";
pub(crate) const IMAGE: &str = "write it as registry.example/app:1";
pub(crate) const CAPABILITY: &str = "write a name of capabilities(7), such as NET_BIND_SERVICE";
/// A NUL, an empty array, a capability that is never kept.
pub(crate) const NEVER: &str = "leave it out";
pub(crate) const NUL: &str = "leave it out: neither paths nor arguments can contain one";
pub(crate) const EXPANDED_TOO_EARLY: &str = "write the value itself: it must be known before the environment is";
pub(crate) const NO_EXPANSION: &str =
    "write ${VAR}, ${VAR:-default}, ${VAR:+word} or ${VAR:?message}, and $$ for a plain $";
pub(crate) const EXPANDED_FORM: &str = "set its variables so that it expands to that form";
pub(crate) const NO_PATH: &str = "make it an absolute path below /";
pub(crate) const EXPANDED_BYTES: &str = "set its variables to UTF-8 text";
pub(crate) const HEADER: &str = "leave the line break out";
pub(crate) const ADDRESS: &str = "write a host and a port, such as 127.0.0.1:5555";
pub(crate) const NO_COMMAND: &str = "write the program and its arguments, each a string";
/// Each word of a command is a `${…:+…}`, and no variable is set.
pub(crate) const NO_WORD: &str = "write the program as a word without ${…:+…}, or set the variable";
pub(crate) const NUMBER_TWICE: &str = "list it once";
/// A volume in `/proc` or `/sys`.
pub(crate) const KERNELS: &str = "take it out, or mount the volume at another path";
pub(crate) const PATH_TWICE: &str = "keep one of the entries";
/// A variable is one of `[env]` and of `[secrets]`.
pub(crate) const VARIABLE_TWICE: &str = "keep one of the two; the file of a secret is its path in [secrets]";
pub(crate) const COMMAND_AND_WAIT: &str = "keep one of command and wait";
pub(crate) const OUTPUT_OF_WAIT: &str = "remove it: only a command has an output";
/// None or several kinds of a health check.
pub(crate) const NOT_ONE_CHECK: &str = "give exactly one of http, tcp, exec and file";
pub(crate) const KEY_OF_OTHER_CHECK: &str =
    "remove it, or change the check: unix, status and headers go with http, max_age with file";
/// `seal.also` without `seal.writes`.
pub(crate) const NOT_SEALED: &str = "add writes = true, or remove also";
/// `activation` without `ports`.
pub(crate) const NO_PORTS: &str = "add ports = [8000], the ports that systemd is to hold";
/// The keys `grace` of `[boot_check]` and of `[supervise]`.
pub(crate) const GRACE: &str = "write it as grace in [stop], which the check, supervision and the rendered flags share";
/// A NUL in the text of the file.
pub(crate) const UTF16: &str = "save it as UTF-8: a NUL in it looks like UTF-16";
pub(crate) const BACKSLASH: &str = r"write \\ for a backslash, or use '…'";
/// The file is YAML or JSON.
pub(crate) const NOT_TOML: &str = "write it in TOML, not in YAML or JSON: key = \"value\", [table], [[entry]]";
/// The file is not TOML, for no usual reason.
pub(crate) const SYNTAX: &str = "correct the syntax (toml.io)";

/// A key is unknown; `hint` is one of those below, or empty.
pub(crate) fn unknown_key(hint: &str, keys: &str) -> String {
    format!("{hint}allowed here: {keys}")
}

/// A table of `[role]`.
pub(crate) fn hint_role(name: &str) -> String {
    format!("declare the role as [roles.{name}]; ")
}

/// A key that is spelt nearly like this one.
pub(crate) fn hint_similar(name: &str, is_array: bool) -> String {
    let (open, close) = if is_array { ("[[", "]], one for each") } else { ("", "") };
    format!("write {open}{name}{close}; ")
}

/// A key of the top level.
pub(crate) fn hint_top(key: &str) -> String {
    format!("'{key}' is a key of the top level: write it above the first [table]; ")
}

/// A key of a role.
pub(crate) fn hint_of_role(key: &str) -> String {
    format!("'{key}' is a key of a role: write it below [roles.NAME]; ")
}

/// A value without the quotes of a string.
pub(crate) fn unquoted(value: &str) -> String {
    format!("write it in quotes: \"{value}\"")
}

/// A number or a boolean with the quotes of a string.
pub(crate) fn in_quotes(value: &str) -> String {
    format!("write it without quotes: {value}")
}

/// An array of tables instead of a table.
pub(crate) fn several_tables(header: &str) -> String {
    format!("write it once, in single brackets: [{header}]")
}

/// A table instead of an array of tables.
pub(crate) fn one_table(key: &str) -> String {
    format!("write it in double brackets: [[{key}]]")
}

/// A string instead of an array of words.
pub(crate) fn one_string(text: &str) -> String {
    format!("write an array, each word its own string: [{}]", words(text))
}

/// The name of a secret instead of its path.
pub(crate) fn secret(path: &Path) -> String {
    format!("write the path of its file: /run/secrets/{}", path.display())
}

/// Something else than a table with these keys.
pub(crate) fn no_table((open, close): (&str, &str), name: &str, keys: &str) -> String {
    format!("write {open}{name}{close}, with {keys}")
}

/// A value of another type.
pub(crate) fn other_type(what: &str) -> String {
    format!("write {what}")
}

/// `groups` is a string.
pub(crate) fn groups(name: &str) -> String {
    format!("write groups = [\"{name}\"], or groups = \"engine\" to keep those that the engine gave")
}

/// An integer out of its range.
pub(crate) fn out_of_range(least: i64, most: i64) -> String {
    format!("write an integer from {least} to {most}")
}

/// A path with the options of a mount; `keys` are those options that are keys here.
pub(crate) fn mount_options(path: &str, keys: &str) -> String {
    format!("write the path alone, and size and mode as their own keys: path = \"{path}\"{keys}")
}

/// A table without a key that it needs.
pub(crate) fn lacks(key: &str) -> String {
    format!("add {key} = …")
}

/// A role that is not one of these.
pub(crate) fn no_such_role(role: &str, known: &str) -> String {
    let others = if known.is_empty() { "" } else { ", or name one of: " };
    format!("declare the role as [roles.{role}]{others}{known}")
}

/// The address of a health check is not an `http://` URL.
pub(crate) fn url(url: &str) -> String {
    match url.strip_prefix("unix:") {
        Some(path) => format!("write http = \"http://localhost/PATH\", unix = \"/{}\"", path.trim_start_matches('/')),
        None if url.starts_with("https:") => "write http://127.0.0.1:PORT/PATH: /init has no TLS".into(),
        None => "write http://127.0.0.1:PORT/PATH".into(),
    }
}
