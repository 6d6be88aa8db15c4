//! A validator of the part of JSON Schema (draft 2020-12) that the schema uses. Any other keyword is a failure.

use std::cell::RefCell;
use std::collections::BTreeMap;

use regex_lite::Regex;
use serde_json::Value;

/// Validates the value against the schema; the error contains the place and the reason.
pub(super) fn accepts(schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    for (keyword, argument) in schema.as_object().unwrap() {
        let holds = match keyword.as_str() {
            "$schema" | "title" | "description" | "default" => true,
            "type" => has_type(value, argument.as_str().unwrap()),
            "const" => value == argument,
            "not" => accepts(argument, value, at).is_err(),
            "anyOf" => each(argument).any(|one| accepts(one, value, at).is_ok()),
            "oneOf" => each(argument).filter(|one| accepts(one, value, at).is_ok()).count() == 1,
            "pattern" => value.as_str().is_none_or(|text| matches(argument.as_str().unwrap(), text)),
            "minLength" => value.as_str().is_none_or(|text| text.chars().count() as u64 >= argument.as_u64().unwrap()),
            "maxLength" => value.as_str().is_none_or(|text| text.chars().count() as u64 <= argument.as_u64().unwrap()),
            "minimum" => value.as_i64().is_none_or(|number| number >= argument.as_i64().unwrap()),
            "maximum" => value.as_i64().is_none_or(|number| number <= argument.as_i64().unwrap()),
            "minItems" => value.as_array().is_none_or(|all| all.len() as u64 >= argument.as_u64().unwrap()),
            "uniqueItems" => value.as_array().is_none_or(|all| {
                all.iter().enumerate().all(|(index, one)| all.get(..index).is_some_and(|before| !before.contains(one)))
            }),
            "required" => value.as_object().is_none_or(|all| each(argument).all(|key| all.contains_key(text(key)))),
            "dependentRequired" => value.as_object().is_none_or(|all| {
                let mut rules = argument.as_object().unwrap().iter();
                rules.all(|(key, with)| !all.contains_key(key) || each(with).all(|one| all.contains_key(text(one))))
            }),
            "prefixItems" | "items" => {
                let first = each(schema.get("prefixItems").unwrap_or(&Value::Null)).count();
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    let rule =
                        if keyword == "items" { (index >= first).then_some(argument) } else { argument.get(index) };
                    rule.map_or(Ok(()), |rule| accepts(rule, item, &format!("{at}/{index}")))?;
                }
                true
            }
            "propertyNames" => {
                for key in value.as_object().into_iter().flat_map(|all| all.keys()) {
                    accepts(argument, &Value::String(key.clone()), &format!("{at}/{key} (the name)"))?;
                }
                true
            }
            "properties" | "additionalProperties" => {
                let listed = schema.get("properties");
                for (key, inside) in value.as_object().into_iter().flatten() {
                    let own = listed.and_then(|listed| listed.get(key));
                    let rule = if keyword == "properties" { own } else { Some(argument).filter(|_| own.is_none()) };
                    match rule {
                        None => {}
                        Some(Value::Bool(allowed)) if *allowed => {}
                        Some(Value::Bool(_)) => return Err(format!("{at}/{key}: unknown")),
                        Some(rule) => accepts(rule, inside, &format!("{at}/{key}"))?,
                    }
                }
                true
            }
            other => panic!("the keyword {other} at {at:?}"),
        };
        if !holds {
            return Err(format!("{at}: {keyword} {argument} of {value}"));
        }
    }
    Ok(())
}

/// Compiled once, since a few patterns are used for thousands of documents.
fn matches(pattern: &str, text: &str) -> bool {
    thread_local!(static KNOWN: RefCell<BTreeMap<String, Regex>> = const { RefCell::new(BTreeMap::new()) });
    KNOWN.with_borrow_mut(|known| {
        known.entry(pattern.to_owned()).or_insert_with(|| Regex::new(pattern).unwrap()).is_match(text)
    })
}

fn each(of: &Value) -> impl Iterator<Item = &Value> {
    of.as_array().into_iter().flatten()
}

fn text(of: &Value) -> &str {
    of.as_str().unwrap()
}

fn has_type(value: &Value, wanted: &str) -> bool {
    match wanted {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("the type {other}"),
    }
}
