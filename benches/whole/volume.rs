//! A recursive hand-over: of a volume that is right already, which must not depend on what is in it, and of one with the
//! wrong owner, against `chown -R`.

use std::fs::{self, File};
use std::os::unix::fs::chown;
use std::time::{Duration, Instant};

use crate::race::{self, Runner, ratio, shown};
use crate::stage::Stage;

/// As many in a directory as a real cache has.
const IN_A_DIRECTORY: usize = 1000;

pub fn measure(stage: &Stage) {
    let volume = stage.path("volume");
    let entry = |recursive: &str| format!("user = \"1001:1001\"\n[[volume]]\npath = \"{}\"\n{recursive}\n", volume.display());
    let role = format!("[roles.web]\ncommand = [\"{}\"]\n", stage.noop.display());
    let configuration = stage.configuration("volume.toml", &format!("{}{role}", entry("recursive = true")));
    let mut chown_r = stage.command("/usr/bin/chown");
    chown_r.args(["-R", "1001:1001"]).arg(&volume);
    let mut back = stage.command("/usr/bin/chown");
    back.args(["-R", "0:0"]).arg(&volume);

    let right = |files: usize| {
        chown(&volume, Some(1001), Some(1001)).unwrap();
        let mut runner = [Runner::new(format!("already right, {files} files"), stage.init(&configuration))];
        race::run(&mut runner, stage.rounds / 4, &|| ());
        runner[0].median()
    };
    let empty = right(0);
    for number in 0..stage.files {
        let directory = volume.join(format!("d{}", number / IN_A_DIRECTORY));
        if number % IN_A_DIRECTORY == 0 {
            fs::create_dir(&directory).unwrap();
        }
        File::create(directory.join(format!("f{number}"))).unwrap();
    }
    let full = right(stage.files);

    let time = |command: &mut std::process::Command| {
        assert!(back.status().unwrap().success());
        let started = Instant::now();
        assert!(command.status().unwrap().success());
        started.elapsed()
    };
    let (mut time, mut init) = (time, stage.init(&configuration));
    let mut pairs: Vec<(Duration, Duration)> = (0..3).map(|_| (time(&mut init), time(&mut chown_r))).collect();
    pairs.sort_by(|one, other| ratio(one.0, one.1).total_cmp(&ratio(other.0, other.1)));
    let (ours, theirs) = pairs[1];
    println!("\nA volume of {} files\n\n| | | |\n| --- | --- | --- |", stage.files);
    println!("| already right, empty / full | {} / {} | {:.2} |", shown(empty), shown(full), ratio(full, empty));
    println!("| wrong owner, /init / chown -R | {} / {} | {:.2} (goal ≤ 1.1) |", shown(ours), shown(theirs), ratio(ours, theirs));
}
