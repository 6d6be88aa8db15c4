//! The house rules that a machine can check: import levels, unsafe, file lengths, printing and panicking, tests that
//! wait or are ignored, and that the README mentions every setting.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const LONGEST: usize = 400;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources(below: &str) -> Vec<(String, String)> {
    let mut all = Vec::new();
    let mut unread = vec![root().join(below)];
    while let Some(directory) = unread.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                unread.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root()).unwrap().display().to_string();
                all.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    all.sort();
    assert!(all.len() > 4, "sources of {below}");
    all
}

/// The text without comments, nor what is for unit tests only, which stand at the end of a file.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]").next().unwrap();
    text.lines().map(|line| if line.trim_start().starts_with("//") { "" } else { line }).collect::<Vec<_>>().join("\n")
}

/// The identifiers of a line of code.
fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// The levels as the map in `src/lib.rs` has them.
fn levels() -> BTreeMap<String, u32> {
    let map = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let rows = map.lines().filter_map(|line| line.strip_prefix("//! | ")?.split_once(" | "));
    let mut levels = BTreeMap::new();
    for (level, rest) in rows {
        let Ok(level) = level.parse() else { continue };
        for name in rest.split('|').next().unwrap().split(['[', ']', '`', ' ', '·']).filter(|name| !name.is_empty()) {
            levels.insert(name.to_owned(), level);
        }
    }
    levels
}

#[test]
fn the_map_knows_every_module() {
    let levels = levels();
    let lib = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let modules: Vec<&str> = lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    assert!(modules.len() > 8);
    for module in modules.iter().chain([&"main"]) {
        assert!(levels.contains_key(*module), "{module} has no level in src/lib.rs");
    }
    assert_eq!(levels.len(), modules.len() + 1, "{levels:?}");
}

#[test]
fn imports_go_to_strictly_lower_levels() {
    let levels = levels();
    for (path, text) in sources("src") {
        // The binary joins the stages; it has no level of its own to keep.
        if path.starts_with("src/bin/") {
            continue;
        }
        let module = path.trim_start_matches("src/").split(['/', '.']).next().unwrap().to_owned();
        if module == "lib" {
            continue;
        }
        let own = levels[&module];
        for (number, line) in code(&text).lines().enumerate() {
            for target in line.split("crate::").skip(1) {
                let named: Vec<&str> = match target.strip_prefix('{') {
                    Some(list) => list.split(['{', '}', ',']).filter_map(|item| words(item).next()).collect(),
                    None => words(target).take(1).collect(),
                };
                for target in named {
                    // Macros of the crate, if there ever are any, live at its root; none do now.
                    let level = levels
                        .get(target)
                        .unwrap_or_else(|| panic!("{path}:{}: crate::{target} is no module of the map", number + 1));
                    assert!(
                        target == module || *level < own,
                        "{path}:{}: {module} (level {own}) imports {target} (level {level})",
                        number + 1
                    );
                }
            }
        }
    }
}

#[test]
fn unsafe_is_under_sys_only() {
    for (path, text) in sources("src") {
        let found =
            code(&text).lines().position(|line| words(line).any(|word| word == "unsafe" || word == "unsafe_code"));
        if let Some(line) = found {
            assert!(path == "src/sys.rs" || path.starts_with("src/bin/init/"), "{path}:{}: unsafe", line + 1);
        }
    }
}

// Credentials belong to threads, and the boot's memory is not shared: a second thread would undo both.
#[test]
fn no_thread_is_started() {
    for (path, text) in sources("src") {
        let found = code(&text).lines().position(|line| {
            ["std::thread", "pthread", "thread::spawn", "thread::scope"].iter().any(|way| line.contains(way))
        });
        assert!(found.is_none(), "{path}:{}: a thread", found.unwrap_or(0) + 1);
    }
}

#[test]
fn every_unsafe_block_has_its_argument() {
    for (path, text) in sources("src").into_iter().chain(sources("tests")) {
        let lines: Vec<&str> = text.lines().collect();
        for (number, line) in lines
            .iter()
            .enumerate()
            .filter(|(_, line)| line.contains(concat!("uns", "afe {")) && !line.trim_start().starts_with("//"))
        {
            let near = &lines[number.saturating_sub(4)..=number];
            assert!(near.iter().any(|line| line.contains("SAFETY:")), "{path}:{}: {line}", number + 1);
        }
    }
}

#[test]
fn no_file_is_too_long() {
    for (path, text) in sources("src").into_iter().chain(sources("tests")) {
        let length = text.lines().count();
        assert!(length <= LONGEST, "{path} has {length} lines, at most {LONGEST}");
    }
}

#[test]
fn nothing_panics_or_prints_behind_the_record() {
    let forbidden = [
        "println!",
        "eprintln!",
        "print!",
        "eprint!",
        "dbg!",
        "panic!",
        "todo!",
        "unimplemented!",
        "unreachable!",
        "assert!",
        "assert_eq!",
        ".unwrap()",
        ".expect(",
        ".unwrap_err(",
    ];
    for (path, text) in sources("src") {
        for (number, line) in code(&text).lines().enumerate() {
            for word in forbidden {
                let at = line
                    .find(word)
                    .filter(|at| !line[..*at].ends_with(|before: char| before.is_alphanumeric() || before == '_'));
                assert!(at.is_none(), "{path}:{}: {word}", number + 1);
            }
        }
    }
}

#[test]
fn every_module_says_what_it_is_for() {
    for (path, text) in sources("src").into_iter().chain(sources("tests")) {
        assert!(text.starts_with("//! "), "{path} begins without a header");
    }
}

#[test]
fn no_test_waits_for_time_to_pass_or_is_ignored() {
    let forbidden =
        [concat!("sle", "ep("), concat!("sle", "ep_ms"), concat!("#[ign", "ore"), concat!("park_", "timeout")];
    for (path, text) in sources("tests").into_iter().chain(sources("src")) {
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
            for word in forbidden {
                let found = line
                    .match_indices(word)
                    .any(|(at, _)| !line[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_'));
                assert!(!found, "{path}:{}: {word}", number + 1);
            }
        }
    }
}

fn readme() -> String {
    fs::read_to_string(root().join("README.md")).expect("README.md")
}

/// Whether the text has this word, not as a part of another.
fn mentions(text: &str, word: &str) -> bool {
    let part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    text.match_indices(word)
        .any(|(at, _)| !part(text[..at].chars().next_back()) && !part(text[at + word.len()..].chars().next()))
}

#[test]
fn the_readme_mentions_every_configuration_key() {
    let tables = fs::read_to_string(root().join("src/config/decode.rs")).unwrap();
    let tables = code(&tables);
    let keys: Vec<&str> = (tables.lines().map(str::trim))
        .filter(|line| line.starts_with('"') && line.contains("=>"))
        .flat_map(|line| line.split("=>").next().unwrap().split('|'))
        .filter_map(|key| key.trim().split('"').nth(1))
        .collect();
    assert!(keys.len() > 50, "{keys:?}");
    let readme = readme();
    let missing: Vec<&&str> = keys.iter().filter(|key| !mentions(&readme, key)).collect();
    assert!(missing.is_empty(), "README.md does not mention {missing:?}");
}

#[test]
fn the_readme_mentions_every_option_and_variable() {
    let page = fs::read_to_string(root().join("src/config/args.rs")).unwrap();
    let page = page.split("HELP: &str = \"").nth(1).unwrap().split("\";").next().unwrap();
    let options: Vec<&str> = page
        .split_whitespace()
        .map(|word| word.split([',', '[', '=']).next().unwrap())
        .filter(|word| word.starts_with('-') && word.len() > 1 && *word != "--")
        .collect();
    assert!(options.len() > 12, "{options:?}");
    let readme = readme();
    let variables = ["ROLE", "BOOT_CHECK_ONLY", "INIT_LOG", "LISTEN_FDS", "HOME"];
    let missing: Vec<&&str> = options.iter().chain(&variables).filter(|word| !mentions(&readme, word)).collect();
    assert!(missing.is_empty(), "README.md does not mention {missing:?}");
}

#[test]
fn the_readme_and_the_help_mention_every_exit_code() {
    let text = fs::read_to_string(root().join("src/error/exit.rs")).unwrap();
    let list = text.split("pub enum Exit {").nth(1).unwrap().split('}').next().unwrap();
    let codes: Vec<&str> = list.lines().filter_map(|line| line.split_once(" = ")?.1.strip_suffix(',')).collect();
    assert!(codes.len() >= 6 && codes.iter().all(|code| code.parse::<u8>().is_ok()), "{codes:?}");
    let help = fs::read_to_string(root().join("src/config/args.rs")).unwrap();
    let readme = readme();
    for code in codes {
        assert!(mentions(&help, code), "--help does not mention {code}");
        assert!(mentions(&readme, code), "README.md does not mention {code}");
    }
}
