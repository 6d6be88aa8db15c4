//! Exhaustive tests of bounded inputs: `${…}` compared with the shell, users with their grammar, the configuration cut
//! off at every byte, and the kept inputs of the fuzzers.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "../../fuzz/checks/mod.rs"]
mod checks;

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use stepdown::config::environment::Environment;
use stepdown::error::Error;
use stepdown::facts::accounts::Accounts;
use stepdown::plan::expand::expand;
use stepdown::plan::identity::resolve;

/// Calls it with every sequence of up to this many of the parts, joined, and their number.
fn every(parts: &[&str], longest: usize, mut each: impl FnMut(&str, usize)) {
    fn longer(text: &mut String, parts: &[&str], depth: usize, longest: usize, each: &mut dyn FnMut(&str, usize)) {
        each(text, depth);
        for part in parts.iter().filter(|_| depth < longest) {
            let length = text.len();
            text.push_str(part);
            longer(text, parts, depth + 1, longest, each);
            text.truncate(length);
        }
    }
    longer(&mut String::new(), parts, 0, longest, &mut each);
}

/// The shell's result for each script line, up to its NUL.
fn shell(script: &str) -> Vec<String> {
    let mut shell = Command::new("/bin/sh")
        .env_clear()
        .envs([("A", "one two"), ("E", "")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("/bin/sh");
    let mut input = shell.stdin.take().unwrap();
    let all = script.to_owned();
    let writer = std::thread::spawn(move || input.write_all(all.as_bytes()));
    let output = shell.wait_with_output().unwrap();
    writer.join().unwrap().expect("the shell reads to the end");
    let text = String::from_utf8(output.stdout).unwrap();
    text.split_terminator('\0').map(str::to_owned).collect()
}

// Quotes, backslashes and backquotes have a meaning only in the shell, so the parts do not contain them.
#[test]
fn an_expansion_equals_the_shells_or_is_refused() {
    let mut environment = Environment::default();
    assert!(environment.set("A", b"one two") && environment.set("E", b""));
    // An unset variable ends the shell, as it ends a boot.
    let (mut script, mut texts, mut refused) = (String::from("set -u\n"), Vec::new(), 0);
    every(&["$", "{", "}", "${A", "${E", "${N", ":-", ":?", ":", "x", "$$", "A"], 5, |text, depth| {
        let quoted = text.replace("$$", "\\$");
        match expand(&checks::at(text), &environment) {
            Ok(bytes) => {
                script.push_str(&format!("printf '%s\\0' \"{quoted}\"\n"));
                texts.push((text.to_owned(), String::from_utf8(bytes).unwrap()));
            }
            // A stopping shell costs a process, so only some cases run it.
            Err(Error::Unset { .. }) if depth < 5 => {
                script.push_str(&format!("(eval ': \"{quoted}\"') && printf 'expanded\\0' || printf 'refused\\0'\n"));
                texts.push((text.to_owned(), "refused".into()));
            }
            Err(Error::Unset { .. } | Error::Config { .. }) => refused += 1,
            Err(other) => panic!("{text:?}: {other:?}"),
        }
    });
    let answers = shell(&script);
    for ((text, ours), theirs) in texts.iter().zip(&answers) {
        assert_eq!(ours, theirs, "{text:?}");
    }
    assert_eq!(answers.len(), texts.len(), "the shell stopped at {:?}", texts.get(answers.len()));
    let expanded = texts.iter().filter(|(text, _)| text.contains('$')).count();
    assert!(expanded > 5_000 && refused > 50_000, "{expanded} compared, {refused} refused");
}

#[test]
fn a_user_is_parsed_by_its_grammar() {
    let accounts =
        Accounts::from_text("root:x:0:0::/:\na:x:19:9::/:\n19a:x:20:20::/:\n", "root:x:0:\na:x:91:a\n9:x:77:\n");
    let number = |text: &str| -> Option<u32> {
        let value = text.chars().try_fold(0_u128, |value, one| Some(value * 10 + u128::from(one.to_digit(10)?)))?;
        u32::try_from(value).ok().filter(|_| !text.is_empty() && value != 4_294_967_295)
    };
    let (mut accepted, mut refused) = (0, 0);
    let mut judge = |text: &str| {
        let (who, group) = text.split_once(':').map_or((text, None), |(who, group)| (who, Some(group)));
        let user = match (who, number(who)) {
            ("a", _) => Some((19, 9)),
            ("19a", _) => Some((20, 20)),
            (_, Some(19)) => Some((19, 9)),
            (_, Some(20)) => Some((20, 20)),
            (_, uid) => uid.filter(|uid| *uid != 0).map(|uid| (uid, uid)),
        };
        let gid = match group {
            None => user.map(|(_, gid)| gid),
            Some("a") => Some(91),
            Some(group) => number(group),
        };
        let expected = user.zip(gid).map(|((uid, _), gid)| (uid, gid));
        let found = resolve(&checks::at(text), None, &accounts);
        assert_eq!(found.as_ref().ok().map(|found| (found.uid, found.gid)), expected, "{text:?}: {found:?}");
        if let Ok(found) = found {
            let supplementary = if who == "a" { [91].as_slice() } else { &[] };
            let groups: BTreeSet<u32> = supplementary.iter().copied().chain([found.gid]).collect();
            assert_eq!(found.groups, groups.into_iter().collect::<Vec<_>>(), "{text:?}");
            accepted += 1;
        } else {
            refused += 1;
        }
    };
    every(&["0", "1", "9", "-", "+", ":", "a", " ", "x", "\n"], 5, |text, _| judge(text));
    for around in [0_u128, 1, 1 << 16, 1 << 31, 1 << 32, 1 << 63, 1 << 64] {
        for value in around.saturating_sub(2)..around + 3 {
            for text in [
                format!("{value}"),
                format!("00{value}"),
                format!("-{value}"),
                format!("+{value}"),
                format!("1:{value}"),
                format!("{value}:a"),
            ] {
                judge(&text);
            }
        }
    }
    assert!(accepted > 500 && refused > 50_000, "{accepted} accepted, {refused} refused");
}

#[test]
fn modes_durations_sizes_and_paths_have_one_valid_form() {
    let mut tried = 0;
    every(&["0", "1", "7", "9", "+", "-", "/", ".", "m", "s", "A", "_", "é", "\n"], 4, |text, _| {
        checks::values::check(text.as_bytes());
        tried += 1;
    });
    for mode in 0..=0o7777_u32 {
        checks::values::check(format!("{mode:04o}").as_bytes());
    }
    assert!(tried > 40_000, "{tried}");
}

#[test]
fn a_document_is_parsed_like_the_toml_crate_does() {
    let (mut documents, mut refused) = (0, 0);
    let mut judge = |text: &str| *if checks::document::compare(text) { &mut documents } else { &mut refused } += 1;
    // Which table may be opened, extended or closed by which header, in every order.
    let tables = [
        "[a]\n",
        "[a.b]\n",
        "[a.b.c]\n",
        "[[a]]\n",
        "[[a.b]]\n",
        "a.b = 1\n",
        "a.b.c = 1\n",
        "a = {b = 1}\n",
        "b = 1\n",
        "b.c = 1\n",
    ];
    every(&tables, 5, |text, _| judge(text));
    let signs =
        ["a", "=", "'", "\"", "\\", "{", "}", "[", "]", ",", ".", "#", "\n", "\r", " ", "0", "_", "x", "é", "\u{1}"];
    every(&signs, 4, |text, _| judge(text));
    for inside in ["a = ", "a = \"", "a = '''", "a = 1979-", "a = 0", "a = 1."] {
        let signs = ["0", "1", "9", "_", "-", "+", ":", "T", ".", "e", "x", "u", "\\", "\"", "'", "\n"];
        every(&signs, 4, |text, _| judge(&format!("{inside}{text}")));
    }
    assert!(documents > 5_000 && refused > 100_000, "{documents} documents, {refused} refused");
}

#[test]
fn a_configuration_cut_off_anywhere_is_read_or_refused_with_its_place() {
    let whole = include_bytes!("../../fuzz/every-key.toml");
    for length in 0..whole.len() {
        checks::config::check(&whole[..length]);
    }
    let lines: Vec<&[u8]> = whole.split_inclusive(|byte| *byte == b'\n').collect();
    for left_out in 0..lines.len() {
        let (before, after) = lines.split_at(left_out);
        checks::config::check(&[before.concat(), after[1..].concat()].concat());
    }
}

fn corpus() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus"))
}

#[test]
fn the_inputs_that_fuzzing_kept_pass() {
    let (mut count, mut bytes) = (0, 0);
    for (name, check) in checks::ALL {
        let inputs: Vec<_> = fs::read_dir(corpus().join(name))
            .unwrap_or_else(|error| panic!("{name}: {error}"))
            .map(|entry| entry.unwrap())
            .collect();
        assert!(inputs.len() >= 2, "{name} has {} inputs", inputs.len());
        for input in inputs {
            let data = fs::read(input.path()).unwrap();
            let told = std::panic::catch_unwind(|| check(&data));
            assert!(told.is_ok(), "{} does not hold for {}", name, input.path().display());
            (count, bytes) = (count + 1, bytes + data.len());
        }
    }
    assert!(count > 100 && bytes < 500_000, "{count} inputs of {bytes} bytes in all");
}

#[test]
fn every_check_has_its_target() {
    let targets: BTreeSet<String> = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/targets"))
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(targets, checks::ALL.map(|(name, _)| name.to_owned()).into());
}
