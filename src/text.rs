//! Lists and times as messages show them.
//!
//! The standard library's `join` and the `Debug` of a duration are 4 KB of the binary.

use std::fmt;
use std::time::Duration;

/// The words with a separator between them.
pub fn joined<S: AsRef<str>>(words: &[S], separator: &str) -> String {
    let mut all = String::new();
    for (number, word) in words.iter().enumerate() {
        if number > 0 {
            all.push_str(separator);
        }
        all.push_str(word.as_ref());
    }
    all
}

/// A duration in whole milliseconds: `500ms`, `1.5s`, `90s`.
pub struct Time(pub Duration);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = self.0.saturating_add(Duration::from_micros(500)).as_millis() as u64;
        let (seconds, mut rest, mut digits) = (milliseconds / 1000, milliseconds % 1000, 3);
        if rest == 0 && seconds > 0 {
            return write!(f, "{seconds}s");
        }
        if seconds == 0 {
            return write!(f, "{rest}ms");
        }
        while rest.is_multiple_of(10) {
            (rest, digits) = (rest / 10, digits - 1);
        }
        write!(f, "{seconds}.{rest:0digits$}s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_joined_with_their_empty_words() {
        assert_eq!(joined::<&str>(&[], ", "), "");
        assert_eq!(joined(&["a"], ", "), "a");
        assert_eq!(joined(&["", "b".to_owned().as_str(), ""], ", "), ", b, ");
    }

    #[test]
    fn times_are_in_whole_milliseconds() {
        for (microseconds, shown) in [
            (0, "0ms"),
            (499, "0ms"),
            (999_974, "1s"),
            (500_000, "500ms"),
            (1_500_000, "1.5s"),
            (1_050_400, "1.05s"),
            (61_001_000, "61.001s"),
            (300_000_000, "300s"),
        ] {
            assert_eq!(Time(Duration::from_micros(microseconds)).to_string(), shown);
        }
    }
}
