//! For variables, secrets, and roles that a variable selects.

use crate::error::NoSecret;

pub(super) const ROLE_WITHOUT_ROLES: &str =
    "declare it in the configuration (a table [roles.NAME] with its command), or leave --role out";
/// A value of `[env]` refers to a variable of `[env]`.
pub(super) const SET_LATER: &str = "write its value there instead of the reference";
/// A value refers to the output of a step, and is resolved before it.
pub(super) const SET_BY_STEP: &str =
    "refer to it only in later steps and in the command of a role, or write a default (${NAME:-…})";
pub(super) const SECRET_LEFT_OUT: &str =
    "mount its file (--secret …), give the secret no roles or this one too, or write a default (${NAME:-…})";

/// The values of `INIT_LOG`.
pub(crate) const LOG_LEVELS: &str = "error, warn, info, debug or trace";
/// The values of `BOOT_CHECK_ONLY`.
pub(crate) const GATE: &str = "1 (full check), init (through the drop) or 0 (boot)";
/// The values of `BOOT_CHECK_FORMAT`.
pub(crate) const REPORT_FORMATS: &str = "text or json";
/// The value of `LISTEN_FDS`.
pub(crate) const SOCKETS: &str = "the number of sockets and files that are passed from descriptor 3 on";

pub(super) fn set(name: &str, or_default: bool) -> String {
    let default = if or_default { format!(", or write ${{{name}:-default}}") } else { String::new() };
    format!("set {name} (--env {name}=…){default}")
}

pub(super) fn secret(name: &str, cause: NoSecret) -> String {
    match cause {
        NoSecret::Absent => format!("mount the secret there (--secret …), or name its file in {name}_FILE"),
        NoSecret::Twice => format!("unset {name} or {name}_FILE"),
        NoSecret::NotForRoot => {
            "let only root own and write it and the directories above it, or use another variable at that place".into()
        }
        NoSecret::Unreadable => {
            "let the app's user own it, with mode 0400 (--secret NAME,uid=UID,mode=0400), or start as root and let \
             root own it and the directories above it"
                .into()
        }
        NoSecret::NoValue | NoSecret::Refused(_) => {
            "make it a file that holds the value: not empty, no NUL, at most 64 KiB".into()
        }
    }
}

/// An addition for a quoted value with blanks, quotes or a carriage return at its ends.
pub(super) fn around(what: &str) -> &'static str {
    let given = what.split_once('\'').and_then(|(_, rest)| rest.rsplit_once('\'')).map_or("", |(given, _)| given);
    if given.trim_matches(|byte: char| byte.is_whitespace() || matches!(byte, '"' | '\'')) == given {
        return "";
    }
    "; without quotes, blanks and carriage returns around it (save an env file with LF line endings)"
}
