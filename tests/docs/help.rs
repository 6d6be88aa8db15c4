//! docs/cli.md contains the output of `--help`. With `STEPDOWN_WRITE_DOCS=1` the page is written instead of compared.

use std::fs;
use std::process::Command;

use crate::root;
use crate::support::init;

const PAGE: &str = "docs/cli.md";
const BEFORE: &str = "`/init --help` prints:\n\n```\n";

#[test]
fn the_command_line_page_has_the_help() {
    let help = Command::new(init()).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let page = fs::read_to_string(root().join(PAGE)).unwrap();
    let (head, rest) = page.split_once(BEFORE).expect("the block of the help");
    let (found, tail) = rest.split_once("```\n").expect("its end");
    if found != help && std::env::var_os("STEPDOWN_WRITE_DOCS").is_some() {
        fs::write(root().join(PAGE), format!("{head}{BEFORE}{help}```\n{tail}")).unwrap();
        return;
    }
    assert_eq!(found, help, "{PAGE} differs from the output of --help; make docs writes it");
}
