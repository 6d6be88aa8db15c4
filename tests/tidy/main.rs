//! Rules of the source, of `/init` and of the host side: import levels, unsafe code, lengths of files and lines,
//! printing and panicking, tests that wait or are ignored. And the documentation: it describes every key, option and
//! exit code.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod fixes;
mod mutants;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use stepdown::config::keys::{Kind, Table};

/// The limits of a file in lines, and of a line in columns.
const LONGEST: usize = 400;
const WIDEST: usize = 120;

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

/// The text without comments and without the unit tests at the end of a file.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]").next().unwrap();
    text.lines().map(|line| if line.trim_start().starts_with("//") { "" } else { line }).collect::<Vec<_>>().join("\n")
}

/// The identifiers of a line of code.
fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// The crates: the directory of the sources, and the file with the map of the modules and their levels.
const CRATES: [(&str, &str); 2] = [("src", "src/lib.rs"), ("host/src", "host/src/main.rs")];

/// The levels from a crate's map.
fn levels(map: &str) -> BTreeMap<String, u32> {
    let map = fs::read_to_string(root().join(map)).unwrap();
    let rows = map.lines().filter_map(|line| line.strip_prefix("//! | ")?.split_once(" | "));
    let mut levels = BTreeMap::new();
    for (level, rest) in rows {
        let Ok(level) = level.parse() else { continue };
        for name in
            rest.split('|').next().unwrap().split(['[', ']', '`', ' ', '·', ',']).filter(|name| !name.is_empty())
        {
            levels.insert(name.to_owned(), level);
        }
    }
    levels
}

#[test]
fn the_map_knows_every_module() {
    for (_, map) in CRATES {
        let levels = levels(map);
        let text = fs::read_to_string(root().join(map)).unwrap();
        let declared = text.lines().map(|line| line.strip_prefix("pub ").unwrap_or(line));
        let modules: Vec<&str> = declared.filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';')).collect();
        assert!(modules.len() > 8);
        for module in modules.iter().chain([&"main"]) {
            assert!(levels.contains_key(*module), "{module} has no level in {map}");
        }
        assert_eq!(levels.len(), modules.len() + 1, "{levels:?}");
    }
}

#[test]
fn imports_go_to_strictly_lower_levels() {
    for (directory, map) in CRATES {
        check_imports(directory, &levels(map));
    }
}

fn check_imports(directory: &str, levels: &BTreeMap<String, u32>) {
    for (path, text) in sources(directory) {
        // The binary joins the stages, and has no level.
        if path.starts_with("src/bin/") {
            continue;
        }
        let module = path.strip_prefix(&format!("{directory}/")).unwrap().split(['/', '.']).next().unwrap().to_owned();
        if module == "lib" {
            continue;
        }
        let own = levels[&module];
        for target in imported(&code(&text)) {
            // The crate has no macros, which would be at its root.
            let level = levels.get(&target).unwrap_or_else(|| panic!("{path}: crate::{target} is not in the map"));
            assert!(
                target == module || *level < own,
                "{path}: {module} (level {own}) imports {target} (level {level})"
            );
        }
    }
}

/// The modules that follow `crate::`, one or a list of several lines.
fn imported(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for target in code.split("crate::").skip(1) {
        let Some(list) = target.strip_prefix('{') else {
            found.extend(words(target).take(1).map(str::to_owned));
            continue;
        };
        let (mut depth, mut item) = (1, String::new());
        for letter in list.chars() {
            match letter {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            if depth == 0 || depth == 1 && letter == ',' {
                found.extend(words(&item).take(1).map(str::to_owned));
                item.clear();
            } else {
                item.push(letter);
            }
            if depth == 0 {
                break;
            }
        }
    }
    found
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

// Credentials belong to threads, and the allocator is not thread-safe: a second thread would break both.
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
fn every_unsafe_block_has_a_safety_comment() {
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
    for (path, text) in ["src", "tests", "host"].map(sources).concat() {
        let length = text.lines().count();
        assert!(length <= LONGEST, "{path} has {length} lines, at most {LONGEST}");
    }
}

/// Scripts and settings in the directory, by their first line or name.
fn scripts(below: &str) -> Vec<PathBuf> {
    let files = fs::read_dir(root().join(below)).unwrap().map(|entry| entry.unwrap().path());
    let found = files.filter(|path| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let known = name == "Makefile" || [".toml", ".rs"].iter().any(|end| name.ends_with(end));
        known || (path.is_file() && fs::read(path).is_ok_and(|text| text.starts_with(b"#!")))
    });
    found.collect()
}

#[test]
fn no_line_is_too_wide() {
    let rust = ["src", "tests", "benches", "fuzz/checks", "fuzz/targets", "host"].map(sources).concat();
    let others =
        ["", ".cargo", "tests/lab", "fuzz", "host", "host/benches/table"].map(scripts).concat().into_iter().map(
            |path| {
                let name = path.strip_prefix(root()).unwrap().display().to_string();
                (name, fs::read_to_string(&path).unwrap())
            },
        );
    for (path, text) in rust.into_iter().chain(others) {
        for (number, line) in text.lines().enumerate() {
            let width = line.chars().count();
            assert!(width <= WIDEST, "{path}:{}: {width} columns, at most {WIDEST}", number + 1);
        }
    }
}

#[test]
fn nothing_panics_or_prints_outside_of_the_log() {
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
fn every_module_has_a_header() {
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

fn page(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Whether the text contains this word, not as a part of another word.
fn mentions(text: &str, word: &str) -> bool {
    let part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    text.match_indices(word)
        .any(|(at, _)| !part(text[..at].chars().next_back()) && !part(text[at + word.len()..].chars().next()))
}

/// The names of all keys of the table and of its inner tables.
fn keys_of(table: &Table) -> Vec<&'static str> {
    fn inside(kind: &Kind) -> Vec<&'static str> {
        match kind {
            Kind::Table(table) | Kind::Tables(table) => keys_of(table),
            Kind::Map(_, kind) => inside(kind),
            Kind::Either(kinds, _) => kinds.iter().flat_map(inside).collect(),
            _ => Vec::new(),
        }
    }
    table.all().flat_map(|key| std::iter::once(key.name).chain(inside(&key.kind))).collect()
}

#[test]
fn every_configuration_key_is_documented() {
    let keys = keys_of(&stepdown::config::keys::TOP);
    assert!(keys.len() > 50, "{keys:?}");
    let reference = page("docs/configuration.md");
    let missing: Vec<&&str> = keys.iter().filter(|key| !mentions(&reference, key)).collect();
    assert!(missing.is_empty(), "docs/configuration.md does not mention {missing:?}");
}

#[test]
fn every_option_and_variable_is_documented() {
    let help = fs::read_to_string(root().join("src/config/args.rs")).unwrap();
    let help = help.split("HELP: &str = \"").nth(1).unwrap().split("\";").next().unwrap();
    let options: Vec<&str> = help
        .split_whitespace()
        .map(|word| word.split([',', '[', '=']).next().unwrap())
        .filter(|word| word.starts_with('-') && word.len() > 1 && *word != "--")
        .collect();
    assert!(options.len() > 12, "{options:?}");
    let reference = page("docs/cli.md");
    let variables = ["ROLE", "BOOT_CHECK_ONLY", "BOOT_CHECK_FORMAT", "INIT_LOG", "LISTEN_FDS", "HOME"];
    let missing: Vec<&&str> = options.iter().chain(&variables).filter(|word| !mentions(&reference, word)).collect();
    assert!(missing.is_empty(), "docs/cli.md does not mention {missing:?}");
}

#[test]
fn every_exit_code_is_in_the_help_and_documented() {
    let text = fs::read_to_string(root().join("src/error/exit.rs")).unwrap();
    let list = text.split("pub enum Exit {").nth(1).unwrap().split('}').next().unwrap();
    let codes: Vec<&str> = list.lines().filter_map(|line| line.split_once(" = ")?.1.strip_suffix(',')).collect();
    assert!(codes.len() >= 6 && codes.iter().all(|code| code.parse::<u8>().is_ok()), "{codes:?}");
    let help = fs::read_to_string(root().join("src/config/args.rs")).unwrap();
    let reference = page("docs/cli.md");
    for code in codes {
        assert!(mentions(&help, code), "--help does not mention {code}");
        assert!(mentions(&reference, code), "docs/cli.md does not mention {code}");
    }
}

#[test]
fn the_readme_is_short_and_links_every_page() {
    let readme = page("README.md");
    assert!(readme.lines().count() <= 200, "README.md has {} lines, at most 200", readme.lines().count());
    let pages = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().file_name());
    for name in pages.map(|name| name.into_string().unwrap()).filter(|name| name.ends_with(".md")) {
        assert!(readme.contains(&format!("(docs/{name})")), "README.md does not link docs/{name}");
    }
    for command in ["make demo", "make test"] {
        assert!(readme.contains(command), "README.md does not contain {command}");
    }
}

/// Every relative link refers to a file and heading of the repository.
#[test]
fn every_link_of_the_documentation_resolves() {
    let mut pages: Vec<PathBuf> = ["README.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md", "tests/README.md"]
        .iter()
        .map(|name| root().join(name))
        .collect();
    pages.extend(fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path()));
    for path in pages.iter().filter(|path| path.extension().is_some_and(|extension| extension == "md")) {
        let text = fs::read_to_string(path).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            if link.contains("://") || file.contains(' ') {
                continue;
            }
            let target = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            assert!(target.exists(), "{}: no {link}", path.display());
            let headings = fs::read_to_string(&target).unwrap_or_default();
            let found = headings.lines().filter(|line| line.starts_with('#')).any(|line| slug(line) == anchor);
            assert!(anchor.is_empty() || found, "{}: no heading for {link}", path.display());
        }
    }
}

/// The anchor of a heading on GitHub and Forgejo.
fn slug(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    text.chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}
