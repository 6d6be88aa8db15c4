//! Writes YAML, with comments above entries. Text that every YAML parser reads as text is written without quotes; all
//! other text is in double quotes, escaped as in JSON, which is a subset of YAML.

use std::fmt::Write as _;

use crate::logger;

/// A page, or a part of one that is inserted into another at its depth.
#[derive(Debug, Default)]
pub(super) struct Yaml {
    page: String,
    depth: usize,
    /// Whether the next key is the first one of an item of a list.
    dash: bool,
}

impl Yaml {
    pub(super) fn at(depth: usize) -> Yaml {
        Yaml { depth, ..Yaml::default() }
    }

    /// The written text.
    pub(super) fn page(self) -> String {
        self.page
    }

    pub(super) fn comment(&mut self, why: &str) {
        self.line(&["# ", &logger::escaped(why)]);
    }

    pub(super) fn text(&mut self, key: &str, value: &str) {
        self.line(&[&scalar(key), ": ", &scalar(value)]);
    }

    pub(super) fn number(&mut self, key: &str, value: u64) {
        self.raw(key, &value.to_string());
    }

    pub(super) fn truth(&mut self, key: &str, value: bool) {
        self.raw(key, if value { "true" } else { "false" });
    }

    /// A value that is YAML already.
    pub(super) fn raw(&mut self, key: &str, value: &str) {
        self.line(&[&scalar(key), ": ", value]);
    }

    /// A list of numbers, unless there are none.
    pub(super) fn numbers<'a>(&mut self, key: &str, values: impl Iterator<Item = &'a u32>) {
        let mut list = Yaml::at(self.depth + 1);
        values.for_each(|value| list.line(&["- ", &value.to_string()]));
        self.put(key, &list);
    }

    /// Opens a map or a list below this key.
    pub(super) fn open(&mut self, key: &str) {
        self.line(&[&scalar(key), ":"]);
        self.depth += 1;
    }

    /// Opens an item of a list that is a map.
    pub(super) fn open_item(&mut self) {
        self.depth += 1;
        self.dash = true;
    }

    pub(super) fn close(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    /// Writes a map or a list below this key.
    pub(super) fn map(&mut self, key: &str, write: impl FnOnce(&mut Yaml)) {
        self.open(key);
        write(self);
        self.close();
    }

    /// An item of a list.
    pub(super) fn item(&mut self, value: &str) {
        self.line(&["- ", &scalar(value)]);
    }

    /// Writes a list or map below this key, unless it is empty. It was written one level deeper.
    pub(super) fn put(&mut self, key: &str, part: &Yaml) {
        if !part.page.is_empty() {
            self.open(key);
            self.page.push_str(&part.page);
            self.close();
        }
    }

    /// Writes the text at this depth.
    pub(super) fn add(&mut self, part: &Yaml) {
        self.page.push_str(&part.page);
    }

    fn line(&mut self, parts: &[&str]) {
        let dash = std::mem::take(&mut self.dash);
        let spaces = 2 * self.depth - if dash { 2 } else { 0 };
        // Writing to a String cannot fail.
        let _ = write!(self.page, "{:spaces$}{}", "", if dash { "- " } else { "" });
        self.page.extend(parts.iter().copied());
        self.page.push('\n');
    }
}

/// A key or a value: plain if it can only be text, else quoted.
fn scalar(value: &str) -> String {
    if is_plain(value) { value.to_owned() } else { quoted(value) }
}

/// Whether every parser of YAML 1.1 and 1.2 reads it as text. The first character excludes numbers and dates; the words
/// for null and the booleans remain.
fn is_plain(value: &str) -> bool {
    const WORDS: [&str; 10] = ["null", "true", "false", "yes", "no", "on", "off", "y", "n", "nan"];
    let letter = |text: &str| text.starts_with(|first: char| first.is_ascii_alphabetic());
    let starts_as_text = letter(value)
        || value.strip_prefix("--").is_some_and(letter)
        || value.starts_with('/')
        || value.starts_with("./")
        || value.starts_with("${");
    let is_safe = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./:=@+,% ${}?".contains(&byte));
    let is_text = starts_as_text && is_safe && !value.ends_with([':', ' ']) && !value.contains(": ");
    is_text && !WORDS.iter().any(|word| word.eq_ignore_ascii_case(value)) || is_quantity(value)
}

/// Digits and a unit, such as `64Mi` or `20s`, which is never a number in YAML.
fn is_quantity(value: &str) -> bool {
    let unit = value.trim_start_matches(|letter: char| letter.is_ascii_digit());
    unit.len() < value.len() && ["s", "k", "m", "g", "K", "M", "G", "Ki", "Mi", "Gi"].contains(&unit)
}

/// Text in double quotes. DEL and the C1 controls are escaped, which YAML requires and JSON does not.
fn quoted(value: &str) -> String {
    let mut quoted = String::new();
    for letter in serde_json::to_string(value).unwrap_or_default().chars() {
        let _ = if letter.is_control() {
            write!(quoted, "\\u{:04x}", u32::from(letter))
        } else {
            quoted.write_char(letter)
        };
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_parts_are_indented() {
        let mut part = Yaml::at(1);
        part.comment("why\nnot");
        part.item("a: b # c");
        part.open_item();
        part.number("k", 1);
        part.truth("on", true);
        part.close();
        let mut page = Yaml::default();
        page.put("none", &Yaml::at(1));
        page.put("list", &part);
        page.text("t", "");
        assert_eq!(page.page(), "list:\n  # why\\nnot\n  - \"a: b # c\"\n  - k: 1\n    \"on\": true\nt: \"\"\n");
    }

    #[test]
    fn ambiguous_yaml_text_is_quoted() {
        for value in [
            "web",
            "/run/a:z",
            "app:1",
            "NET_ADMIN",
            "no-new-privileges:true",
            "64Mi",
            "20s",
            "1700m",
            "a@b",
            "--health",
            "./a",
            "/a b",
            "${A:?is needed}",
            "a $b ?",
        ] {
            assert_eq!(scalar(value), value);
        }
        for value in [
            "",
            "yes",
            "No",
            "NULL",
            "~",
            "y",
            "0755",
            "0:0",
            "1e3",
            "12:30:45",
            "0x1f",
            ".5",
            "-",
            "- a",
            "a: b",
            "a #b",
            "a:",
            "*a",
            "&a",
            "!a",
            "|",
            "%a",
            "@a",
            "2026-11-26",
            "127.0.0.1:1:1",
            "[a",
            "{a",
            "?",
            "1_000",
            "0b1",
            "a ",
            " a",
            "a b: c",
            "a b #c",
            "- ${A}",
            "{a: b}",
            "é",
            "nan",
        ] {
            assert_eq!(scalar(value), format!("\"{value}\""), "{value}");
        }
        for (value, shown) in [("a\"\\\n", "\"a\\\"\\\\\\n\""), ("\u{7f}\u{85}", "\"\\u007f\\u0085\"")] {
            assert_eq!(scalar(value), shown);
        }
    }
}
