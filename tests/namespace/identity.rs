//! The app's identity: a user from the environment, the engine's groups, ids that the user namespace does not map.

use crate::support::capability::FOUR;
use crate::support::sandbox::{Sandbox, sandbox};

const FROM_ENVIRONMENT: &str = "user = '${PUID:-1001}:${PGID:-1001}'\n";

/// A boot with a root step and a surface, so that a late refusal is visible.
fn with_root_step(config: &str) -> Sandbox {
    sandbox()
        .tmpfs("/cache")
        .config(format!("{config}\n[[tmpfs]]\npath = '/cache'\n[[root_step]]\nname = 'mark'\ncommand = ['witness']\n"))
}

#[test]
fn user_and_group_come_from_the_environment() {
    let base = || sandbox().config(FROM_ENVIRONMENT);
    base().run().app().is_dropped_to(1001, 1001, "1001");
    base().env("PUID=1500").run().app().is_dropped_to(1500, 1001, "1001");
    base().env("PUID=1500").env("PGID=1600").run().app().is_dropped_to(1500, 1600, "1600");
    base().env("PUID=app").run().app().is_dropped_to(1001, 1001, "29 44 1001");
    base().env("PUID=").env("PGID=").run().app().is_dropped_to(1001, 1001, "1001");
}

#[test]
fn an_expanded_user_is_validated_like_a_literal_one() {
    let base = || with_root_step(FROM_ENVIRONMENT);
    for id in ["0", "00", "-1", "+1", "0day", "4294967295", "4294967296", "root", "1001:1001", " 1001", "bogus", "$UID"]
    {
        base().env(format!("PUID={id}")).run().refused(78, &["/etc/init.toml:1:8: '", id]);
    }
    for group in ["-1", "+1", "bogus", "4294967295", "1001:0"] {
        base().env(format!("PGID={group}")).run().refused(78, &["/etc/init.toml:1:8: '1001:"]);
    }
    let unset = with_root_step("user = '${PUID}'").run().refused(78, &["/etc/init.toml:1:8: ${PUID} is unset"]);
    assert!(unset.contains("PUID:-default"), "{unset}");
    with_root_step("user = '${PUID}'").env("PUID=").run().refused(78, &["'' names no user"]);
}

#[test]
fn an_unmapped_id_is_refused_before_a_root_step_and_in_the_plan() {
    for (config, id, file) in [
        ("user = '70000:1001'", "uid 70000", "/proc/self/uid_map"),
        ("user = '1001:70000'", "gid 70000", "/proc/self/gid_map"),
        ("user = '4294967294'", "uid 4294967294", "/proc/self/uid_map"),
        ("groups = ['70000']", "group 70000", "/proc/self/gid_map"),
    ] {
        let run = with_root_step(config).run();
        let record = run.refused(78, &["/etc/init.toml:1:", id, "does not exist in this user namespace", file]);
        assert!(!run.stderr().contains("step mark") && record.contains("0-65535"), "{}", run.shown());
        with_root_step(config).words(["--plan"]).run().refused(78, &[id, file]);
    }
    // A kernel or a seccomp filter without the calls that try the ids.
    for errno in [libc::ENOSYS, libc::EPERM] {
        for call in [libc::SYS_setfsuid, libc::SYS_setfsgid] {
            let without = |config| with_root_step(config).answer(call, &[], errno);
            without("user = '70000:1001'").run().refused(78, &["uid 70000", "/proc/self/uid_map"]);
            without("user = '1001:1002'").run().app().is_dropped_to(1001, 1002, "1002");
        }
    }
    let option = sandbox().words(["--user", "70000", "witness"]).run();
    option.refused(78, &["--user: uid 70000", "choose an id that /proc/self/uid_map maps"]);
}

#[test]
fn the_engines_groups_are_kept_on_request() {
    let started = |groups: &[u32]| sandbox().with(|spec| spec.start.groups = groups.to_vec());
    for (config, groups) in [("groups = 'engine'\n", "44 1001"), ("", "1001"), ("groups = ['44']", "44 1001")] {
        let run = started(&[0, 44]).config(config).run();
        run.app().is_dropped_to(1001, 1001, groups);
        let told = run.stderr().matches("engine's groups 44").count();
        assert_eq!(told, usize::from(config.is_empty()), "{}", run.shown());
    }
    // Root's own groups of the image are no operator's choice.
    let images = || started(&[0, 1, 44]).file("/etc/group", "root:x:0:\nbin:x:1:root,bin\nvideo:x:44:\n");
    images().config("groups = 'engine'").run().app().is_dropped_to(1001, 1001, "44 1001");
    let run = images().run();
    assert!(run.stderr().contains("engine's groups 44;"), "{}", run.shown());
    let plan = images().words(["--plan", "witness"]).run();
    assert!(plan.stdout().contains("note          the app does not get the engine's groups 44"), "{}", plan.shown());
}

#[test]
fn a_non_root_start_keeps_its_groups_and_logs_none() {
    let run = sandbox().user(1001, 1001, FOUR).with(|spec| spec.start.groups = vec![44, 1001]).run();
    run.app().is_dropped_to(1001, 1001, "44 1001");
    assert!(!run.stderr().contains("engine's groups"), "{}", run.shown());
}
