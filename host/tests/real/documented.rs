//! A deploy by the installed program, compared with what docs/host.md says of one. With `STEPDOWN_WRITE_DOCS=1` the
//! page is written instead of compared.

use std::{fs, path::PathBuf};

use crate::stand::{Said, Stand, release, top};

const COMMAND: &str = "$ stepdown deploy ";
/// Runs a command, and prints its highest use of memory.
const PEAK: &str = r#"
import subprocess, sys, time
child, peak = subprocess.Popen(sys.argv[1:]), "0"
while child.poll() is None:
    try:
        with open(f"/proc/{child.pid}/status") as status:
            peak = next((line.split()[1] for line in status if line.startswith("VmHWM:")), peak)
    except OSError:
        pass
    time.sleep(0.02)
print("peak", peak, file=sys.stderr)
sys.exit(child.returncode)
"#;

/// The program as it is installed, beside the one that tests can stop.
const INSTALLED: &str = ".local/bin/stepdown-release";

pub(crate) fn install(stand: &Stand) {
    stand.copy(&release(), INSTALLED);
    stand.own();
}

pub(crate) fn deploy(stand: &Stand, tag: &str) -> Said {
    stand.user(&["python3", "-c", PEAK, INSTALLED, "deploy", tag])
}

fn page() -> PathBuf {
    top().join("docs/host.md")
}

/// The lines without what differs from run to run; gates end in any order.
fn shape(listing: &str) -> Vec<String> {
    let mut lines: Vec<String> = listing.lines().map(line).collect();
    if let Some(first) = lines.iter().position(|line| line.contains(" gate ")) {
        let count = lines.iter().filter(|line| line.contains(" gate ")).count();
        lines[first..first + count].sort();
    }
    lines
}

fn line(line: &str) -> String {
    let line = line.rsplit_once(" (").map_or(line, |(words, _)| words);
    if line.contains("retire: ") {
        return "retire".to_owned();
    }
    let is_hex = |word: &str| word.len() >= 12 && word.chars().all(|c| c.is_ascii_hexdigit());
    let is_tag = |word: &str| word.strip_prefix('v').is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit()));
    let words = line.split([' ', ':']).map(|word| match word {
        word if is_hex(word) => "HEX",
        word if is_tag(word) => "TAG",
        word => word,
    });
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

fn seconds(listing: &str) -> f32 {
    let last = listing.trim_end().lines().last().unwrap();
    last.rsplit_once('(').unwrap().1.trim_end_matches(" s)").parse().unwrap()
}

pub(crate) fn compare(said: &Said) {
    let text = fs::read_to_string(page()).unwrap();
    let start = text.find(COMMAND).unwrap();
    let (head, rest) = text.split_at(start);
    let (command, rest) = rest.split_once('\n').unwrap();
    let (listing, after) = rest.split_once("```").unwrap();
    let peak: u32 = said.err.lines().find_map(|line| line.strip_prefix("peak ")).unwrap().parse().unwrap();
    let size = fs::metadata(release()).unwrap().len() as f64 / 1e6;
    eprintln!("peak memory {peak} KiB, size {size:.2} MB");
    if std::env::var_os("STEPDOWN_WRITE_DOCS").is_some() {
        let tag = said.last().split(' ').nth(1).unwrap();
        fs::write(page(), format!("{head}{COMMAND}{tag}\n{}\n```{after}", said.out)).unwrap();
        return;
    }
    assert_eq!(shape(&said.out), shape(listing), "{command}");
    assert!(seconds(listing) <= 20.0, "{listing}");
    let documented = |before: &str, after: &str| {
        let (_, rest) = text.split_once(before).unwrap_or_else(|| panic!("docs/host.md does not say: {before}"));
        rest.split_once(after).unwrap().0.to_owned()
    };
    let documented_peak: u32 = documented("`stepdown` uses ", " KiB").replace(',', "").parse().unwrap();
    assert!(peak.abs_diff(documented_peak) * 4 < documented_peak, "{peak} KiB, documented {documented_peak} KiB");
    // Paths of the machine are in the binary, so that the last digit may round either way.
    let documented_size: f64 = documented("Its binary has ", " MB (release build)").parse().unwrap();
    assert!((size - documented_size).abs() < 0.1, "{size:.2} MB, documented {documented_size} MB");
}
