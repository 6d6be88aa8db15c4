//! The formats inside strings, and the escaping of text for a line: each value has one form, and decoding and
//! printing are inverse.

use std::time::Duration;

use stepdown::config::values;
use stepdown::facts::accounts::id;
use stepdown::logger::escaped;
use stepdown::privilege::capability::Set;

pub fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if let Ok(mode) = values::mode(&text) {
        assert_eq!(format!("{mode:0width$o}", width = text.len()), text);
        assert!(mode <= 0o3777, "{text} sets an id");
        assert_eq!(values::umask(&text).is_ok(), mode <= 0o777);
    }
    if let Ok(path) = values::path(&text) {
        assert_eq!(values::path(&path).as_ref(), Ok(&path));
        assert!(
            path.starts_with('/')
                && path.len() > 1
                && !path.ends_with('/')
                && !path.contains("//")
                && !path.contains('\0')
        );
        assert!(format!("{path}/").find("/../").or(format!("{path}/").find("/./")).is_none(), "{path}");
        assert_eq!(text.strip_suffix('/').unwrap_or(&text), path);
    }
    if let Ok(duration) = values::duration(&text) {
        assert!(duration > Duration::ZERO && duration <= Duration::from_secs(86_400));
        let number: u128 = text.trim_end_matches(['m', 's']).parse().expect("a number");
        let unit = if text.ends_with("ms") {
            1
        } else if text.ends_with('s') {
            1000
        } else {
            60_000
        };
        assert_eq!(duration.as_millis(), number * unit);
    }
    if let Ok(size) = values::size(&text) {
        assert!(size == *text && digits(text.trim_end_matches(['k', 'm', 'g', 'K', 'M', 'G'])));
    }
    if let Ok(name) = values::variable(&text) {
        assert!(
            name == *text
                && !digits(&text[..1])
                && text.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric())
        );
    }
    match id(&text) {
        Some(id) => assert!(
            digits(&text) && id != u32::MAX && text.trim_start_matches('0') == id.to_string().trim_start_matches('0')
        ),
        None => assert!(
            !digits(&text)
                || text.parse::<u32>().is_ok_and(|id| id == u32::MAX)
                || text.trim_start_matches('0').len() >= 10
        ),
    }
    if let Some(set) = Set::named(&text) {
        assert!(
            set.each().count() == 1 && set.names().next().as_deref().and_then(Set::named) == Some(set),
            "{text} is {set}"
        );
    }
    let line = escaped(&text);
    super::one_line(&line);
    assert_eq!(escaped(&line), line);
}
