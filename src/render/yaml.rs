//! Writes YAML, with a comment above whatever has one. Every value that is text stands in double quotes, escaped as in
//! JSON, which YAML includes: none can turn into a number, a truth value or another node. A key that is not of the
//! format's own is [`quoted`] by who writes it.

use std::fmt::Write as _;

use crate::logger;

/// A page, or a part of one that is put into another at its depth.
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

    /// What was written.
    pub(super) fn page(self) -> String {
        self.page
    }

    pub(super) fn comment(&mut self, why: &str) {
        self.line(&["# ", &logger::escaped(why)]);
    }

    pub(super) fn text(&mut self, key: &str, value: &str) {
        self.line(&[key, ": ", &quoted(value)]);
    }

    pub(super) fn number(&mut self, key: &str, value: u64) {
        self.line(&[key, ": ", &value.to_string()]);
    }

    pub(super) fn truth(&mut self, key: &str, value: bool) {
        self.line(&[key, if value { ": true" } else { ": false" }]);
    }

    /// A list of numbers, unless there are none.
    pub(super) fn numbers<'a>(&mut self, key: &str, values: impl Iterator<Item = &'a u32>) {
        let mut list = Yaml::at(self.depth + 1);
        values.for_each(|value| list.line(&["- ", &value.to_string()]));
        self.put(key, &list);
    }

    /// An empty map.
    pub(super) fn empty(&mut self, key: &str) {
        self.line(&[key, ": {}"]);
    }

    /// Opens a map or a list below this key.
    pub(super) fn open(&mut self, key: &str) {
        self.line(&[key, ":"]);
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

    /// An item of a list.
    pub(super) fn item(&mut self, value: &str) {
        self.line(&["- ", &quoted(value)]);
    }

    /// Puts a list or map below this key, unless it is empty. It was written one deeper.
    pub(super) fn put(&mut self, key: &str, part: &Yaml) {
        if !part.page.is_empty() {
            self.open(key);
            self.page.push_str(&part.page);
            self.close();
        }
    }

    /// Puts what was written at this depth.
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

/// Text in double quotes. JSON leaves DEL and the C1 controls as they are, which YAML does not.
pub(super) fn quoted(value: &str) -> String {
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
    fn what_is_opened_is_indented_and_strings_are_quoted() {
        let mut part = Yaml::at(1);
        part.comment("why\nnot");
        part.item("a: b # c");
        part.open_item();
        part.number("k", 1);
        part.truth(&quoted("on"), true);
        part.close();
        let mut page = Yaml::default();
        page.put("none", &Yaml::at(1));
        page.put("list", &part);
        page.text("t", "");
        assert_eq!(page.page(), "list:\n  # why\\nnot\n  - \"a: b # c\"\n  - k: 1\n    \"on\": true\nt: \"\"\n");
    }

    #[test]
    fn no_string_becomes_something_else() {
        for (value, shown) in [
            ("yes", "\"yes\""),
            ("0755", "\"0755\""),
            ("a\"\\\n", "\"a\\\"\\\\\\n\""),
            ("\u{7f}\u{85}", "\"\\u007f\\u0085\""),
        ] {
            assert_eq!(quoted(value), shown);
        }
    }
}
