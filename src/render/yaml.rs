//! A tree to YAML, with a comment above whatever has one. Every string is in double quotes, escaped as in JSON, which
//! YAML includes: none can turn into a number, a truth value or another node.

use crate::record;

/// A node.
#[derive(Debug)]
pub(super) enum Node {
    Text(String),
    Number(u64),
    Truth(bool),
    List(Vec<(Option<String>, Node)>),
    Map(Vec<Entry>),
}

/// A key, its value, and a comment.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) why: Option<String>,
    pub(super) key: String,
    pub(super) value: Node,
}

pub(super) fn text(value: impl Into<String>) -> Node {
    Node::Text(value.into())
}

pub(super) fn entry(key: impl Into<String>, value: Node) -> Entry {
    Entry { why: None, key: key.into(), value }
}

impl Entry {
    pub(super) fn because(mut self, why: impl Into<String>) -> Entry {
        self.why = Some(why.into());
        self
    }
}

/// A map, and its text as a document.
pub(super) fn document(entries: Vec<Entry>) -> String {
    let mut page = String::new();
    write(&mut page, &Node::Map(entries), 0);
    page
}

fn write(page: &mut String, node: &Node, depth: usize) {
    match node {
        Node::Map(entries) => {
            for Entry { why, key, value } in entries {
                comment(page, why.as_deref(), depth);
                indent(page, depth);
                page.push_str(&name(key));
                page.push(':');
                child(page, value, depth + 1);
            }
        }
        Node::List(items) => {
            for (why, item) in items {
                comment(page, why.as_deref(), depth);
                indent(page, depth);
                page.push('-');
                child(page, item, depth + 1);
            }
        }
        Node::Text(_) | Node::Number(_) | Node::Truth(_) => {}
    }
}

/// What follows a key or a dash: a scalar on its line, anything else below it.
fn child(page: &mut String, node: &Node, depth: usize) {
    let scalar = match node {
        Node::Text(value) => quoted(value),
        Node::Number(value) => value.to_string(),
        Node::Truth(value) => value.to_string(),
        Node::List(items) if items.is_empty() => "[]".into(),
        Node::Map(entries) if entries.is_empty() => "{}".into(),
        Node::List(_) | Node::Map(_) => {
            page.push('\n');
            return write(page, node, depth);
        }
    };
    page.push(' ');
    page.push_str(&scalar);
    page.push('\n');
}

fn comment(page: &mut String, why: Option<&str>, depth: usize) {
    if let Some(why) = why {
        indent(page, depth);
        page.push_str("# ");
        page.push_str(&record::escaped(why));
        page.push('\n');
    }
}

fn indent(page: &mut String, depth: usize) {
    page.extend(std::iter::repeat_n("  ", depth));
}

/// A key as it is where it can only be one: letters, with a small one first, that are no truth value of YAML 1.1.
fn name(key: &str) -> String {
    let word = key.starts_with(|letter: char| letter.is_ascii_lowercase()) && key.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    let truth = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"].contains(&key.to_ascii_lowercase().as_str());
    if word && !truth { key.to_owned() } else { quoted(key) }
}

/// JSON leaves DEL and the C1 controls as they are, which YAML does not.
fn quoted(value: &str) -> String {
    let json = serde_json::to_string(value).unwrap_or_default();
    json.chars().map(|letter| if letter.is_control() { format!("\\u{:04x}", u32::from(letter)) } else { letter.to_string() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_indented_and_its_strings_quoted() {
        let list = Node::List(vec![(Some("why\nnot".into()), text("a: b # c")), (None, Node::Map(vec![entry("k", Node::Number(1))]))]);
        let page = document(vec![entry("on", Node::Truth(true)).because("told"), entry("list", list), entry("empty", Node::Map(Vec::new()))]);
        assert_eq!(page, "# told\n\"on\": true\nlist:\n  # why\\nnot\n  - \"a: b # c\"\n  -\n    k: 1\nempty: {}\n");
    }

    #[test]
    fn no_string_becomes_something_else() {
        for (value, shown) in [("yes", "\"yes\""), ("0755", "\"0755\""), ("a\"\\\n", "\"a\\\"\\\\\\n\""), ("\u{7f}\u{85}", "\"\\u007f\\u0085\"")] {
            assert_eq!(quoted(value), shown);
        }
        assert_eq!([name("image"), name("no"), name("A"), name("cap_add")], ["image", "\"no\"", "\"A\"", "cap_add"]);
    }
}
