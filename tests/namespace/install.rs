//! How `/init` is installed: it refuses to run with set-user-ID, set-group-ID or file capabilities, and without a real
//! `/proc`.

use crate::support::capability::{FOUR, SETUID};
use crate::support::protocol::{Content, Kind, Node};
use crate::support::run::Run;
use crate::support::sandbox::{Sandbox, node, sandbox};

/// `/init` installed in this way, started by root and by other users.
fn installed(owner: (u32, u32), mode: u32, capabilities: Option<(u64, bool)>) -> [Run; 3] {
    let init = Node { owner, mode: Some(mode), capabilities, ..node("/init", Kind::File(Content::Init)) };
    let base = sandbox().with(|spec| spec.tree.push(init));
    [
        base.run(),
        base.clone().user(1001, 1001, 0).with(|spec| spec.start.bounding = FOUR).run(),
        base.user(2000, 2000, FOUR).run(),
    ]
}

#[test]
fn installed_set_user_id_it_refuses_to_run() {
    for (owner, mode) in [((0, 0), 0o4755), ((1001, 1001), 0o4755), ((0, 0), 0o6755), ((0, 0), 0o4711)] {
        for run in installed(owner, mode, None) {
            run.refused(77, &["refusing to run /init", "chmod 0711 /init"]);
        }
    }
}

#[test]
fn installed_set_group_id_it_refuses_to_run() {
    for owner in [(0, 0), (0, 1001)] {
        for run in installed(owner, 0o2755, None) {
            run.refused(77, &["refusing to run /init", "chmod 0711 /init"]);
        }
    }
}

#[test]
fn installed_with_file_capabilities_it_refuses_to_run() {
    for capabilities in [(FOUR, true), (SETUID, false), (FOUR, false)] {
        for run in installed((0, 0), 0o755, Some(capabilities)) {
            run.refused(77, &["refusing to run /init", "file capabilities", "setcap -r"]);
        }
    }
}

#[test]
fn installed_with_plain_modes_it_runs() {
    for (owner, mode) in [((0, 0), 0o755), ((0, 0), 0o555), ((0, 1001), 0o711), ((0, 0), 0o1755)] {
        for run in installed(owner, mode, None) {
            run.app().is("NoNewPrivs", "1");
        }
    }
}

/// The app could write there what root runs at the next start. A start as the user gives it nothing.
#[test]
fn installed_by_another_user_it_refuses_to_run_as_root() {
    for (owner, mode) in
        [((1001, 1001), 0o755), ((2000, 0), 0o711), ((0, 0), 0o775), ((0, 1001), 0o731), ((0, 0), 0o757)]
    {
        let [as_root, as_user, as_other] = installed(owner, mode, None);
        as_root.refused(
            77,
            &["refusing to run /init: others than root could have written it", "fix: ", "chown 0:0 /init"],
        );
        as_user.app().is("NoNewPrivs", "1");
        as_other.app().is("NoNewPrivs", "1");
    }
}

fn without_proc(sandbox: Sandbox) -> Run {
    sandbox.with(|spec| spec.proc_mounted = false).run()
}

#[test]
fn without_proc_the_drop_cannot_be_proved() {
    without_proc(sandbox()).refused(77, &["/proc", "ENOENT", "mount /proc"]);
    without_proc(sandbox().user(1001, 1001, FOUR)).refused(77, &["/proc", "mount /proc"]);
}

// CVE-2019-19921, CVE-2019-16884: a fake /proc with the expected content.
#[test]
fn a_fake_proc_is_refused() {
    let status = "Uid:\t0 0 0 0\nGid:\t0 0 0 0\nGroups:\t\nThreads:\t1\n\
        CapInh:\t0\nCapPrm:\t1c1\nCapEff:\t1c1\nCapBnd:\t1c1\nCapAmb:\t0\nNoNewPrivs:\t1\n";
    let fake = sandbox().node("/proc/self", Kind::Directory).file("/proc/self/status", status);
    without_proc(fake).refused(
        77,
        &["/proc/self/status is not on a proc file system", "fix: mount /proc in the container without masking"],
    );
    without_proc(sandbox().tmpfs("/proc")).refused(77, &["/proc"]);
}
