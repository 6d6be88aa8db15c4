//! Parsers of string forms: modes, paths, durations, variable names.
//!
//! Each returns the value, or what is wrong with the text; the caller adds its place. The message describes the form,
//! and its fix refers to that: the form stays here beside its parser, not in [`crate::error::fix`].

use std::time::Duration;

/// A file mode in octal digits, `0755`. Set-user-ID has no meaning on a directory and is refused.
///
/// # Errors
/// What is wrong with it.
pub fn mode(text: &str) -> Result<u32, String> {
    let digits = (3..=4).contains(&text.len()) && text.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
    match u32::from_str_radix(text, 8) {
        Ok(mode) if digits && mode <= 0o3777 => Ok(mode),
        _ => Err(format!("'{text}' is not a mode: three or four octal digits, at most 3777, such as 0755")),
    }
}

/// The mode of a directory that its owner writes to.
///
/// # Errors
/// What is wrong with it.
pub fn directory_mode(text: &str) -> Result<u32, String> {
    match mode(text)? {
        mode if mode & 0o300 == 0o300 => Ok(mode),
        _ => Err(format!("'{text}' does not let the app write there: its owner needs 3 or 7, as in 0700")),
    }
}

/// A umask in octal digits, `0022`.
///
/// # Errors
/// What is wrong with it.
pub fn umask(text: &str) -> Result<u32, String> {
    match mode(text) {
        Ok(mask) if mask <= 0o777 => Ok(mask),
        _ => Err(format!("'{text}' is not a umask: three or four octal digits, at most 0777, such as 0022")),
    }
}

/// An absolute path in its normal form, without a slash at its end. `/` itself cannot be handed over.
///
/// # Errors
/// What is wrong with it: relative, the root itself, `.`, `..` or an empty component in it, or a NUL.
pub fn path(text: &str) -> Result<String, String> {
    let trimmed = text.strip_suffix('/').unwrap_or(text);
    let Some(inside) = trimmed.strip_prefix('/') else {
        return Err(format!("'{text}' is not an absolute path below /"));
    };
    if inside.split('/').any(|part| matches!(part, "" | "." | "..")) || inside.contains('\0') {
        return Err(format!("'{text}' is not a plain path: no empty part, no . and no .. in it"));
    }
    Ok(trimmed.to_owned())
}

/// A duration: `500ms`, `10s`, `5m`.
///
/// # Errors
/// What is wrong with it.
pub fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let milliseconds = match unit {
        "ms" => Some(1),
        "s" => Some(1000),
        "m" => Some(60_000),
        _ => None,
    };
    match (number.parse::<u64>(), milliseconds) {
        // No step or stop should take a day, and sums of durations cannot overflow.
        (Ok(number), Some(each)) if number > 0 && number <= 86_400_000 / each => {
            Ok(Duration::from_millis(number * each))
        }
        _ => {
            Err(format!("'{text}' is not a duration: a number with ms, s or m, above 0 and at most a day, such as 10s"))
        }
    }
}

/// A size in the form of the engines: `64m`.
///
/// # Errors
/// What is wrong with it.
pub fn size(text: &str) -> Result<String, String> {
    let number = text.strip_suffix(['k', 'm', 'g', 'K', 'M', 'G']).unwrap_or(text);
    match number.parse::<u64>() {
        Ok(1..) if number.bytes().all(|byte| byte.is_ascii_digit()) => Ok(text.to_owned()),
        _ => Err(format!("'{text}' is not a size: a number with k, m or g, such as 64m")),
    }
}

/// The name of a variable as `execve(2)` accepts it: anything without `=`.
///
/// # Errors
/// What is wrong with it.
pub fn name(text: &str) -> Result<String, String> {
    if text.is_empty() || text.contains(['=', '\0']) {
        Err(format!("'{text}' is not the name of a variable: not empty, and no = in it"))
    } else {
        Ok(text.to_owned())
    }
}

/// The name of a variable, as `${…}` can refer to it.
///
/// # Errors
/// What is wrong with it.
pub fn variable(text: &str) -> Result<String, String> {
    let first = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    if first && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        Ok(text.to_owned())
    } else {
        Err(format!("'{text}' is not the name of a variable: letters, digits and _, no digit first"))
    }
}

/// A home or working directory: an absolute path, `/` included.
///
/// # Errors
/// What is wrong with it.
pub fn directory(text: &str) -> Result<String, String> {
    if text == "/" { Ok(text.to_owned()) } else { path(text) }
}

/// The name of a role.
///
/// # Errors
/// What is wrong with it.
pub fn role(text: &str) -> Result<(), String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if !text.is_empty() && text.bytes().all(plain) {
        Ok(())
    } else {
        Err(format!("'{text}' is not the name of a role: letters, digits, - _ ."))
    }
}

/// An exit code in its one decimal form.
///
/// # Errors
/// What is wrong with it.
pub fn exit_code(text: &str) -> Result<(), String> {
    match text.parse::<u8>() {
        Ok(code) if code.to_string() == text => Ok(()),
        _ => Err(format!("'{text}' is not an exit code from 0 to 255")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_octal_digits_and_nothing_else() {
        assert_eq!((mode("0755"), mode("1777"), mode("700")), (Ok(0o755), Ok(0o1777), Ok(0o700)));
        for wrong in ["", "75", "0o755", "+755", "07555", "0788", "4755", "rwx", " 755"] {
            assert!(mode(wrong).is_err(), "{wrong:?}");
        }
        assert!(umask("1022").is_err());
    }

    #[test]
    fn paths_have_one_form() {
        assert_eq!(path("/home/app/"), Ok("/home/app".into()));
        for wrong in ["", "/", "//", "a", "/a//b", "/a/./b", "/a/..", "/../etc", "/a\0b", "/a//"] {
            assert!(path(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn durations_have_a_unit() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("5m"), Ok(Duration::from_secs(300)));
        for wrong in ["", "5", "s", "5h", "-5s", "1.5s", "5 s", "0s", "99999999999999999999s", "2000m"] {
            assert!(duration(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn sizes_and_names_are_plain() {
        assert!(size("64m").is_ok() && size("1048576").is_ok());
        assert!(["", "m", "0", "64mb", "+5m", "1e3"].iter().all(|wrong| size(wrong).is_err()));
        assert!(variable("OPENAI_API_KEY").is_ok());
        assert!(["", "1A", "A-B", "A=B", "É"].iter().all(|wrong| variable(wrong).is_err()));
    }
}
