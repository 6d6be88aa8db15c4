//! tests/lab/mutants.list follows the source.

use std::fs;

use crate::root;

#[test]
fn every_mutant_changes_one_place() {
    let list = fs::read_to_string(root().join("tests/lab/mutants.list")).unwrap();
    for line in list.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let parts: Vec<&str> = line.split(" ¦ ").collect();
        let [name, file, text, _, _] = parts[..] else { panic!("not five parts: {line}") };
        let source = fs::read_to_string(root().join(file)).unwrap();
        assert_eq!(source.matches(&text.replace("\\n", "\n")).count(), 1, "{name}: occurrences of its text in {file}");
    }
}
