//! Every test that SECURITY.md and docs/ledger.md name exists, and ran in a complete run.
//!
//! A test is named by its file and function: `namespace::drop::two_capabilities_can_be_kept` is in
//! tests/namespace/drop.rs, `plan::expand::…` in src/plan/expand.rs. `STEPDOWN_TESTS_LOG` names what `cargo test`
//! printed; `make test` keeps it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The rows of the table below a heading of a page, each with its cells.
fn table(page: &str, heading: &str) -> Vec<Vec<String>> {
    let page = fs::read_to_string(root().join(page)).unwrap();
    let section = page.split(&format!("\n## {heading}\n")).nth(1).unwrap_or_else(|| panic!("no section '{heading}'"));
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with('|')).skip(2);
    rows.map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

/// The tests that a cell names.
fn tests_of(cell: &str) -> Vec<&str> {
    let names: Vec<&str> = cell.split_whitespace().map(|name| name.trim_matches('`')).collect();
    assert!(names.iter().all(|name| name.contains("::")), "'{cell}' is no list of tests");
    names
}

fn all_tests() -> BTreeSet<String> {
    let rows = [table("SECURITY.md", "Promises"), table("docs/ledger.md", "The ledger")].concat();
    rows.iter().flat_map(|row| tests_of(row.last().unwrap())).map(str::to_owned).collect()
}

#[test]
fn every_promise_names_its_tests() {
    let promises = table("SECURITY.md", "Promises");
    assert!(promises.len() >= 15, "{} promises", promises.len());
    for row in promises {
        assert!(row.len() == 2 && row[0].ends_with('.') && !tests_of(&row[1]).is_empty(), "{row:?}");
    }
}

#[test]
fn every_vulnerability_that_applies_names_a_test_and_others_a_reason() {
    let ledger = table("docs/ledger.md", "The ledger");
    assert!(ledger.len() >= 30, "{} rows", ledger.len());
    let mut seen = BTreeSet::new();
    for row in &ledger {
        let [hole, happened, here, tests] = row.as_slice() else { panic!("{row:?}") };
        assert!(seen.insert(hole), "{hole} is there twice");
        let cve = hole.strip_prefix("CVE-").and_then(|rest| rest.split_once('-'));
        let is_id = cve.is_some_and(|(year, number)| {
            year.len() == 4 && [year, number].concat().bytes().all(|byte| byte.is_ascii_digit())
        });
        assert!(is_id || hole.ends_with(" (no id)"), "{hole} is no id");
        assert!(!happened.is_empty() && here.contains([':', ';']), "{hole}: no reason in '{here}'");
        match here.split_whitespace().next() {
            Some("Applies" | "Applies:") => assert!(!tests_of(tests).is_empty(), "{hole} applies, and names no test"),
            Some("Not") => assert!(here.starts_with("Not relevant")),
            _ => panic!("{hole}: '{here}' says neither that it applies nor that it does not"),
        }
    }
}

/// The file of a test, and its name in it. A module of src and a test program may have the same path: the one with the
/// test counts.
fn file_of(test: &str) -> (PathBuf, String) {
    let (modules, name) = test.rsplit_once("::").unwrap();
    let path = modules.replace("::", "/");
    let places = ["src", "tests"]
        .iter()
        .flat_map(|top| [format!("{top}/{path}.rs"), format!("{top}/{path}/mod.rs"), format!("{top}/{path}/main.rs")]);
    let has_test = |place: &PathBuf| fs::read_to_string(place).is_ok_and(|text| text.contains(&format!("fn {name}()")));
    let found: Vec<PathBuf> = places.map(|place| root().join(place)).filter(has_test).collect();
    assert_eq!(found.len(), 1, "{test}: found in {found:?}");
    (found[0].clone(), name.to_owned())
}

#[test]
fn every_named_test_exists() {
    let tests = all_tests();
    for test in &tests {
        let (file, name) = file_of(test);
        let text = fs::read_to_string(&file).unwrap();
        let at = text.find(&format!("fn {name}()")).unwrap_or_else(|| panic!("{} has no test {name}", file.display()));
        assert!(text[..at].trim_end().ends_with("#[test]"), "{name} in {} is no test", file.display());
    }
    assert!(tests.len() > 50, "{} tests", tests.len());
}

/// The names of all tests of a program with their modules, as `module::name`.
fn names_of(program: &str) -> String {
    let mut names = String::new();
    let mut unread = vec![root().join(if program == "lib" { "src".into() } else { format!("tests/{program}") })];
    while let Some(directory) = unread.pop() {
        for path in fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                unread.push(path);
                continue;
            }
            let module = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let text = fs::read_to_string(&path).unwrap_or_default();
            for name in text.split("fn ").skip(1).filter_map(|rest| Some(rest.split_once("()")?.0)) {
                names += &format!("{module}::{name}\n");
            }
        }
    }
    names
}

#[test]
fn every_test_of_the_mutants_exists() {
    let list = fs::read_to_string(root().join("tests/lab/mutants.list")).unwrap();
    for line in list.lines().filter(|line| !line.starts_with('#')) {
        let tests = line.rsplit_once(" ¦ ").unwrap().1;
        for test in tests.split(',') {
            let mut words = test.split_whitespace();
            let names = names_of(words.next().unwrap());
            for filter in words {
                assert!(names.contains(filter), "tests/lab/mutants.list: no test '{test}': {line}");
            }
        }
    }
}

/// The tests that ran in a whole run without a failure: their program, then their path in it.
fn ran(log: &str) -> BTreeSet<(String, String)> {
    assert!(!log.contains("test result: FAILED"), "a test failed in this run");
    let (mut program, mut all) = (String::new(), BTreeSet::new());
    for line in log.lines() {
        if let Some(source) = line.trim_start().strip_prefix("Running ") {
            let source = source.trim_start_matches("unittests ").split(' ').next().unwrap();
            program = source.trim_end_matches("/main.rs").trim_end_matches(".rs").to_owned();
        }
        // What the tests run writes to the same stream: before a test's line, and between its name and its result.
        let named = line.match_indices("test ").filter_map(|(at, word)| line[at + word.len()..].split_once(" ... "));
        all.extend(
            named
                .filter(|(name, result)| !name.contains(' ') && *result != "ignored")
                .map(|(name, _)| (program.clone(), name.to_owned())),
        );
    }
    all
}

/// As the test programs print it.
fn printed(test: &str) -> (String, String) {
    let (file, name) = file_of(test);
    let (top, rest) = test.split_once("::").unwrap();
    if file.starts_with(root().join("src")) {
        ("src/lib".into(), format!("{}::tests::{name}", test.rsplit_once("::").unwrap().0))
    } else {
        (format!("tests/{top}"), rest.to_owned())
    }
}

#[test]
fn every_named_test_ran() {
    let Some(log) = std::env::var_os("STEPDOWN_TESTS_LOG") else {
        let reason = "STEPDOWN_TESTS_LOG names no log of a whole run, as make test does";
        assert!(
            std::env::var_os("STEPDOWN_MUST_RUN").is_none_or(|value| value != "1"),
            "every test must run, but: {reason}"
        );
        // Not by a macro: the harness would keep it to itself.
        let _ = writeln!(std::io::stderr(), "SKIP: every_named_test_ran: {reason}");
        return;
    };
    let log = fs::read(&log).unwrap_or_else(|error| panic!("{}: {error}", log.display()));
    let ran = ran(&String::from_utf8_lossy(&log));
    let missing: Vec<String> = all_tests().into_iter().filter(|test| !ran.contains(&printed(test))).collect();
    assert!(
        missing.is_empty(),
        "of {} tests that ran, these of SECURITY.md and docs/ledger.md are missing: {missing:#?}",
        ran.len()
    );
}
