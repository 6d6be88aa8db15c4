//! FIFOs that the app leaves in place of files that a later start opens: without a writer, `open(2)` would block PID 1.

use crate::support::cases;
use crate::support::protocol::{Content, Kind};
use crate::support::sandbox::{Sandbox, sandbox};

/// A directory of the app with a FIFO in it.
fn left(path: &str) -> Sandbox {
    sandbox()
        .owned("/data", Kind::Directory, (1001, 1001), 0o755)
        .owned("/data/bin", Kind::Directory, (1001, 1001), 0o700)
        .owned(path, Kind::Fifo, (1001, 1001), 0o755)
}

#[test]
fn fifo_as_program_or_interpreter_does_not_hang_the_boot() {
    let script = Content::Bytes(b"#!/data/python\n".to_vec());
    let interpreter = left("/data/python").file_mode("/bin/run", script, 0o755);
    // Root cannot look into this directory, so only the exec finds the FIFO.
    for (base, program, words) in [
        (&interpreter, "/bin/run", "/data/python, which runs it: it is not a regular file"),
        (&left("/data/bin/p"), "/data/bin/p", "it is not a regular file"),
    ] {
        for supervise in [&["--"][..], &["--supervise"]] {
            let run = base.clone().words(supervise.iter().chain(&[program])).run();
            run.refused_late(126, &[&format!("cannot run {program}: "), words]);
        }
        let check = base.clone().config("[boot_check]\ntimeout = '1s'\n").words(["--check=full", program]).run();
        check.check(check.outcome.code == Some(1) && check.stdout().contains("FAIL  app: "), "a failed check");
    }
    cases("FIFOs as programs", 6);
}

#[test]
fn accounts_that_the_app_replaces_do_not_bar_a_start_with_numeric_ids() {
    let linked = |base: Sandbox| base.node("/etc/passwd", Kind::Symlink("/data/passwd".into()));
    let huge = Kind::File(Content::Repeat(b'\n', (16 << 20) + 1));
    let huge =
        sandbox().owned("/data", Kind::Directory, (1001, 1001), 0o755).owned("/data/passwd", huge, (1001, 1001), 0o644);
    for base in [linked(left("/data/passwd")), linked(huge)] {
        base.clone().words(["--user", "1001:1001", "witness"]).run().app().is_dropped_to(1001, 1001, "1001");
        base.words(["--user", "app", "witness"]).run().refused(78, &["refusing /etc/passwd: /data", "1001"]);
    }
    linked(left("/data/passwd")).user(1001, 1001, 0).run().app().is_dropped_to(1001, 1001, "1001");
    cases("replaced accounts", 5);
}
