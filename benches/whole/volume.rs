//! A recursive hand-over: of a volume with the right owner, whose time must not depend on its size, and of one with
//! the wrong owner, compared with `chown -R`.

use std::fs::{self, File};
use std::os::unix::fs::chown;

use crate::race::{self, Runner};
use crate::stage::Stage;

/// The directory size of a real cache.
const IN_A_DIRECTORY: usize = 1000;

pub fn measure(stage: &Stage) {
    let role = format!("[roles.web]\ncommand = [\"{}\"]\n", stage.noop.display());
    let over = |shown: String, name: &str| {
        let text = format!(
            "user = \"1001:1001\"\n[[volume]]\npath = \"{}\"\nrecursive = true\n{role}",
            stage.path(name).display()
        );
        stage.init(shown, &stage.configuration(&format!("{name}.toml"), &text), &[])
    };
    let volume = stage.path("volume");
    for number in 0..stage.files {
        let directory = volume.join(format!("d{}", number / IN_A_DIRECTORY));
        if number % IN_A_DIRECTORY == 0 {
            fs::create_dir(&directory).unwrap();
        }
        File::create(directory.join(format!("f{number}"))).unwrap();
    }
    for name in ["empty", "volume"] {
        chown(stage.path(name), Some(1001), Some(1001)).unwrap();
    }
    // Otherwise the kernel writes back the new files during the next measurement.
    nix::unistd::sync();
    let mut right = [
        over("already right, no file".into(), "empty"),
        over(format!("already right, {} files", stage.files), "volume"),
    ];
    race::run(&mut right, stage.rounds / 4, &|| ());
    race::table("A volume with the right owner", &mut right, 0);

    let chown_r = |owner: &str| {
        let mut command = stage.command("/usr/bin/chown");
        command.args(["-R", owner]).arg(&volume);
        command
    };
    let mut wrong =
        [Runner::new("wrong owner, chown -R", chown_r("1001:1001")), over("wrong owner, /init".into(), "volume")];
    race::run(&mut wrong, 3, &|| {
        assert!(chown_r("0:0").status().unwrap().success());
        nix::unistd::sync();
    });
    race::table(&format!("A volume of {} files with the wrong owner", stage.files), &mut wrong, 0);
}
