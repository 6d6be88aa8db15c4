//! The facts that an app reports, one `name: value` per line, and those expected after the drop.

use std::collections::BTreeMap;

use super::call::Outcome;

/// The mark that every app of the rows prints on standard output.
pub const MARK: &str = "app: started";

/// The state of the app after the drop.
pub const DROPPED: &[(&str, &str)] = &[
    ("Uid", "1001 1001 1001 1001"),
    ("Gid", "1001 1001 1001 1001"),
    ("Groups", "1001"),
    ("CapInh", "0000000000000000"),
    ("CapPrm", "0000000000000000"),
    ("CapEff", "0000000000000000"),
    ("CapBnd", "0000000000000000"),
    ("CapAmb", "0000000000000000"),
    ("NoNewPrivs", "1"),
];

/// The lines of both streams: in a check the app only has one.
pub fn facts(outcome: &Outcome) -> BTreeMap<String, String> {
    let lines = outcome.stdout.lines().chain(outcome.stderr.lines());
    let pairs = lines.filter_map(|line| line.split_once(": ").or_else(|| line.split_once(":\t")));
    pairs.map(|(name, value)| (name.to_owned(), value.split_whitespace().collect::<Vec<_>>().join(" "))).collect()
}

/// Checks that the facts have these values.
pub fn expect(outcome: &Outcome, expected: &[(&str, &str)]) -> Result<(), String> {
    let found = facts(outcome);
    for (name, value) in expected {
        let is = found.get(*name).map_or("nothing", String::as_str);
        outcome.check(is == *value, format!("'{name}: {value}', found '{is}'"))?;
    }
    Ok(())
}
