//! The cost of a seal: without, with each part, and with both. `STEPDOWN_OLD` is another binary, to compare an
//! unsealed boot.

use crate::race::{self, Runner};
use crate::stage::Stage;

const PARTS: [(&str, &str); 4] = [
    ("no seal", ""),
    ("writes", "[seal]\nwrites = true\n"),
    ("namespaces", "[seal]\nnamespaces = false\n"),
    ("both", "[seal]\nwrites = true\nnamespaces = false\n"),
];

pub fn measure(stage: &Stage) {
    let role = format!("[roles.web]\ncommand = [\"{}\"]\n", stage.noop.display());
    let mut runners: Vec<Runner> = PARTS
        .iter()
        .map(|(name, seal)| {
            let path = stage.configuration(&format!("seal-{name}.toml"), &format!("{}{seal}{role}", stage.mounts()));
            stage.init(*name, &path, &[])
        })
        .collect();
    if let Some(old) = std::env::var_os("STEPDOWN_OLD") {
        let configuration = stage.path("seal-no seal.toml");
        let copies = (0..stage.inits.len()).map(|number| {
            let copy = stage.path(&format!("old{number}"));
            std::fs::copy(&old, &copy).unwrap();
            let mut command = stage.command(copy);
            command.arg("-c").arg(&configuration);
            command
        });
        runners.push(Runner::of_copies("another binary, no seal", copies.collect()));
    }
    race::run(&mut runners, stage.rounds, &|| stage.reset());
    race::table("Boot time against the seal", &mut runners, 0);
}
