//! Broken configurations, each with the record that it must get, to the letter: `broken.txt` and `entrypoints.txt`.

use std::path::PathBuf;
use std::process::Command;

use crate::support::{cases, init};

/// A configuration and, after an arrow, the expected message after the file's name.
fn table() -> Vec<(String, &'static str)> {
    let (mut rows, mut lines) = (Vec::new(), Vec::new());
    for line in include_str!("broken.txt").lines().chain(include_str!("entrypoints.txt").lines()) {
        match line.strip_prefix("=> ") {
            Some(said) => rows.push((std::mem::take(&mut lines).join("\n"), said)),
            // One between each two.
            None if lines.is_empty() && line.is_empty() => {}
            None => lines.push(line),
        }
    }
    rows
}

#[test]
fn every_broken_configuration_gets_its_record() {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let rows = table();
    let mut wrong = Vec::new();
    for (text, said) in &rows {
        std::fs::write(directory.join("broken.toml"), text).unwrap();
        // A plan resolves everything that a boot does, and starts nothing.
        let mut command = Command::new(init());
        command
            .args(["--config", "broken.toml", "--plan", "sh"])
            .current_dir(&directory)
            .env_clear()
            .env("PATH", "/usr/bin:/bin");
        let done = command.output().unwrap();
        // Which keys a table has is in one place, the key table: the row ends before them.
        let place = if said.starts_with(|first: char| first.is_ascii_digit()) { "broken.toml:" } else { "" };
        let expected = format!("init: fatal: {place}{said}\n");
        let (start, end) = expected.split_once("…\n").map_or((expected.as_str(), ""), |(start, _)| (start, "\n"));
        let found = String::from_utf8_lossy(&done.stderr);
        let is_expected = found
            .strip_prefix(start)
            .is_some_and(|rest| if end.is_empty() { rest.is_empty() } else { rest.ends_with(end) });
        if !is_expected || done.status.code() != Some(78) || !done.stdout.is_empty() {
            wrong.push(format!("{text}\nexpected 78 {expected}found {:?} {found}", done.status.code()));
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
    assert!(rows.len() > 60, "{} rows", rows.len());
    cases("broken configurations", rows.len());
}
