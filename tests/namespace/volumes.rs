//! The hand-over of volumes: the top directory, files below only with `recursive`, and never files outside.
//!
//! The volume is a directory of a larger file system, `/disk`, bound to `/data`: so a file in it can have another name
//! outside of it, as one of a bind mount can.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use crate::support::protocol::{Answer, Content, Fault, Faults, Kind};
use crate::support::run::Run;
use crate::support::sandbox::{Sandbox, sandbox};

fn file() -> Kind {
    Kind::File(Content::Bytes(b"x".into()))
}

fn configured(recursive: bool) -> String {
    format!("[[volume]]\npath = '/data'\nrecursive = {recursive}\n")
}

const ALWAYS: &str = "[[volume]]\npath = '/data'\nrecursive = 'always'\n";

/// The volume's files are created below `/disk/data` before it is bound.
fn volume(owner: (u32, u32), fill: impl FnOnce(Sandbox) -> Sandbox, recursive: bool) -> Run {
    let base = sandbox().tmpfs("/disk").owned("/disk/data", Kind::Directory, owner, 0o755);
    let run = fill(base).node("/data", Kind::Bind("/disk/data".into())).config(configured(recursive)).run();
    run.app().is_dropped_to(1001, 1001, "1001");
    run
}

#[test]
fn the_top_of_a_volume_becomes_the_users_and_keeps_its_mode() {
    for owner in [(0, 0), (2000, 2000), (1001, 0)] {
        let run = volume(owner, |base| base.owned("/disk/data/file", file(), (0, 0), 0o600), false);
        run.owns("/data", 1001, 1001, 0o755);
        run.untouched("/data/file");
        run.untouched("/disk");
    }
}

#[test]
fn a_recursive_volume_becomes_the_users_with_all_files_below() {
    let run = volume(
        (0, 0),
        |base| {
            base.owned("/disk/data/a", Kind::Directory, (0, 0), 0o755)
                .owned("/disk/data/a/b", Kind::Directory, (2000, 2000), 0o750)
                .owned("/disk/data/a/b/file", file(), (3000, 4000), 0o640)
                .owned("/disk/data/a/mine", file(), (1001, 1001), 0o640)
                .owned("/disk/outside", file(), (0, 0), 0o600)
        },
        true,
    );
    run.owns("/data", 1001, 1001, 0o755);
    run.owns("/data/a", 1001, 1001, 0o755);
    run.owns("/data/a/b", 1001, 1001, 0o750);
    run.owns("/data/a/b/file", 1001, 1001, 0o640);
    run.untouched("/data/a/mine");
    run.untouched("/disk/outside");
}

#[test]
fn a_volume_whose_top_is_right_is_not_walked() {
    let run = volume((1001, 1001), |base| base.owned("/disk/data/roots", file(), (0, 0), 0o600), true);
    run.unchanged();
}

#[test]
fn a_volume_that_is_always_recursive_is_walked_although_its_top_is_right() {
    let run = sandbox()
        .tmpfs("/disk")
        .owned("/disk/data", Kind::Directory, (1001, 1001), 0o755)
        .owned("/disk/data/restored", file(), (0, 0), 0o600)
        .node("/data", Kind::Bind("/disk/data".into()))
        .config(ALWAYS)
        .run();
    run.app().is_dropped_to(1001, 1001, "1001");
    run.untouched("/data");
    run.owns("/data/restored", 1001, 1001, 0o600);
    run.check(run.stderr().contains("/data: 1 entries handed over, 0 left"), "the summary of the walk");
}

#[test]
fn the_hand_over_of_an_empty_volume_is_logged_once() {
    let told = |owner| {
        let base = sandbox().tmpfs("/disk").owned("/disk/data", Kind::Directory, owner, 0o755);
        let run = base.node("/data", Kind::Bind("/disk/data".into())).config(ALWAYS).run();
        run.app().is_dropped_to(1001, 1001, "1001");
        run.stderr().contains("/data: 0 entries handed over, 0 left")
    };
    assert!(told((0, 0)), "the first start hands it over");
    assert!(!told((1001, 1001)), "a later one has nothing to do");
}

// CVE-2018-6954, CVE-2018-15687: links below the top.
#[test]
fn a_walk_follows_no_link() {
    let run = volume(
        (0, 0),
        |base| {
            base.owned("/disk/secret", file(), (0, 0), 0o600)
                .owned("/disk/secrets", Kind::Directory, (0, 0), 0o700)
                .owned("/disk/secrets/one", file(), (0, 0), 0o600)
                .node("/disk/data/file", Kind::Symlink("/disk/secret".into()))
                .node("/disk/data/up", Kind::Symlink("../secrets".into()))
                .node("/disk/data/etc", Kind::Symlink("/etc".into()))
                .node("/disk/data/self", Kind::Symlink(".".into()))
                .node("/disk/data/dangling", Kind::Symlink("/nowhere".into()))
        },
        true,
    );
    for path in ["/disk/secret", "/disk/secrets", "/disk/secrets/one", "/etc", "/etc/passwd"] {
        run.untouched(path);
    }
    let link = run.after("/data/file");
    run.check((link.uid, link.gid) == (1001, 1001), "that the link itself is handed over");
}

// CVE-2017-18078, CVE-2018-15687: a hard link to a file outside the volume.
#[test]
fn a_file_with_a_hard_link_outside_of_the_volume_stays_unchanged() {
    let run = volume(
        (0, 0),
        |base| {
            base.owned("/disk/shadow", file(), (0, 0), 0o600)
                .node("/disk/data/innocent", Kind::HardLink("/disk/shadow".into()))
                .owned("/disk/data/twice", file(), (0, 0), 0o600)
                .owned("/disk/data/dir", Kind::Directory, (0, 0), 0o755)
                .node("/disk/data/dir/again", Kind::HardLink("/disk/data/twice".into()))
        },
        true,
    );
    run.untouched("/disk/shadow");
    run.owns("/data/innocent", 0, 0, 0o600);
    run.owns("/data/twice", 1001, 1001, 0o600);
    run.owns("/data/dir/again", 1001, 1001, 0o600);
    run.check(
        run.stderr().contains(
            "files with a name outside of it, or in a directory that others may write to, stay as they are: 1",
        ),
        "a warning about the unchanged file",
    );
}

// Where others may write, a name could be moved to be met twice.
#[test]
fn hard_links_that_nobody_else_can_move_are_handed_over() {
    let twice = |base: Sandbox, name: &str, directory: ((u32, u32), u32), file_owner: (u32, u32)| {
        let at = format!("/disk/data/{name}");
        base.owned(&at, Kind::Directory, directory.0, directory.1)
            .owned(&format!("{at}/one"), file(), file_owner, 0o600)
            .node(&format!("{at}/two"), Kind::HardLink(format!("{at}/one")))
    };
    let run = volume(
        (0, 0),
        |base| {
            let base = twice(base, "roots", ((0, 0), 0o755), (2000, 2000));
            let base = twice(base, "owners", ((2000, 2000), 0o755), (2000, 2000));
            let base = twice(base, "others", ((1001, 1001), 0o755), (0, 0));
            let base = twice(base, "groups", ((0, 0), 0o775), (0, 0));
            twice(base, "open", ((0, 0), 0o1777), (0, 0))
        },
        true,
    );
    for directory in ["roots", "owners"] {
        run.owns(&format!("/data/{directory}/one"), 1001, 1001, 0o600);
    }
    for directory in ["others", "groups", "open"] {
        run.untouched(&format!("/data/{directory}/one"));
    }
    let told = "files with a name outside of it, or in a directory that others may write to, stay as they are: 3";
    run.check(run.stderr().contains(told), "a warning about the unchanged files");
}

#[test]
fn a_walk_hands_over_a_fifo_without_blocking() {
    let run = volume((0, 0), |base| base.owned("/disk/data/fifo", Kind::Fifo, (0, 0), 0o600), true);
    run.owns("/data/fifo", 1001, 1001, 0o600);
}

#[test]
fn a_walk_does_not_enter_another_mount() {
    let base = sandbox()
        .tmpfs("/disk")
        .node("/disk/data", Kind::Directory)
        .owned("/disk/other", Kind::Directory, (0, 0), 0o755)
        .owned("/disk/other/file", file(), (0, 0), 0o600)
        .node("/data", Kind::Bind("/disk/data".into()))
        .tmpfs("/data/tmpfs")
        .owned("/data/tmpfs/file", file(), (0, 0), 0o600)
        // A part of the same file system: the device number is equal.
        .node("/data/same", Kind::Bind("/disk/other".into()))
        .config(configured(true));
    let run = base.run();
    run.app().is_dropped_to(1001, 1001, "1001");
    run.owns("/data", 1001, 1001, 0o755);
    for path in ["/data/tmpfs", "/data/tmpfs/file", "/data/same", "/data/same/file", "/disk/other"] {
        run.untouched(path);
    }
}

#[test]
fn closed_directories_of_others_are_handed_over_without_dac_override() {
    let run = volume(
        (0, 0),
        |base| {
            base.owned("/disk/data/closed", Kind::Directory, (2000, 2000), 0o700)
                .owned("/disk/data/closed/in", Kind::Directory, (2000, 2000), 0o700)
                .owned("/disk/data/closed/in/file", file(), (2000, 2000), 0o600)
                .owned("/disk/data/users", Kind::Directory, (1001, 1001), 0o700)
                .owned("/disk/data/users/roots", file(), (0, 0), 0o600)
        },
        true,
    );
    run.owns("/data/closed", 1001, 1001, 0o700);
    run.owns("/data/closed/in", 1001, 1001, 0o700);
    run.owns("/data/closed/in/file", 1001, 1001, 0o600);
    run.owns("/data/users", 1001, 1001, 0o700);
    run.owns("/data/users/roots", 1001, 1001, 0o600);
}

#[test]
fn a_tree_that_is_too_deep_is_skipped_with_a_warning() {
    let base = sandbox().tmpfs("/disk").node("/disk/data", Kind::Directory);
    let deep = "/disk/data".to_owned() + &"/d".repeat(210);
    let run =
        base.node(&deep, Kind::Directory).node("/data", Kind::Bind("/disk/data".into())).config(configured(true)).run();
    run.app().is_dropped_to(1001, 1001, "1001");
    run.owns("/data/d", 1001, 1001, 0o777);
    run.check(run.stderr().contains("200 levels"), "a warning about what is left unchanged");
}

#[test]
fn failed_walk_gives_back_directories_that_root_took_over() {
    let mut base = sandbox().tmpfs("/disk").owned("/disk/data", Kind::Directory, (1001, 44), 0o700);
    let path = |levels| "/disk/data".to_owned() + &"/d".repeat(levels);
    for levels in 1..60 {
        base = base.owned(&path(levels), Kind::Directory, (1001, 1001), 0o700);
    }
    let base = base.node("/data", Kind::Bind("/disk/data".into())).config(configured(true));
    let base = base.limit(libc::RLIMIT_NOFILE, 48);
    // Without setfsuid(2), root takes directories over to read them.
    let answer = Answer::Errno(libc::ENOSYS);
    let rule = Fault { child: false, call: libc::SYS_setfsuid, arguments: Vec::new(), nth: None, answer };
    let taken_over = base.clone().with(|spec| {
        spec.faults = Some(Faults { record: false, rules: vec![rule], frozen: None });
    });
    for sandbox in [base, taken_over] {
        let run = sandbox.run();
        run.refused_late(71, &["/data", "EMFILE"]);
        run.owns("/data", 1001, 44, 0o700);
        for levels in 1..60 {
            run.owns(&path(levels), 1001, 1001, 0o700);
        }
    }
}

#[test]
fn a_volume_that_is_not_a_mount_point_is_refused() {
    sandbox()
        .node("/data", Kind::Directory)
        .config(configured(false))
        .run()
        .refused(78, &["/data is not a mount point", "--volume"]);
    sandbox().config(configured(true)).run().refused(78, &["/data does not exist", "--volume"]);
    sandbox()
        .tmpfs("/real")
        .node("/data", Kind::Symlink("/real".into()))
        .config(configured(true))
        .run()
        .refused(78, &["symbolic link", "/real"]);
}

/// Another user's directory on the machine, which no user namespace of the tests maps, with a file in it.
struct Unmapped(PathBuf);

impl Unmapped {
    fn new(mode: u32) -> Unmapped {
        let path = std::env::temp_dir().join(format!("stepdown-unmapped-{mode}-{}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        std::fs::write(path.join("file"), "x").unwrap();
        Unmapped(path)
    }
}

impl Drop for Unmapped {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A boot in which the kernel refuses a change of owner: each, or the one of this number.
fn unchangeable(mode: u32, nth: Option<usize>) -> Run {
    sandbox()
        .tmpfs("/disk")
        .owned("/disk/data", Kind::Directory, (0, 0), mode)
        .owned("/disk/data/in", Kind::Directory, (0, 0), 0o755)
        .owned("/disk/data/in/file", file(), (0, 0), 0o600)
        .node("/data", Kind::Bind("/disk/data".into()))
        .config(configured(true))
        .with(|spec| {
            let rule = Fault {
                child: false,
                call: libc::SYS_fchownat,
                arguments: Vec::new(),
                nth,
                answer: Answer::Errno(libc::EIO),
            };
            spec.faults = Some(Faults { rules: vec![rule], ..Faults::default() });
        })
        .run()
}

#[test]
fn a_refused_change_of_owner_names_the_entry() {
    unchangeable(0o755, None).refused_late(71, &["cannot hand over /data/in/file: fchownat", "EIO"]);
    // The volume accepts a new owner, so the entry is an error, although the user could write to the volume.
    let run = unchangeable(0o777, Some(1));
    run.refused_late(71, &["cannot hand over /data/in: fchownat", "EIO"]);
    run.owns("/data", 0, 0, 0o777);
}

#[test]
fn a_volume_whose_owner_cannot_be_changed_is_accepted_if_the_user_can_write_to_it() {
    let outside = Unmapped::new(0o777);
    for config in [configured(false), configured(true), ALWAYS.into()] {
        let run = sandbox().node("/data", Kind::HostBind(outside.0.clone())).config(config).run();
        run.app().is_dropped_to(1001, 1001, "1001");
        run.unchanged();
        run.check(run.stderr().contains("EPERM); uid 1001 can write to it as it is"), "a warning");
    }
    unchangeable(0o777, None).app().is_dropped_to(1001, 1001, "1001");
}

#[test]
fn a_change_of_owner_that_is_only_claimed_is_accepted_on_the_same_terms() {
    for (mode, accepted) in [(0o777, true), (0o755, false)] {
        let run = sandbox()
            .tmpfs("/disk")
            .owned("/disk/data", Kind::Directory, (0, 0), mode)
            .node("/data", Kind::Bind("/disk/data".into()))
            .config(configured(false))
            .answer(libc::SYS_fchownat, &[], 0)
            .run();
        if accepted {
            run.app().is_dropped_to(1001, 1001, "1001");
        } else {
            run.refused_late(71, &["hand-over of /data not proved: it belongs to 0:0 instead of 1001:1001"]);
        }
    }
}

#[test]
fn a_volume_of_an_owner_outside_of_the_user_namespace_is_explained() {
    let outside = Unmapped::new(0o755);
    for recursive in [false, true] {
        let run = sandbox().node("/data", Kind::HostBind(outside.0.clone())).config(configured(recursive)).run();
        let record = run.refused_late(71, &["/data", "EPERM", ":U", "outside this user namespace"]);
        assert!(!record.contains("SETUID"), "{record}");
        run.unchanged();
    }
}

#[test]
fn top_of_the_users_is_still_theirs_after_a_walk() {
    for mode in [0o700, 0o300, 0o000] {
        let base = sandbox()
            .tmpfs("/disk")
            .owned("/disk/data", Kind::Directory, (1001, 1001), mode)
            .owned("/disk/data/file", file(), (0, 0), 0o600)
            .node("/data", Kind::Bind("/disk/data".into()));
        let run = base.config("[[volume]]\npath = '/data'\nrecursive = 'always'\n").run();
        run.owns("/data", 1001, 1001, mode);
        let owner = if mode & 0o500 == 0o500 { 1001 } else { 0 };
        run.owns("/data/file", owner, owner, 0o600);
        // Without write permission the app is not started.
        run.check(run.started() == (mode != 0), "a start");
    }
    let run = sandbox()
        .owned("/cache", Kind::Tmpfs, (1001, 1001), 0o700)
        .config("[[tmpfs]]\npath = '/cache'\nmode = '0700'\nrecursive = true\n")
        .run();
    run.owns("/cache", 1001, 1001, 0o700);
    run.app().is_dropped_to(1001, 1001, "1001");
}

/// A walk of a large volume takes longer than the engine waits before it sends SIGKILL.
#[test]
fn stop_during_a_walk_ends_the_boot() {
    let mut base = sandbox().tmpfs("/disk").owned("/disk/data", Kind::Directory, (2000, 2000), 0o700);
    for number in 0..300 {
        base = base.owned(&format!("/disk/data/{number}"), file(), (0, 0), 0o600);
    }
    let base = base.node("/data", Kind::Bind("/disk/data".into())).config(configured(true));
    let run = base.stopped_by(&[libc::SIGTERM]).run();
    run.refused_late(143, &["stopped by signal 15 while a volume was handed over"]);
    run.owns("/data", 2000, 2000, 0o700);
}
