//! The key table as a JSON Schema (draft 2020-12), for editors and for checks before a build: `--schema`.
//!
//! It refuses what the decoder refuses, as far as a schema can express it. It is written without a JSON library: no
//! text in the table needs escaping.

use super::keys::{self, Form, Key, Kind, Table};

/// The schema, a line a key.
pub fn page() -> String {
    let mut page = String::from(
        "{\n\"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n\"title\": \"stepdown: /etc/init.toml\",\n",
    );
    table(&mut page, &keys::TOP);
    page.push_str("\n}\n");
    page
}

/// The members of a table's schema.
fn table(page: &mut String, table: &Table) {
    page.push_str("\"type\": \"object\", \"additionalProperties\": false, \"properties\": {");
    list(page, table.all(), |page, key| {
        page.push('\n');
        property(page, key);
    });
    page.push('}');
    let required = || table.all().filter(|key| key.required);
    if required().next().is_some() {
        page.push_str(", \"required\": [");
        list(page, required(), |page, key| quoted(page, key.name));
        page.push(']');
    }
    if !table.one_of.is_empty() {
        page.push_str(", \"oneOf\": [");
        list(page, table.one_of, |page, name| {
            page.push_str("{\"required\": [");
            quoted(page, name);
            page.push_str("]}");
        });
        page.push(']');
    }
    if !table.with.is_empty() {
        page.push_str(", \"dependentRequired\": {");
        list(page, table.with, |page, (key, other)| {
            quoted(page, key);
            page.push_str(": [");
            quoted(page, other);
            page.push(']');
        });
        page.push('}');
    }
}

fn property(page: &mut String, key: &Key) {
    quoted(page, key.name);
    page.push_str(": {\"description\": ");
    quoted(page, key.about);
    page.push_str(", ");
    kind(page, &key.kind, key.expands);
    if !key.default.is_empty() {
        page.push_str(", \"default\": ");
        page.push_str(key.default);
    }
    page.push('}');
}

/// The members of a value's schema. A text that is not expanded has no `${`.
fn kind(page: &mut String, of: &Kind, expands: bool) {
    match of {
        Kind::Text => text(page, Form::Any, expands),
        Kind::Form(form) => text(page, *form, expands),
        Kind::Word(word) => {
            page.push_str("\"const\": ");
            quoted(page, word);
        }
        Kind::Boolean => page.push_str("\"type\": \"boolean\""),
        Kind::Integer(least, most) => {
            page.push_str(&format!("\"type\": \"integer\", \"minimum\": {least}, \"maximum\": {most}"));
        }
        Kind::Integers(least, most) => page.push_str(&format!(
            "\"type\": \"array\", \"minItems\": 1, \"uniqueItems\": true, \
             \"items\": {{\"type\": \"integer\", \"minimum\": {least}, \"maximum\": {most}}}"
        )),
        Kind::Texts => texts(page, Form::Any, expands),
        Kind::Forms(form) => texts(page, *form, expands),
        Kind::Command | Kind::CommandOrNone => {
            page.push_str("\"prefixItems\": [{\"type\": \"string\", \"minLength\": 1}], ");
            if matches!(of, Kind::Command) {
                page.push_str("\"minItems\": 1, ");
            }
            page.push_str("\"type\": \"array\", \"items\": {\"type\": \"string\"}");
        }
        Kind::Map(names, values) => {
            page.push_str("\"type\": \"object\", ");
            if *names != Form::Any {
                page.push_str("\"propertyNames\": {");
                pattern(page, *names, "");
                page.push_str("}, ");
            }
            page.push_str("\"additionalProperties\": {");
            kind(page, values, expands);
            page.push('}');
        }
        Kind::Table(inner) => table(page, inner),
        Kind::Tables(inner) => {
            page.push_str("\"type\": \"array\", \"items\": {");
            table(page, inner);
            page.push('}');
        }
        Kind::Either(kinds, _) => {
            page.push_str("\"anyOf\": [");
            list(page, *kinds, |page, one| {
                page.push('{');
                kind(page, one, expands);
                page.push('}');
            });
            page.push(']');
        }
    }
}

fn texts(page: &mut String, form: Form, expands: bool) {
    page.push_str("\"type\": \"array\", \"items\": {");
    text(page, form, expands);
    page.push('}');
}

fn text(page: &mut String, form: Form, expands: bool) {
    // The expanded value is unknown here.
    pattern(page, form, if expands { "|[$]" } else { "" });
    if !expands && matches!(form, Form::Any | Form::Path | Form::Directory) {
        page.push_str(", \"not\": {\"pattern\": \"[$][{]\"}");
    }
}

fn pattern(page: &mut String, form: Form, or: &str) {
    page.push_str("\"type\": \"string\"");
    if form != Form::Any {
        page.push_str(", \"pattern\": \"");
        page.push_str(form.pattern());
        page.push_str(or);
        page.push('"');
    }
}

fn quoted(page: &mut String, text: &str) {
    page.push('"');
    page.push_str(text);
    page.push('"');
}

fn list<T>(page: &mut String, all: impl IntoIterator<Item = T>, write: impl Fn(&mut String, T)) {
    for (index, one) in all.into_iter().enumerate() {
        if index > 0 {
            page.push_str(", ");
        }
        write(page, one);
    }
}
