//! Steps whose program cannot be executed: the reason and its fix are in the record.

use crate::support::protocol::{Content, Kind};
use crate::support::sandbox::{Sandbox, sandbox};

/// A step with a program in a directory that root may enter and the user may not.
fn closed(keys: &str) -> Sandbox {
    sandbox()
        .owned("/closed", Kind::Directory, (0, 0), 0o700)
        .file_mode("/closed/program", Content::Witness, 0o755)
        .config(format!("[[step]]\nname = 'x'\n{keys}\n"))
}

#[test]
fn reason_and_fix_of_a_program_that_cannot_be_executed_are_not_lost() {
    let said =
        "could not be started: cannot run /closed/program: Permission denied (EACCES): uid 1001 may not enter /closed";
    let fix = "fix: let the user enter it (chmod a+x /closed)";
    let command = "command = ['/closed/program']\n";
    for more in ["", "timeout = '20s'", "output = 'LINE'"] {
        closed(&format!("{command}{more}")).run().refused_late(70, &[said, fix]);
        let run = closed(&format!("{command}{more}\noptional = true")).run();
        run.app().is_dropped_to(1001, 1001, "1001");
        let warned = |line: &str| line.starts_with("init: warn: ") && line.contains(said) && line.contains(fix);
        run.check(run.stderr().lines().any(warned), "a warning with the fix");
    }
    let wait = "wait = { exec = ['/closed/program'] }\ntimeout = '1s'";
    closed(wait).run().refused_late(70, &["cannot run /closed/program: ", "let the user enter it (chmod a+x /closed)"]);
    let mended = closed(command).with(|spec| spec.tree[0].mode = Some(0o711)).run();
    mended.app().is_dropped_to(1001, 1001, "1001");
}

#[test]
fn a_long_path_does_not_hide_the_reason_of_a_step_that_cannot_be_executed() {
    // Only the user can see that the program is not in the last directory.
    let base = |length: usize| {
        let path = format!("PATH=/bin:/{}:/own", "x/".repeat(length / 2));
        closed("command = ['program']\ntimeout = '20s'")
            .owned("/own", Kind::Directory, (1001, 1001), 0o700)
            .with(|spec| spec.env = vec![path.into()])
    };
    for length in [10, 5_000, 100_000] {
        base(length).run().refused_late(
            70,
            &["step 'x' could not be started: command 'program' not found", "fix: install it in the image"],
        );
        let wait = "[[step]]\nname = 'x'\nwait = { exec = ['program'] }\ntimeout = '1s'\n";
        let waited = &["last: command 'program' not found", "fix: install it in the image"];
        base(length).config(wait).run().refused_late(70, waited);
    }
}

#[test]
fn fix_names_the_directory_that_the_user_may_not_enter() {
    let base = |command: &str| {
        sandbox()
            .owned("/closed", Kind::Directory, (0, 0), 0o700)
            .file_mode("/closed/program", Content::Witness, 0o755)
            .owned("/closed/inner", Kind::Directory, (0, 0), 0o755)
            .file_mode("/closed/inner/program", Content::Witness, 0o755)
            .owned("/open", Kind::Directory, (0, 0), 0o755)
            .owned("/open/closed", Kind::Directory, (0, 0), 0o700)
            .file_mode("/open/closed/program", Content::Witness, 0o755)
            .node("/open/link", Kind::Symlink("../closed/inner/program".into()))
            .node("/open/short", Kind::Symlink("closed".into()))
            .file_mode("/open/script", Content::Bytes(b"#!/closed/program\n".to_vec()), 0o755)
            .config(format!("workdir = '/open'\n[[step]]\nname = 'x'\ncommand = ['{command}', 'aside']\n"))
    };
    for (command, directory) in [
        ("/closed/inner/program", "/closed"),
        ("/open/link", "/closed"),
        ("./link", "/closed"),
        ("closed/program", "/open/closed"),
        ("short/program", "/open/closed"),
        ("short/../closed/program", "/open/closed"),
        ("/open/script", "/closed"),
    ] {
        base(command).run().refused_late(
            70,
            &[
                &format!("uid 1001 may not enter {directory}"),
                &format!("fix: let the user enter it (chmod a+x {directory})"),
            ],
        );
        let mend = |spec: &mut crate::support::protocol::Spec| {
            let barred = spec.tree.iter_mut().find(|node| node.path == directory).unwrap();
            barred.mode = Some(0o711);
        };
        base(command).with(mend).run().app().is_dropped_to(1001, 1001, "1001");
    }
}
