//! A volume that an earlier app filled, handed over again: root owns its top, so that all of it is walked.

use crate::support::cases;
use crate::support::protocol::{Content, Kind};
use crate::support::run::Run;
use crate::support::sandbox::{Sandbox, sandbox};

const CONFIGURATION: &str = "[[volume]]\npath = '/data'\nrecursive = true\n";

/// Files outside the volume, on its file system and on others.
pub const OUTSIDE: [&str; 10] = [
    "/etc",
    "/etc/passwd",
    "/etc/shadow",
    "/disk",
    "/disk/secret",
    "/disk/secrets",
    "/disk/secrets/one",
    "/disk/shadow",
    "/bin/witness",
    "/init",
];

pub fn text() -> Kind {
    Kind::File(Content::Bytes(b"root's".into()))
}

/// The volume is `/data`, and `/disk/data` while it is filled. Its file system allows set-user-ID files.
pub fn volume(fill: impl FnOnce(Sandbox) -> Sandbox) -> Sandbox {
    let base = sandbox()
        .owned("/etc/shadow", text(), (0, 0), 0o600)
        .owned("/disk", Kind::Directory, (0, 0), 0o755)
        .owned("/disk/secret", text(), (0, 0), 0o600)
        .owned("/disk/secrets", Kind::Directory, (0, 0), 0o700)
        .owned("/disk/secrets/one", text(), (0, 0), 0o600)
        .owned("/disk/shadow", text(), (0, 0), 0o640)
        .owned("/disk/data", Kind::Directory, (0, 0), 0o755);
    fill(base).node("/data", Kind::Bind("/disk/data".into())).config(CONFIGURATION)
}

#[track_caller]
pub fn nothing_outside_is_touched(run: &Run) {
    for path in OUTSIDE {
        run.untouched(path);
    }
}

/// Runs on a kernel with the newer system calls and on one without them.
fn old_and_new(sandbox: &Sandbox) -> [Run; 2] {
    let newer = [libc::SYS_openat2, libc::SYS_close_range, libc::SYS_statx, libc::SYS_faccessat2];
    [sandbox.clone(), newer.into_iter().fold(sandbox.clone(), |sandbox, call| sandbox.answer(call, &[], libc::ENOSYS))]
        .map(|sandbox| sandbox.run())
}

/// Targets of links out of the volume.
const TARGETS: [&str; 16] = [
    "/etc/shadow",
    "/etc",
    "/",
    "..",
    "../secret",
    "../secrets",
    "../secrets/one",
    "../data",
    ".",
    "/proc/self/root/etc/shadow",
    "/proc/self/cwd",
    "/proc/self/exe",
    "/proc/1/root",
    "/proc/self/fd/1",
    "/dev/zero",
    "/nowhere",
];

#[test]
fn links_are_not_followed() {
    let planted = volume(|base| {
        let base = base.owned("/disk/data/below", Kind::Directory, (1001, 1001), 0o700);
        TARGETS.into_iter().enumerate().fold(base, |base, (number, target)| {
            let link = Kind::Symlink(target.into());
            base.node(&format!("/disk/data/{number}"), link.clone()).owned(
                &format!("/disk/data/below/{number}"),
                link,
                (2000, 2000),
                0o777,
            )
        })
    });
    for run in old_and_new(&planted) {
        run.app().is_dropped_to(1001, 1001, "1001");
        nothing_outside_is_touched(&run);
        run.owns("/data", 1001, 1001, 0o755);
    }
    cases("links in a volume", 2 * 2 * TARGETS.len());
}

#[test]
fn file_with_a_name_outside_keeps_its_owner() {
    let linked = volume(|base| {
        base.node("/disk/data/innocent", Kind::HardLink("/disk/shadow".into()))
            .owned("/disk/data/below", Kind::Directory, (1001, 1001), 0o755)
            .node("/disk/data/below/again", Kind::HardLink("/disk/shadow".into()))
            .node("/disk/data/one", Kind::HardLink("/disk/secrets/one".into()))
            .node("/disk/data/program", Kind::HardLink("/bin/witness".into()))
    });
    for run in old_and_new(&linked) {
        run.app().is_dropped_to(1001, 1001, "1001");
        nothing_outside_is_touched(&run);
        run.check(
            run.stderr().contains(
                "files with a name outside of it, or in a directory that others may write to, stay as they are: 3",
            ),
            "one line about all of them",
        );
    }
    cases("hard links out of a volume", 2 * 4);
}

// A package store has that many: the walk must not hold a descriptor for each until its end.
#[test]
fn thousands_of_files_with_two_names_are_handed_over() {
    let run = volume(|base| base.owned("/disk/data/store", Kind::Linked(2000), (0, 0), 0o755))
        .limit(libc::RLIMIT_NOFILE, 256)
        .run();
    run.app().is_dropped_to(1001, 1001, "1001");
    for name in ["0", "0.link", "1999", "1999.link"] {
        run.owns(&format!("/data/store/{name}"), 1001, 1001, 0o666);
    }
    // Names in it were counted, so it keeps its owner until the second walk.
    run.owns("/data/store", 1001, 1001, 0o755);
    cases("files with two names", 2000);
}

#[test]
fn special_files_are_not_opened() {
    let planted = volume(|base| {
        base.owned("/disk/data/fifo", Kind::Fifo, (0, 0), 0o600)
            .owned("/disk/data/socket", Kind::Socket, (0, 0), 0o600)
            .owned("/disk/data/device", Kind::Device, (0, 0), 0o666)
            .owned("/disk/data/odd", Kind::Odd, (0, 0), 0o755)
    });
    for run in old_and_new(&planted) {
        run.app().is_dropped_to(1001, 1001, "1001");
        run.owns("/data/fifo", 1001, 1001, 0o600);
        run.owns("/data/socket", 1001, 1001, 0o600);
        // A device gives its owner more than a file does.
        run.untouched("/data/device");
        let odd: Vec<_> = run.outcome.after.iter().filter(|(path, _)| path.starts_with("/data/odd/")).collect();
        run.check(
            odd.len() == 9 && odd.iter().all(|(_, facts)| facts.uid == 1001),
            "nine handed-over files with unusual names",
        );
        run.check(run.stderr().lines().all(|line| line.starts_with("init: ")), "that no name forges a record");
    }
    cases("FIFO, socket, device, odd names", 2 * 12);
}

#[test]
fn mounts_inside_a_volume_are_left_unchanged() {
    let mut planted = volume(|base| base.owned("/disk/data/sub", Kind::Directory, (0, 0), 0o755));
    planted = planted
        .tmpfs("/data/tmpfs")
        .owned("/data/tmpfs/roots", text(), (0, 0), 0o600)
        .node("/data/same", Kind::Bind("/disk/secrets".into()))
        .node("/data/sub/deeper", Kind::Bind("/disk/secrets".into()));
    for run in old_and_new(&planted) {
        run.app().is_dropped_to(1001, 1001, "1001");
        nothing_outside_is_touched(&run);
        for path in ["/data/tmpfs", "/data/tmpfs/roots", "/data/same/one", "/data/sub/deeper/one"] {
            run.untouched(path);
        }
        run.owns("/data/sub", 1001, 1001, 0o755);
    }
    cases("mounts inside a volume", 2 * 3);
}

// More entries than one getdents call returns, in a directory of root and in one where anybody could add names
// meanwhile.
#[test]
fn ten_thousand_entries_take_less_than_ten_seconds() {
    for mode in [0o755, 0o777] {
        let run = volume(|base| base.owned("/disk/data/many", Kind::Many(10_000), (0, 0), mode)).run();
        run.app().is_dropped_to(1001, 1001, "1001");
        let handed = run
            .outcome
            .after
            .iter()
            .filter(|(path, facts)| path.starts_with("/data/many/") && facts.uid == 1001)
            .count();
        run.check(handed == 10_000, &format!("all of 10000 handed over, not {handed}"));
        run.check(run.outcome.took_ms < 10_000, &format!("less than 10 s, not {} ms", run.outcome.took_ms));
        cases(&format!("many entries, mode {mode:o} ({} ms)", run.outcome.took_ms), 10_000);
    }
}

#[test]
fn deep_tree_is_walked_up_to_the_limit() {
    let deep = |levels| volume(|base| base.owned("/disk/data/deep", Kind::Deep(levels), (0, 0), 0o755));
    let run = deep(190).run();
    run.app().is_dropped_to(1001, 1001, "1001");
    run.owns(&format!("/data/deep{}", "/d".repeat(190)), 1001, 1001, 0o777);
    let run = deep(1000).run();
    // An app could create such a tree to prevent the next start.
    run.app().is_dropped_to(1001, 1001, "1001");
    run.check(
        run.stderr().contains("more than 200 levels deep, or among too many names, stays as it is: 1"),
        "a warning about what is left unchanged",
    );
    run.owns(&format!("/data/deep{}", "/d".repeat(190)), 1001, 1001, 0o777);
    nothing_outside_is_touched(&run);
    let run = deep(150).limit(libc::RLIMIT_NOFILE, 64).run();
    run.refused_late(71, &["/data", "EMFILE", "--ulimit nofile"]);
    nothing_outside_is_touched(&run);
    cases("deep trees", 3);
}
