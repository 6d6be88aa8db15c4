//! Kernels and filters that lack a system call, refuse one, or report false success.

use libc::{EINVAL, ENOSYS, EPERM};

use crate::support::capability::{FOUR, NET_BIND_SERVICE};
use crate::support::protocol::Kind;
use crate::support::sandbox::{Sandbox, sandbox};

const TMPFS: &str = "[[tmpfs]]\npath = '/cache'\nmode = '0750'\n";

fn busy() -> Sandbox {
    sandbox()
        .tmpfs("/cache")
        .config(TMPFS)
        .with(|spec| spec.start.descriptors = vec![(5, "/etc/group".into()), (77, ".".into())])
}

/// Without the newer calls: Linux before 5.6, and filters older than them.
fn old(sandbox: Sandbox, errno: i32) -> Sandbox {
    [libc::SYS_openat2, libc::SYS_close_range, libc::SYS_statx, libc::SYS_faccessat2]
        .into_iter()
        .fold(sandbox, |sandbox, call| sandbox.answer(call, &[], errno))
}

#[test]
fn a_kernel_without_the_newer_calls_boots() {
    for errno in [ENOSYS, EPERM] {
        let run = old(busy(), errno).run();
        let app = run.app();
        app.is_dropped_to(1001, 1001, "1001");
        assert_eq!(app.all("fd").len(), 3);
        run.owns("/cache", 1001, 1001, 0o750);
    }
}

#[test]
fn each_of_the_newer_calls_alone_can_be_missing() {
    for call in [libc::SYS_openat2, libc::SYS_close_range, libc::SYS_statx] {
        for errno in [ENOSYS, EPERM] {
            let run = busy().answer(call, &[], errno).run();
            assert_eq!(run.app().all("fd").len(), 3);
            run.owns("/cache", 1001, 1001, 0o750);
        }
    }
    // Linux 5.9 and 5.10 have close_range without its flag.
    assert_eq!(busy().answer(libc::SYS_close_range, &[], EINVAL).run().app().all("fd").len(), 3);
}

#[test]
fn declared_descriptors_are_passed_on_without_close_range() {
    let passing = busy().with(|spec| spec.start.descriptors = vec![(3, "/etc/group".into()), (4, "/etc/group".into())]);
    let app = passing.env("LISTEN_FDS=1").env("LISTEN_PID=1").answer(libc::SYS_close_range, &[], ENOSYS).run().app();
    assert_eq!(app.all("fd").len(), 4);
}

#[test]
fn links_and_plain_directories_are_refused_without_the_newer_calls_too() {
    for errno in [ENOSYS, EPERM] {
        let run =
            old(sandbox().tmpfs("/target").node("/cache", Kind::Symlink("/target".into())).config(TMPFS), errno).run();
        run.refused(78, &["/cache has a symbolic link in it"]);
        let run = old(
            sandbox()
                .tmpfs("/run/cache")
                .node("/var", Kind::Symlink("/run".into()))
                .config(TMPFS.replace("/cache", "/var/cache")),
            errno,
        )
        .run();
        run.refused(78, &["/var/cache has a symbolic link in it"]);
        let run = old(sandbox().node("/cache", Kind::Directory).config(TMPFS), errno).run();
        run.refused(78, &["not the mount point itself"]);
        old(sandbox().config(TMPFS), errno).run().refused(78, &["does not exist"]);
    }
}

#[test]
fn walk_stays_within_its_mount_without_newer_calls() {
    let run = old(
        sandbox()
            .tmpfs("/disk")
            .node("/disk/data", Kind::Directory)
            .node("/disk/data/in", Kind::Directory)
            .node("/disk/other", Kind::Directory)
            .node("/data", Kind::Bind("/disk/data".into()))
            .node("/data/same", Kind::Bind("/disk/other".into()))
            .config("[[volume]]\npath = '/data'\nrecursive = true\n"),
        ENOSYS,
    )
    .run();
    run.app().is_dropped_to(1001, 1001, "1001");
    run.owns("/data/in", 1001, 1001, 0o755);
    run.untouched("/disk/other");
}

#[test]
fn writability_is_checked_without_newer_calls() {
    for errno in [ENOSYS, EPERM] {
        let start = |owner, mode| {
            old(sandbox().user(1001, 1001, 0).owned("/cache", Kind::Tmpfs, owner, mode).config(TMPFS), errno).run()
        };
        start((1001, 1001), 0o755).app().is_dropped_to(1001, 1001, "1001");
        start((0, 0), 0o755).refused(78, &["/cache is not writable", "EACCES"]);
    }
}

const PR_CAPBSET_DROP: u32 = 24;
const PR_SET_SECUREBITS: u32 = 28;
const PR_SET_NO_NEW_PRIVS: u32 = 38;
const PR_CAP_AMBIENT: u32 = 47;

/// Every system call of the drop from root.
const DROP: [(i64, &[u32]); 8] = [
    (libc::SYS_setgroups, &[]),
    (libc::SYS_setresgid, &[]),
    (libc::SYS_setresuid, &[]),
    (libc::SYS_capset, &[]),
    (libc::SYS_prctl, &[PR_CAPBSET_DROP]),
    (libc::SYS_prctl, &[PR_SET_SECUREBITS]),
    (libc::SYS_prctl, &[PR_SET_NO_NEW_PRIVS]),
    (libc::SYS_prctl, &[PR_CAP_AMBIENT]),
];

// The unchecked result of setuid, as in sendmail in 2000 and many programs since.
#[test]
fn a_step_of_the_drop_that_fails_ends_the_boot() {
    for (call, arguments) in DROP {
        for errno in [EPERM, ENOSYS, libc::EINVAL] {
            busy().answer(call, arguments, errno).run().refused_late(77, &["cannot drop privilege"]);
        }
    }
}

#[test]
fn a_step_of_the_drop_that_reports_false_success_ends_the_boot() {
    for (call, arguments) in DROP {
        busy().answer(call, arguments, 0).run().refused_late(77, &["drop not proved"]);
    }
}

#[test]
fn one_capability_left_in_the_bounding_set_ends_the_boot() {
    for (number, name) in [(0, "CHOWN"), (6, "SETGID"), (8, "SETPCAP")] {
        for start in [busy(), sandbox().user(1001, 1001, FOUR)] {
            start
                .answer(libc::SYS_prctl, &[PR_CAPBSET_DROP, number], 0)
                .run()
                .refused_late(77, &["drop not proved", "the bounding set", name]);
        }
    }
}

#[test]
fn id_changes_that_report_false_success_end_the_boot() {
    busy()
        .answer(libc::SYS_setresuid, &[1001], 0)
        .run()
        .refused_late(77, &["drop not proved", "uid is 0 instead of 1001"]);
    busy()
        .answer(libc::SYS_setresgid, &[1001], 0)
        .run()
        .refused_late(77, &["drop not proved", "gid is 0 instead of 1001"]);
    let two = busy().config("groups = ['44']");
    two.answer(libc::SYS_setgroups, &[2], 0)
        .run()
        .refused_late(77, &["drop not proved", "supplementary groups are [0, 1, 4]"]);
}

#[test]
fn several_steps_that_report_false_success_end_the_boot() {
    let all = DROP.into_iter().fold(busy(), |sandbox, (call, arguments)| sandbox.answer(call, arguments, 0));
    all.run().refused_late(77, &["drop not proved"]);
}

#[test]
fn a_non_root_start_is_proved_in_the_same_way() {
    for (call, arguments) in DROP.into_iter().skip(3) {
        let start = sandbox().user(1001, 1001, FOUR);
        start.clone().answer(call, arguments, 0).run().refused_late(77, &["drop not proved"]);
        start.answer(call, arguments, EPERM).run().refused_late(77, &["cannot drop privilege"]);
    }
}

#[test]
fn kept_capabilities_are_proved_in_the_same_way() {
    for (call, arguments) in DROP {
        let keeping =
            sandbox().capabilities(FOUR | NET_BIND_SERVICE).config("keep_capabilities = ['NET_BIND_SERVICE']");
        // A later step may fail because an earlier one was not done.
        keeping.answer(call, arguments, 0).run().refused_late(77, &["drop"]);
    }
}

#[test]
fn a_drop_that_cannot_be_read_back_ends_the_boot() {
    for call in [libc::SYS_getresuid, libc::SYS_getresgid, libc::SYS_getgroups, libc::SYS_capget] {
        for errno in [EPERM, ENOSYS] {
            busy().answer(call, &[], errno).run().refused_late(77, &["drop not proved", "cannot read back"]);
        }
        // An answer that leaves the caller's memory as it was.
        busy().answer(call, &[], 0).run().refused_late(77, &["drop not proved"]);
    }
}

#[test]
fn a_hand_over_that_reports_false_success_ends_the_boot() {
    busy().answer(libc::SYS_fchownat, &[], 0).run().refused_late(71, &["hand-over of /cache not proved"]);
    busy().answer(libc::SYS_fchmod, &[], 0).run().refused_late(71, &["hand-over of /cache not proved", "mode"]);
    busy()
        .answer(libc::SYS_fchownat, &[], EPERM)
        .run()
        .refused_late(71, &["cannot hand over /cache", "fchownat", "EPERM"]);
    busy().answer(libc::SYS_fchmod, &[], EPERM).run().refused_late(71, &["cannot hand over /cache", "EPERM"]);
}

#[test]
fn failing_signal_calls_end_the_boot() {
    busy().answer(libc::SYS_rt_sigprocmask, &[], EPERM).run().refused(71, &["rt_sigprocmask", "seccomp"]);
    busy().answer(libc::SYS_rt_sigpending, &[], EPERM).run().refused_late(71, &["rt_sigpending"]);
}
