//! The JSON Schema that `--schema` prints: it refuses the same configurations as the decoder, as far as a schema can.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod validate;

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::rc::Rc;

use regex_lite::Regex;
use serde_json::{Value, json};
use stepdown::config::keys::{self, Kind, Table};
use stepdown::config::{decode, schema};
use stepdown::error::TextFile;
use validate::accepts;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn the_schema() -> Value {
    serde_json::from_str(&schema::page()).expect("JSON")
}

/// A TOML document as JSON; none if it is not TOML.
fn document(text: &str) -> Option<Value> {
    serde_json::to_value(toml::from_str::<toml::Table>(text).ok()?).ok()
}

fn every_key() -> Value {
    document(&std::fs::read_to_string(root().join("fuzz/every-key.toml")).unwrap()).unwrap()
}

/// The document as TOML again, every table inline.
fn written(document: &Value) -> String {
    fn value(of: &Value) -> String {
        match of {
            Value::Array(all) => format!("[{}]", all.iter().map(value).collect::<Vec<_>>().join(", ")),
            Value::Object(all) => {
                let pairs: Vec<_> = all.iter().map(|(key, of)| format!("{} = {}", json!(key), value(of))).collect();
                format!("{{ {} }}", pairs.join(", "))
            }
            other => other.to_string(),
        }
    }
    let mut text = String::new();
    for (key, of) in document.as_object().unwrap() {
        writeln!(text, "{key} = {}", value(of)).unwrap();
    }
    text
}

/// The decoder's error; none if it accepts the document.
fn refusal(text: &str) -> Option<String> {
    let file = Rc::new(TextFile { path: "init.toml".into(), text: text.to_owned() });
    decode::decode(&file).err().map(|error| error.to_string())
}

/// Errors that no schema can express: they need more than one place of the file, or more than a pattern.
fn unseen(message: &str) -> bool {
    let parts = ["no role '", "is listed twice", "a NUL in a string", "mount options", "is one of [secrets] too"];
    parts.iter().any(|part| message.contains(part))
}

#[test]
fn the_option_prints_the_schema() {
    let init = std::env::var_os("STEPDOWN_INIT").unwrap_or_else(|| env!("CARGO_BIN_EXE_init").into());
    let done = Command::new(init).arg("--schema").output().unwrap();
    assert!(done.status.success() && done.stderr.is_empty(), "{done:?}");
    assert_eq!(String::from_utf8(done.stdout).unwrap(), schema::page());
    assert_eq!(the_schema()["$schema"], "https://json-schema.org/draft/2020-12/schema");
}

#[test]
fn every_configuration_of_the_repository_validates() {
    let schema = the_schema();
    for file in ["fuzz/every-key.toml", "tests/app/init.toml", "tests/django/init.toml"] {
        let text = std::fs::read_to_string(root().join(file)).unwrap();
        assert_eq!(refusal(&text), None, "{file}");
        assert_eq!(accepts(&schema, &document(&text).unwrap(), ""), Ok(()), "{file}");
    }
}

/// The tests below change the values of this file, so it must have every key.
#[test]
fn every_key_of_the_table_is_in_the_file_of_every_key() {
    fn missing(table: &Table, instances: &[&Value], all: &mut Vec<String>) {
        for key in table.all() {
            let values: Vec<&Value> = instances.iter().filter_map(|instance| instance.get(key.name)).collect();
            if values.is_empty() {
                all.push(format!("{} in {:?}", key.name, table.name));
            }
            nested(&key.kind, &values, all);
        }
    }
    fn nested(kind: &Kind, values: &[&Value], all: &mut Vec<String>) {
        match kind {
            Kind::Table(table) => missing(table, values, all),
            Kind::Tables(table) => {
                missing(table, &values.iter().flat_map(|value| value.as_array().unwrap()).collect::<Vec<_>>(), all);
            }
            Kind::Map(_, kind) if !matches!(**kind, Kind::Text) => {
                let values: Vec<_> = values.iter().flat_map(|value| value.as_object().unwrap().values()).collect();
                nested(kind, &values, all);
            }
            _ => {}
        }
    }
    let (every_key, mut all) = (every_key(), Vec::new());
    missing(&keys::TOP, &[&every_key], &mut all);
    // Scopes are one function of the decoder: one of each is enough.
    all.retain(|missing| !["roles", "when", "unless"].contains(&missing.split(' ').next().unwrap()));
    assert!(all.is_empty(), "fuzz/every-key.toml has no {all:?}");
}

/// Every place of a document, as JSON pointers.
fn places(document: &Value, at: String, all: &mut Vec<String>) {
    let escaped = |key: &str| key.replace('~', "~0").replace('/', "~1");
    match document {
        Value::Object(inside) => {
            inside.iter().for_each(|(key, of)| places(of, format!("{at}/{}", escaped(key)), all));
        }
        Value::Array(inside) => {
            inside.iter().enumerate().for_each(|(index, of)| places(of, format!("{at}/{index}"), all));
        }
        _ => {}
    }
    if !at.is_empty() {
        all.push(at);
    }
}

/// The decoded configuration without the places of its values; none if the document is refused.
fn decoded(document: &Value) -> Option<String> {
    let text = written(document);
    let file = Rc::new(TextFile { path: "init.toml".into(), text: text.clone() });
    let shown = format!("{:?}", decode::decode(&file).ok()?).replace(&format!("{text:?}"), "");
    Some(Regex::new("offset: [0-9]+").unwrap().replace_all(&shown, "").into_owned())
}

/// A key that the decoder accepts and does not read would be a setting without effect.
#[test]
fn every_value_of_the_file_of_every_key_is_read() {
    let others = [
        json!(1),
        json!(204),
        json!(true),
        json!(false),
        json!("x"),
        json!("/x"),
        json!("0700"),
        json!("10s"),
        json!("64m"),
        json!("HUP"),
        json!("worker"),
        json!(["/x", "b"]),
        json!([1]),
    ];
    let mut without_also = every_key();
    without_also["seal"].as_object_mut().unwrap().remove("also");
    let (mut all, mut read) = (Vec::new(), Vec::new());
    for document in [every_key(), without_also] {
        let (before, mut places_here) = (decoded(&document).unwrap(), Vec::new());
        places(&document, String::new(), &mut places_here);
        places_here.retain(|place| !document.pointer(place).unwrap().is_object());
        for place in &places_here {
            let changed = |other: &Value| {
                let mut changed = document.clone();
                *changed.pointer_mut(place).unwrap() = other.clone();
                decoded(&changed)
            };
            let (above, key) = place.rsplit_once('/').unwrap();
            let mut without = document.clone();
            without.pointer_mut(above).unwrap().as_object_mut().map(|table| table.remove(key));
            let mut after = others.iter().map(changed).chain([decoded(&without)]).flatten();
            if after.any(|after| after != before) {
                read.push(place.clone());
            }
        }
        all.append(&mut places_here);
    }
    all.retain(|place| !read.contains(place) && !place.ends_with("/root_step") && !place.ends_with("/step"));
    assert!(all.is_empty() && read.len() > 100, "accepted, and not read: {all:?}");
}

#[test]
fn decoder_and_schema_agree_on_every_change_of_one_place() {
    let (schema, every_key) = (the_schema(), every_key());
    let mut all = Vec::new();
    places(&every_key, String::new(), &mut all);
    let others = [
        json!(1),
        json!(-1),
        json!(200),
        json!(99_999_999),
        json!(1.5),
        json!(true),
        json!(""),
        json!("x"),
        json!("a b"),
        json!("/"),
        json!("/a/../b"),
        json!("/a/..b/"),
        json!("relative"),
        json!("0755"),
        json!("4755"),
        json!("10s"),
        json!("0s"),
        json!("64m"),
        json!([]),
        json!([""]),
        json!(["a", 1]),
        json!({}),
        json!({ "A": "b" }),
        json!({ "a b": "b" }),
        json!({ "143": 300 }),
        json!([{}]),
        json!([{ "unknown": 1 }]),
    ];
    let (mut tried, mut wrong) = (0, Vec::new());
    let mut judge = |changed: &Value, what: String| {
        tried += 1;
        let (said, seen) = (refusal(&written(changed)), accepts(&schema, changed, ""));
        if said.is_none() != seen.is_ok() && !said.as_deref().is_some_and(unseen) {
            wrong.push(format!("{what}: decoder {said:?}, schema {seen:?}"));
        }
    };
    for place in &all {
        for other in &others {
            let mut changed = every_key.clone();
            *changed.pointer_mut(place).unwrap() = other.clone();
            judge(&changed, format!("{place} = {other}"));
        }
        let (above, key) = place.rsplit_once('/').unwrap();
        let key = key.replace("~1", "/").replace("~0", "~");
        let mut without = every_key.clone();
        if let Value::Object(table) = without.pointer_mut(above).unwrap() {
            table.remove(&key);
            table.insert("unknown_key".into(), json!("x"));
            judge(&without, format!("unknown_key instead of {place}"));
            without.pointer_mut(above).unwrap().as_object_mut().unwrap().remove("unknown_key");
            judge(&without, format!("no {place}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {tried} differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(tried > 2000, "{tried}");
}

#[test]
fn broken_configurations_are_refused_by_the_schema_too() {
    let schema = the_schema();
    let (mut lines, mut judged) = (Vec::new(), 0);
    let rows = [include_str!("../input/broken.txt"), include_str!("../input/entrypoints.txt")];
    for line in rows.into_iter().flat_map(str::lines) {
        if !line.starts_with("=> ") {
            lines.push(line);
            continue;
        }
        let text = std::mem::take(&mut lines).join("\n");
        let (Some(message), Some(document)) = (refusal(&text), document(&text)) else { continue };
        judged += 1;
        assert!(unseen(&message) || accepts(&schema, &document, "").is_err(), "{message}: accepted:\n{text}");
    }
    assert!(judged > 30, "{judged}");
}
