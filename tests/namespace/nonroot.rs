//! Non-root starts: nothing is handed over and no id changes, but the proof is the same.

use crate::support::capability::{CHOWN, FOUR, NET_BIND_SERVICE, SETGID, SETUID};
use crate::support::protocol::Kind;
use crate::support::sandbox::sandbox;

const TMPFS: &str = "[[tmpfs]]\npath = '/cache'\n";

// CVE-2022-24769, CVE-2022-27649, CVE-2022-29162: all five sets full, as an engine's --user with --cap-add leaves them.
#[test]
fn five_full_sets_are_emptied() {
    for no_new_privs in [false, true] {
        let run = sandbox().user(1001, 1001, FOUR).with(|spec| spec.start.no_new_privs = no_new_privs).run();
        let app = run.app();
        app.is_dropped_to(1001, 1001, "1001");
        app.is("securebits", "0xef");
        run.unchanged();
    }
}

#[test]
fn five_full_sets_without_setpcap_are_emptied_except_the_bounding_set() {
    let app = sandbox().user(1001, 1001, CHOWN | SETUID | SETGID).run().app();
    assert_eq!(app.sets(), [0, 0, 0, CHOWN | SETUID | SETGID, 0]);
    app.is("NoNewPrivs", "1");
    app.is("Uid", "1001 1001 1001 1001");
}

#[test]
fn a_start_without_capabilities_ends_without_capabilities() {
    let app = sandbox().user(1001, 1001, 0).run().app();
    app.is_dropped_to(1001, 1001, "1001");
}

#[test]
fn a_bounding_set_that_only_setpcap_could_empty_is_accepted() {
    let app = sandbox().user(1001, 1001, 0).with(|spec| spec.start.bounding = FOUR).run().app();
    assert_eq!(app.sets(), [0, 0, 0, FOUR, 0]);
    app.is("NoNewPrivs", "1");
}

#[test]
fn an_arbitrary_uid_with_gid_0_is_kept() {
    for capabilities in [0, FOUR] {
        let app = sandbox().user(54321, 0, capabilities).run().app();
        app.is_dropped_to(54321, 0, "0");
        assert_eq!((app.variable("HOME"), app.variable("USER")), ("/", "54321"));
    }
}

#[test]
fn a_non_root_start_keeps_its_groups() {
    let app = sandbox().user(54321, 0, FOUR).with(|spec| spec.start.groups = vec![0, 4, 1000]).run().app();
    app.is_dropped_to(54321, 0, "0 4 1000");
    sandbox().user(1001, 1001, 0).with(|spec| spec.start.groups = vec![]).run().app().is_dropped_to(1001, 1001, "");
}

#[test]
fn the_configured_user_does_not_replace_a_non_root_start() {
    sandbox().user(1500, 1500, FOUR).config("user = 'app'").run().app().is_dropped_to(1500, 1500, "1500");
}

#[test]
fn a_capability_to_keep_is_kept() {
    let keep = sandbox().config("keep_capabilities = ['NET_BIND_SERVICE']");
    let app = keep.clone().user(1001, 1001, FOUR | NET_BIND_SERVICE).run().app();
    assert_eq!(app.sets(), [NET_BIND_SERVICE; 5]);
    app.is("securebits", "0xef");
    let app = keep.user(1001, 1001, NET_BIND_SERVICE).run().app();
    assert_eq!(app.sets(), [NET_BIND_SERVICE; 5]);
}

#[test]
fn writable_tmpfs_of_any_owner_is_accepted() {
    for (owner, mode) in [((1001, 1001), 0o755), ((0, 0), 0o1777), ((0, 1001), 0o775)] {
        let run = sandbox().user(1001, 1001, 0).owned("/cache", Kind::Tmpfs, owner, mode).config(TMPFS).run();
        run.app().is_dropped_to(1001, 1001, "1001");
        run.unchanged();
    }
}

#[test]
fn mode_of_a_tmpfs_is_set_by_its_owner_or_reported() {
    let start = |owner, mode| {
        let config = "[[tmpfs]]\npath = '/cache'\nmode = '0700'\n";
        let run = sandbox().user(1001, 1001, 0).owned("/cache", Kind::Tmpfs, owner, mode).config(config).run();
        run.app().is_dropped_to(1001, 1001, "1001");
        run
    };
    let run = start((1001, 1001), 0o755);
    run.owns("/cache", 1001, 1001, 0o700);
    run.check(!run.stderr().contains("keeps mode"), "no message about a mode that was set");
    let run = start((0, 0), 0o1777);
    run.unchanged();
    run.check(
        run.stderr().contains("/cache keeps mode 1777 instead of 0700: it belongs to uid 0"),
        "a message about the mode",
    );
}

#[test]
fn a_tmpfs_that_is_not_writable_is_refused() {
    for capabilities in [0, FOUR] {
        let run = sandbox().user(1001, 1001, capabilities).tmpfs("/cache").config(TMPFS).run();
        run.refused(78, &["/cache is not writable to uid 1001", "EACCES", "uid 1001"]);
    }
}

#[test]
fn a_surface_on_the_read_only_root_or_absent_is_refused() {
    let run = sandbox().user(1001, 1001, 0).owned("/cache", Kind::Directory, (1001, 1001), 0o755).config(TMPFS).run();
    run.refused(78, &["/cache is not writable to uid 1001", "EROFS", "--tmpfs /cache"]);
    sandbox().user(1001, 1001, 0).config("[[volume]]\npath = '/data'\n").run().refused(78, &["/data", "ENOENT"]);
}

#[test]
fn root_steps_are_not_skipped() {
    let step = "[[root_step]]\nname = 'egress firewall'\ncommand = ['witness']\ncapabilities = ['NET_ADMIN']\n";
    sandbox().user(1001, 1001, FOUR).config(step).run().refused(78, &["root", "step"]);
}

#[test]
fn an_invalid_configured_user_is_refused_as_in_a_root_start() {
    for user in ["root", "0", "-1", "bogus", "4294967295"] {
        sandbox().user(1001, 1001, FOUR).config(format!("user = '{user}'")).run().refused(78, &[&format!("'{user}'")]);
    }
}

#[test]
fn directories_are_made() {
    let run = sandbox()
        .user(1001, 1001, 0)
        .owned("/cache", Kind::Tmpfs, (1001, 1001), 0o755)
        .config("[[directory]]\npath = '/cache/a/b'\nmode = '0700'\n")
        .run();
    run.app().is_dropped_to(1001, 1001, "1001");
    run.owns("/cache/a/b", 1001, 1001, 0o700);
}

#[test]
fn the_app_sees_the_signals_and_streams_of_the_engine() {
    let app = sandbox()
        .user(1001, 1001, FOUR)
        .with(|spec| (spec.start.blocked, spec.start.ignored) = (0x8000_4001_0000_4001, 0x1000))
        .run()
        .app();
    app.is("SigBlk", "8000400100004001");
    app.is("SigIgn", "0000000000001000");
}
