//! The drop from root, as the app sees it: ids, groups, the five sets, `no_new_privs`.

use crate::fixes::fix;
use crate::support::capability::{DAC_OVERRIDE, FOUR, NET_BIND_SERVICE, NET_RAW};
use crate::support::sandbox::sandbox;

#[test]
fn the_app_is_the_default_user_with_nothing_left() {
    let run = sandbox().run();
    let app = run.app();
    app.is_dropped_to(1001, 1001, "1001");
    app.is("securebits", "0xef");
    app.is("Pid", "1");
    run.unchanged();
}

#[test]
fn the_app_is_dropped_under_no_new_privileges_from_the_start() {
    let app = sandbox().with(|spec| spec.start.no_new_privs = true).run().app();
    app.is_dropped_to(1001, 1001, "1001");
    app.is("securebits", "0xef");
}

#[test]
fn the_app_is_dropped_below_another_init() {
    let app = sandbox().with(|spec| spec.pid_one = false).run().app();
    app.is_dropped_to(1001, 1001, "1001");
    app.is("Pid", "2");
}

#[test]
fn the_app_is_dropped_on_a_writable_root() {
    let run = sandbox().with(|spec| spec.read_only = false).run();
    run.app().is_dropped_to(1001, 1001, "1001");
    run.unchanged();
}

#[test]
fn capabilities_beyond_the_four_are_dropped_with_them() {
    let all = (1 << 41) - 1;
    for bounding in [FOUR | DAC_OVERRIDE | NET_RAW, all] {
        sandbox().capabilities(bounding).run().app().is_dropped_to(1001, 1001, "1001");
    }
}

// CVE-2022-24769, CVE-2022-27649, CVE-2022-29162: capabilities that an engine left inheritable or ambient.
#[test]
fn inheritable_and_ambient_capabilities_of_root_are_cleared() {
    let app = sandbox().with(|spec| spec.start.ambient = FOUR).run().app();
    app.is_dropped_to(1001, 1001, "1001");
    app.is("securebits", "0xef");
}

#[test]
fn securebits_that_are_locked_with_other_values_are_named() {
    const NO_AMBIENT_RAISE_LOCKED: u32 = 0x80;
    let locked = |bits| sandbox().with(|spec| spec.start.securebits = bits);
    // At 0: NOROOT, NO_SETUID_FIXUP, and the bit of the ambient set.
    for bits in [0x02, 0x08, NO_AMBIENT_RAISE_LOCKED] {
        fix(&locked(bits).run(), 77, "start it without locked securebits (setpriv, capsh, SecureBits= of systemd)");
    }
    // The locks of /init itself.
    locked(0xec).run().app().is("securebits", "0xef");
    let filtered = sandbox().answer(libc::SYS_prctl, &[28], libc::EPERM).run();
    fix(&filtered, 77, "add --cap-add=SETPCAP, or let the seccomp profile allow the call");
}

// CVE-2022-2989, CVE-2022-2990, CVE-2022-2995, CVE-2022-36109: groups of root kept, or the primary group not in the
// list.
#[test]
fn the_supplementary_groups_are_exactly_the_users() {
    for groups in [vec![0, 1, 4], vec![], vec![0], (1..=40).collect(), vec![1001], vec![1001, 0]] {
        sandbox().with(|spec| spec.start.groups = groups).run().app().is_dropped_to(1001, 1001, "1001");
    }
}

#[test]
fn a_user_by_name_has_the_groups_of_the_image() {
    sandbox().words(["--user", "app", "witness"]).run().app().is_dropped_to(1001, 1001, "29 44 1001");
    sandbox().words(["--user", "web", "witness"]).run().app().is_dropped_to(1002, 2002, "29 2002");
    sandbox().words(["--user", "app:video", "witness"]).run().app().is_dropped_to(1001, 44, "29 44");
}

#[test]
fn a_user_by_number_has_only_the_groups_that_are_configured() {
    sandbox().words(["--user", "1002", "witness"]).run().app().is_dropped_to(1002, 2002, "2002");
    sandbox().words(["--user", "3000", "witness"]).run().app().is_dropped_to(3000, 3000, "3000");
    sandbox().words(["--user", "3000:0", "witness"]).run().app().is_dropped_to(3000, 0, "0");
    sandbox().config("groups = ['video', '29', '44']").run().app().is_dropped_to(1001, 1001, "29 44 1001");
    sandbox().config("user = 'app'\ngroups = []").run().app().is_dropped_to(1001, 1001, "1001");
}

#[test]
fn the_user_option_overrides_the_configured_user() {
    sandbox()
        .config("user = 'app'")
        .words(["-u", "2000:2001", "witness"])
        .run()
        .app()
        .is_dropped_to(2000, 2001, "2001");
}

#[test]
fn the_highest_mapped_id_is_a_valid_user() {
    sandbox().words(["--user", "65535:65535", "witness"]).run().app().is_dropped_to(65535, 65535, "65535");
}

#[test]
fn a_kept_capability_is_the_only_one_in_all_five_sets() {
    for name in ["NET_BIND_SERVICE", "CAP_NET_BIND_SERVICE", "net_bind_service"] {
        let app = sandbox()
            .config(format!("keep_capabilities = ['{name}']"))
            .capabilities(FOUR | NET_BIND_SERVICE | NET_RAW)
            .run()
            .app();
        assert_eq!(app.sets(), [NET_BIND_SERVICE; 5]);
        app.is("Uid", "1001 1001 1001 1001");
        app.is("Groups", "1001");
        app.is("NoNewPrivs", "1");
        app.is("securebits", "0xef");
    }
}

#[test]
fn two_capabilities_can_be_kept() {
    let app = sandbox()
        .config("keep_capabilities = ['NET_BIND_SERVICE', 'NET_RAW']")
        .capabilities(FOUR | NET_BIND_SERVICE | NET_RAW)
        .run()
        .app();
    assert_eq!(app.sets(), [NET_BIND_SERVICE | NET_RAW; 5]);
}

#[test]
fn missing_kept_capability_is_reported() {
    let keep = sandbox().config("keep_capabilities = ['NET_BIND_SERVICE']");
    keep.run().refused(77, &["missing capability NET_BIND_SERVICE", "--cap-add=NET_BIND_SERVICE"]);
    keep.user(1001, 1001, FOUR).run().refused(77, &["NET_BIND_SERVICE", "--cap-add=NET_BIND_SERVICE"]);
}

#[test]
fn a_capability_that_undoes_the_drop_cannot_be_kept() {
    for name in ["SETUID", "SETGID", "SETPCAP", "CAP_SETUID"] {
        sandbox().config(format!("keep_capabilities = ['{name}']")).run().refused(78, &[name, "/etc/init.toml:1:22"]);
    }
    sandbox()
        .config("keep_capabilities = ['NET_BIND_SERVICES']")
        .run()
        .refused(78, &["NET_BIND_SERVICES", "/etc/init.toml:1:22"]);
}

#[test]
fn an_empty_configuration_equals_a_missing_one() {
    sandbox().config("").run().app().is_dropped_to(1001, 1001, "1001");
}
