//! Every line of `--json` and of the history is what `stepdown schema output` says.

use serde_json::Value;

use crate::stand::{Said, stand};

/// The part of JSON Schema that the schema uses. A keyword that is not known here is an error.
fn matches(schema: &Value, value: &Value, root: &Value) -> Result<(), String> {
    let Some(rules) = schema.as_object() else { return Ok(()) };
    let failed = |rule: &str| Err(format!("{value} does not match {rule} of {schema}"));
    let any = |list: &Value| list.as_array().unwrap().iter().any(|one| matches(one, value, root).is_ok());
    for (rule, words) in rules {
        let good = match rule.as_str() {
            "$ref" => {
                let path = words.as_str().unwrap().trim_start_matches('#');
                matches(root.pointer(path).unwrap(), value, root)?;
                true
            }
            "anyOf" | "oneOf" => any(words),
            "type" => {
                words.as_array().map_or_else(|| is_of(words, value), |all| all.iter().any(|one| is_of(one, value)))
            }
            "const" => words == value,
            "enum" => words.as_array().unwrap().contains(value),
            "properties" => {
                for (name, part) in words.as_object().unwrap() {
                    value.get(name).map_or(Ok(()), |found| matches(part, found, root))?;
                }
                true
            }
            "required" => words.as_array().unwrap().iter().all(|name| value.get(name.as_str().unwrap()).is_some()),
            "additionalProperties" => {
                let known = schema.get("properties").and_then(Value::as_object);
                let is_known = |name: &String| known.is_some_and(|known| known.contains_key(name));
                words != &Value::Bool(false) || value.as_object().is_none_or(|found| found.keys().all(is_known))
            }
            "items" => {
                for one in value.as_array().into_iter().flatten() {
                    matches(words, one, root)?;
                }
                true
            }
            "minimum" => value.as_f64().is_none_or(|number| number >= words.as_f64().unwrap()),
            "$schema" | "$defs" | "title" | "description" | "format" | "default" => true,
            other => panic!("the schema uses {other}"),
        };
        if !good {
            return failed(rule);
        }
    }
    Ok(())
}

fn is_of(kind: &Value, value: &Value) -> bool {
    match kind.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        other => panic!("the schema uses type {other}"),
    }
}

#[test]
fn every_line_of_json_matches_the_schema() {
    let Some(stand) = stand() else { return };
    let serving = stand.serving();
    let schema: Value = serde_json::from_str(&stand.stepdown(&["schema", "output"]).out).unwrap();
    let unsigned = stand.publish("good", None);
    let run = |words: &[&str]| {
        let mut all = vec!["--json"];
        all.extend_from_slice(words);
        stand.stepdown(&all)
    };
    let cases: [(&[&str], i32, &str); 6] = [
        (&["status"], 0, "\"serving\""),
        (&["history"], 0, "\"phase\":\"soaking\""),
        (&["check"], 0, "\"verdict\":\"ok\""),
        (&["deploy", "--gate-only", &serving], 0, "passed the gate"),
        (&["deploy", &unsigned], 1, "\"verdict\":\"FAIL\""),
        (&["rollback", "v999"], 1, "it did not serve before"),
    ];
    for (words, code, part) in cases {
        let Said { code: found, out, err } = run(words);
        let text = format!("{out}\n{err}");
        assert!(found == code && text.contains(part), "{words:?}: {found}, {text}");
        for line in text.lines().filter(|line| !line.is_empty()) {
            let value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{words:?}: {line}: {error}"));
            matches(&schema, &value, &schema).unwrap();
            // A field that the schema does not know is refused.
            let mut more = value;
            more.as_object_mut().unwrap().insert("more".to_owned(), Value::Null);
            assert!(matches(&schema, &more, &schema).is_err(), "{line}");
        }
    }
}
