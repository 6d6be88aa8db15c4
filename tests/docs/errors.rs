//! Compares docs/errors.md with the output of real boots, and checks that it has every refusal of the program.
//!
//! With `STEPDOWN_WRITE_DOCS=1` the page is written instead of compared.

use std::fs;

use crate::refusals::{Refusal, groups};
use crate::root;

const PAGE: &str = "docs/errors.md";

const HEAD: &str = "# Refusals

Every refusal is one line on standard error: what failed, on what, the kernel's reason, and `fix:`. The app was not
started. If nobody reads standard error, a boot waits for at most a second; excess log lines are dropped, and the exit
code stays the same. The exit
codes are in [cli.md](cli.md#exit-codes). A test boots each case below and compares the line.
";

/// A section of the page; what is no refusal goes into `wrong`. A step's lines are on standard error, the app's are
/// not.
fn section(title: &str, refusals: &[Refusal], wrong: &mut Vec<String>) -> String {
    let mut entries = Vec::new();
    for Refusal { cause, boot } in refusals {
        let run = boot.run();
        let stderr = run.stderr();
        let records: Vec<&str> = stderr.lines().filter(|line| line.starts_with("init: fatal: ")).collect();
        match (records.as_slice(), run.outcome.code) {
            ([record], Some(code)) if !run.stdout().contains("witness: started") => {
                entries.push(format!("# {cause}: exit {code}\n{record}\n"))
            }
            _ => wrong.push(format!("{cause}: no refusal: {}", run.shown())),
        }
    }
    format!("\n## {title}\n\n```\n{}```\n", entries.join("\n"))
}

#[test]
fn error_page_equals_the_output_of_real_boots() {
    let mut wrong = Vec::new();
    let sections: Vec<String> = groups().iter().map(|(title, refusals)| section(title, refusals, &mut wrong)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    let expected = HEAD.to_owned() + &sections.concat();
    if std::env::var_os("STEPDOWN_WRITE_DOCS").is_some() {
        fs::write(root().join(PAGE), &expected).unwrap();
    }
    let found = fs::read_to_string(root().join(PAGE)).unwrap();
    let differ = expected.lines().zip(found.lines()).find(|(expected, found)| expected != found);
    assert!(
        found == expected,
        "{PAGE} differs from the boots' output; the first difference is {differ:#?}; \
         make docs writes it"
    );
}

/// Messages that no container of the tests can cause: they need an emulator, which has a second thread.
const UNSEEN: [&str; 1] = ["refusing to drop privilege with "];

/// The fixed text of each message, in pieces: `required variable {name} is unset or empty` has two.
fn messages() -> Vec<Vec<String>> {
    let source = fs::read_to_string(root().join("src/error/message.rs")).unwrap();
    let bodies = source.split("match self {").skip(1).map(|rest| rest.split("\n        }\n").next().unwrap());
    let mut all = Vec::new();
    for arm in bodies.flat_map(|body| body.split("Error::").skip(1)) {
        let Some(format) = arm.split_once('"').and_then(|(_, rest)| rest.split_once('"')) else { continue };
        let plain = format.0.replace("{{", "\u{1}").replace("}}", "\u{2}");
        let pieces = plain.split('{').enumerate().map(|(number, piece)| match number {
            0 => piece,
            _ => piece.split_once('}').map_or("", |(_, rest)| rest),
        });
        let pieces = pieces.map(|piece| piece.replace('\u{1}', "{").replace('\u{2}', "}"));
        all.push(pieces.filter(|piece| !piece.trim_matches([' ', ':']).is_empty()).collect());
    }
    all
}

#[test]
fn every_refusal_has_its_example() {
    let page = fs::read_to_string(root().join(PAGE)).unwrap();
    let lines: Vec<&str> = page.lines().filter(|line| line.starts_with("init: fatal: ")).collect();
    let messages = messages();
    assert!(messages.len() > 35, "{} messages", messages.len());
    let missing: Vec<&Vec<String>> = (messages.iter())
        .filter(|pieces| !pieces.iter().any(|piece| UNSEEN.contains(&piece.as_str())))
        .filter(|pieces| {
            !lines.iter().any(|line| {
                let mut rest = Some(*line);
                for piece in *pieces {
                    rest = rest.and_then(|rest| Some(rest.split_once(piece.as_str())?.1));
                }
                rest.is_some()
            })
        })
        .collect();
    assert!(missing.is_empty(), "{PAGE} has no example of {missing:#?}");
}
