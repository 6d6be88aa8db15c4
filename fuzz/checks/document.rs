//! The configuration's parser compared with that of cargo: the same document at the same places, or a refusal by
//! both.
//!
//! The parser contains unsafe code and runs as root, so it must accept exactly TOML.

use toml::de::{DeTable, DeValue};
use toml_spanner::{Arena, Item, Table, Value};

pub fn check(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        compare(text);
    }
}

/// Whether the text is TOML; both parsers must agree.
pub fn compare(text: &str) -> bool {
    let arena = Arena::new();
    let (ours, judged) = (toml_spanner::parse(text, &arena), toml::from_str::<toml::Table>(text));
    match (&ours, &judged) {
        (Ok(ours), Ok(_)) => {
            let places = DeTable::parse(text).expect("what was decoded was parsed");
            same_table(ours.table(), places.get_ref(), text);
        }
        (Err(ours), Err(_)) => {
            assert!(text.get(ours.span().range().start..).is_some(), "{ours:?} is nowhere in {text:?}");
            assert!(!ours.message(text).is_empty());
        }
        // Both have limits, at different depths and for different numbers.
        (Ok(_), Err(judge)) => {
            let limit = ["recursion", "number too", "out of range", "too large"]
                .iter()
                .any(|limit| judge.message().contains(limit));
            assert!(limit || beyond_integers(text, &arena), "refused only by the judge: {judge} in {text:?}");
        }
        (Err(ours), Ok(_)) => {
            let message = ours.message(text);
            let limit = ["recursion", "overflow"].iter().any(|limit| message.contains(limit));
            assert!(limit, "refused only by ours: {message} in {text:?}");
        }
    }
    ours.is_ok()
}

/// Whether a number in it exceeds TOML's 64 bits, which this parser leaves to the decoder.
fn beyond_integers(text: &str, arena: &Arena) -> bool {
    fn any(item: &Item<'_>) -> bool {
        match item.value() {
            Value::Integer(number) => number.as_i64().is_none(),
            Value::Array(array) => array.iter().any(any),
            Value::Table(table) => table.iter().any(|(_, item)| any(item)),
            _ => false,
        }
    }
    toml_spanner::parse(text, arena).is_ok_and(|document| document.table().iter().any(|(_, item)| any(item)))
}

fn same_table(ours: &Table<'_>, judge: &DeTable<'_>, text: &str) {
    assert_eq!(ours.len(), judge.len(), "{text:?}");
    for (key, item) in ours {
        let (judged, value) = judge.get_key_value(key.name).unwrap_or_else(|| panic!("no {:?} in {text:?}", key.name));
        // A table that was used before its header has two places; this parser reports the first.
        let twice = item.as_table().is_some() && text.get(key.span.range()) == text.get(judged.span());
        assert!(key.span.range().start == judged.span().start || twice, "the place of {:?} in {text:?}", key.name);
        same(item, value.get_ref(), text);
    }
}

fn same(ours: &Item<'_>, judge: &DeValue<'_>, text: &str) {
    let equal = match (ours.value(), judge) {
        (Value::String(one), DeValue::String(other)) => *one == other.as_ref(),
        (Value::Integer(one), DeValue::Integer(other)) => {
            i128::from_str_radix(other.as_str(), other.radix()) == Ok(one.as_i128())
        }
        (Value::Float(one), DeValue::Float(other)) => {
            other.as_str().parse::<f64>().is_ok_and(|other| one.total_cmp(&other).is_eq() || one.is_nan())
        }
        (Value::Boolean(one), DeValue::Boolean(other)) => one == other,
        (Value::DateTime(_), DeValue::Datetime(_)) => true,
        (Value::Array(one), DeValue::Array(other)) => {
            assert_eq!(one.len(), other.len(), "{text:?}");
            one.iter().zip(other.iter()).for_each(|(one, other)| same(one, other.get_ref(), text));
            true
        }
        (Value::Table(one), DeValue::Table(other)) => {
            same_table(one, other, text);
            true
        }
        _ => false,
    };
    assert!(equal, "{ours:?} and {judge:?} in {text:?}");
}
