//! Refusals before any change: capabilities, users, roles, variables. Every file is unchanged.

use crate::support::capability::{CHOWN, FOUR, SETGID, SETPCAP, SETUID};
use crate::support::protocol::{Content, Kind};
use crate::support::sandbox::{Sandbox, sandbox};

const ROLES: &str =
    "[roles.web]\ncommand = ['witness', 'web']\n[roles.worker]\ncommand = ['witness', 'worker']\n[roles.bare]\n";

/// A boot with a surface to hand over, so that a late refusal is visible.
fn busy() -> Sandbox {
    sandbox().tmpfs("/cache").config("[[tmpfs]]\npath = '/cache'\nmode = '0700'\n")
}

/// The same with roles.
fn roles() -> Sandbox {
    busy().config(format!("[[tmpfs]]\npath = '/cache'\nmode = '0700'\n{ROLES}"))
}

// sendmail and capabilities of 2000, and every ignored result of setuid since.
#[test]
fn each_missing_capability_is_reported_with_its_flag() {
    for (bit, name) in [(CHOWN, "CHOWN"), (SETUID, "SETUID"), (SETGID, "SETGID"), (SETPCAP, "SETPCAP")] {
        for no_new_privs in [false, true] {
            let run = busy().capabilities(FOUR & !bit).with(|spec| spec.start.no_new_privs = no_new_privs).run();
            let record =
                run.refused(77, &[&format!("missing capability {name} "), &format!("fix: add --cap-add={name}")]);
            let others = ["CHOWN", "SETUID", "SETGID", "SETPCAP"].into_iter().filter(|other| *other != name);
            others.for_each(|other| assert!(!record.contains(&format!("--cap-add={other}")), "{record}"));
        }
    }
}

#[test]
fn all_missing_capabilities_are_reported_at_once() {
    let all = ["CHOWN", "SETUID", "SETGID", "SETPCAP"].map(|name| format!("--cap-add={name}"));
    busy().capabilities(0).run().refused(77, &all.each_ref().map(String::as_str));
}

// CVE-2019-14287 (-1 and 4294967295 became root), and su-exec, which treats an unknown name as root.
#[test]
fn root_or_an_invalid_user_is_refused() {
    let users = [
        "0",
        "00",
        "root",
        "toor",
        "0:1001",
        "root:app",
        "-1",
        "4294967295",
        "4294967296",
        "18446744073709551616",
        "+1001",
        "bogus",
        "0day",
        "",
        " ",
        ":",
        "1001:",
        ":1001",
        "1001:bogus",
        "1001:-1",
        "1001:4294967295",
        "app:",
        "1001:1001:1001",
        "minus",
        "max",
        "0x3e9",
        "1001 ",
        "1e3",
        "APP",
        "app\n",
        "*",
    ];
    for user in users {
        let run = busy().words(["--user", user, "witness"]).run();
        run.refused(78, &["--user: '"]);
    }
}

#[test]
fn a_configured_user_is_refused_with_its_place() {
    for user in ["0", "root", "toor", "-1", "4294967295", "+1001", "bogus", "", "1001:"] {
        busy()
            .config(format!("# who\nuser = '{user}'\n"))
            .run()
            .refused(78, &[&format!("/etc/init.toml:2:8: '{user}'"), "/etc/passwd"]);
    }
    busy().config("groups = ['video', 'bogus']").run().refused(78, &["/etc/init.toml:1:20: 'bogus'", "/etc/group"]);
    busy().config("groups = ['-1']").run().refused(78, &["'-1'"]);
}

#[test]
fn a_user_of_a_malformed_passwd_line_is_refused() {
    let accounts = sandbox().file("/etc/passwd", "app\napp:x:\napp:x:0x10:5::/:\n:x:5:5::/:\n");
    accounts.words(["--user", "app", "witness"]).run().refused(78, &["'app'"]);
    sandbox().file("/etc/passwd", "").words(["--user", "app", "witness"]).run().refused(78, &["'app'"]);
}

#[test]
fn unreadable_account_files_are_reported() {
    for (file, user) in [("/etc/passwd", "1001:1001"), ("/etc/group", "1001:app")] {
        let busy = || busy().words(["--user", user, "witness"]);
        busy().node(file, Kind::Symlink("/etc".into())).run().refused(78, &[&format!("cannot read {file}"), "EISDIR"]);
        busy()
            .owned(file, Kind::File(Content::Bytes(Vec::new())), (2000, 2000), 0o600)
            .run()
            .refused(78, &[&format!("cannot read {file}"), "EACCES"]);
    }
    // An image without names to look up may lack both files, and the group file is only read for group names.
    for file in ["/etc/passwd", "/etc/group"] {
        busy().node(file, Kind::Symlink("/nowhere".into())).run().app().is_dropped_to(1001, 1001, "1001");
    }
    busy().node("/etc/group", Kind::Symlink("/etc".into())).run().app().is_dropped_to(1001, 1001, "1001");
}

#[test]
fn a_namespace_that_denies_setgroups_is_explained() {
    let denied = sandbox().with(|spec| (spec.deny_setgroups, spec.start.groups) = (true, vec![]));
    denied.run().refused_late(77, &["setgroups", "EPERM", "sub-gids"]);
}

#[test]
fn the_selected_role_is_started() {
    for (run, role) in [
        (roles().words::<&str>([]).env("ROLE=web").run(), "web"),
        (roles().words(["--role", "worker"]).env("ROLE=web").run(), "worker"),
        (roles().words(["-r", "bare", "witness", "bare"]).run(), "bare"),
        (
            busy()
                .config(format!("[role]\nenv = 'KIND'\ndefault = 'web'\n{ROLES}"))
                .words::<&str>([])
                .env("ROLE=worker")
                .run(),
            "web",
        ),
        (busy().config(format!("[role]\nenv = 'KIND'\n{ROLES}")).words::<&str>([]).env("KIND=worker").run(), "worker"),
    ] {
        let app = run.app();
        assert_eq!(app.all("argv"), ["witness", role]);
        app.is_dropped_to(1001, 1001, "1001");
    }
}

#[test]
fn a_given_command_overrides_the_roles() {
    assert_eq!(roles().words(["witness", "mine"]).env("ROLE=web").run().app().all("argv"), ["witness", "mine"]);
    assert_eq!(roles().words(["witness", "mine"]).run().app().all("argv"), ["witness", "mine"]);
}

#[test]
fn an_unknown_role_is_refused_with_the_known_ones() {
    let known = "bare, web, worker";
    let none = roles().words::<&str>([]);
    none.clone().env("ROLE=beat").run().refused(78, &["unknown role 'beat'", known, "ROLE"]);
    none.clone().env("ROLE=").run().refused(78, &["empty", known]);
    for value in ["web ", "web\r", "\"web\""] {
        let run = none.clone().env(format!("ROLE={value}")).run();
        run.refused(78, &["unknown role '", known, "without quotes, blanks and carriage returns around it"]);
    }
    none.clone().env("ROLE=WEB").run().refused(78, &["unknown role 'WEB'"]);
    none.clone().env(b"ROLE=\xff").run().refused(78, &["unknown role"]);
    none.clone().env("ROLE=a\ninit: info: all is well").run().refused(78, &["unknown role 'a\\ninit"]);
    none.clone().run().refused(78, &["no role is selected", "ROLE is unset", known]);
    none.clone()
        .words(["--role", "beat"])
        .run()
        .refused(78, &["unknown role 'beat' from --role", "set --role to one of"]);
    // A command does not excuse a mistyped role.
    none.words(["witness"]).env("ROLE=beat").run().refused(78, &["unknown role 'beat'"]);
}

#[test]
fn a_role_variable_that_is_set_twice_is_refused() {
    for second in ["ROLE=worker", "ROLE=web"] {
        roles()
            .words::<&str>([])
            .env("ROLE=web")
            .env(second)
            .run()
            .refused(78, &["ROLE is set 2 times", "web, worker"]);
    }
}

#[test]
fn a_role_without_a_command_needs_one() {
    roles().words::<&str>([]).env("ROLE=bare").run().refused(78, &["the role 'bare' has none", "command"]);
    busy().words::<&str>([]).run().refused(78, &["no command to run", "CMD"]);
    sandbox().words(["--role", "web", "witness"]).run().refused(78, &["--role web", "no roles"]);
}

#[test]
fn a_required_variable_that_is_missing_is_refused_with_its_hint() {
    let text = "[[require]]\nenv = 'KEY'\nunless = { REQUIRE_KEY = '0' }\n\
        hint = 'Add it to the env file.'\n[[require]]\nenv = 'OTHER'\nwhen = { X = '1' }\n";
    let requiring = busy().config(text);
    requiring.run().refused(78, &["required variable KEY is unset or empty", "fix: Add it to the env file."]);
    requiring.clone().env("KEY=").run().refused(78, &["KEY"]);
    requiring.clone().env("KEY=x").env("X=1").run().refused(78, &["OTHER", "--env OTHER="]);
    requiring.clone().env("KEY=x").run().app().is_dropped_to(1001, 1001, "1001");
    requiring.env("REQUIRE_KEY=0").run().app().is_dropped_to(1001, 1001, "1001");
}

#[test]
fn an_expansion_without_a_value_is_refused() {
    let text = |word: &str| format!("[role]\ndefault = 'web'\n[roles.web]\ncommand = ['witness', '{word}']\n");
    let of = |word: &str| busy().config(text(word)).words::<&str>([]).run();
    of("${NOPE}").refused(78, &["${NOPE} is unset", "/etc/init.toml:4:23", "--env NOPE="]);
    of("${NOPE:?tell me}").refused(78, &["NOPE is unset: tell me"]);
    of("$HOME").refused(78, &["not an expansion", "$$"]);
    assert_eq!(of("${NOPE:-8000}$$").app().all("argv"), ["witness", "8000$"]);
}

#[test]
fn an_invalid_boot_check_value_never_starts_the_app() {
    for value in ["true", "yes", "2", "on", " ", "00", "no", "false", "full", "1 ", "INIT"] {
        busy().env(format!("BOOT_CHECK_ONLY={value}")).run().refused(64, &[&format!("BOOT_CHECK_ONLY is '{value}'")]);
    }
    busy().env("BOOT_CHECK_ONLY=0").env("BOOT_CHECK_ONLY=1").run().refused(64, &["BOOT_CHECK_ONLY"]);
    for value in ["", "0"] {
        busy().env(format!("BOOT_CHECK_ONLY={value}")).run().app().is_dropped_to(1001, 1001, "1001");
    }
}

#[test]
fn a_boot_check_of_init_alone_starts_no_app() {
    let run =
        busy().config("home = '/cache'\n[[tmpfs]]\npath = '/cache'\nmode = '0700'\n").env("BOOT_CHECK_ONLY=init").run();
    run.check(!run.started() && run.outcome.code == Some(0), "a check that passes without the app");
    run.owns("/cache", 1001, 1001, 0o700);
}

#[test]
fn an_invalid_log_level_is_refused() {
    for value in ["nonsense", "INFO", "0", "info,x=debug", "warning"] {
        busy()
            .env(format!("INIT_LOG={value}"))
            .run()
            .refused(64, &[&format!("INIT_LOG is '{value}'"), "error, warn, info, debug or trace"]);
    }
    busy().env("INIT_LOG=info").env("INIT_LOG=debug").run().refused(64, &["INIT_LOG is set"]);
}

#[test]
fn init_log_sets_the_log_level_and_rust_log_does_not() {
    let quiet = busy().env("INIT_LOG=error").env("RUST_LOG=trace").run();
    quiet.app().is_dropped_to(1001, 1001, "1001");
    quiet.check(quiet.stderr().is_empty(), "nothing on standard error");
    let usual = busy().env("INIT_LOG=").run();
    usual.check(
        usual.stderr().lines().count() == 1 && usual.stderr().starts_with("init: info: /bin/witness as 1001:1001"),
        "one line on standard error",
    );
    let loud = busy().env("INIT_LOG=debug").run();
    loud.check(loud.stderr().contains("init: debug: /cache belongs to 1001:1001"), "debug lines");
    busy().capabilities(0).env("INIT_LOG=error").run().refused(77, &[]);
}

#[test]
fn the_app_sees_the_value_that_a_condition_judged() {
    let boot = |config: &str, entries: &[&str]| {
        entries.iter().fold(sandbox().config(config), |base, entry| base.env(entry)).run()
    };
    let values = |config: &str, entries: &[&str]| {
        let app = boot(config, entries).app();
        app.all("env").into_iter().filter(|entry| entry.starts_with("V=")).map(str::to_owned).collect::<Vec<_>>()
    };
    let refuse = "[[refuse]]\nenv = 'V'\nvalue = '2'\n";
    assert_eq!(values(refuse, &["V=1", "V=2"]), ["V=1"]);
    boot(refuse, &["V=2", "V=1"]).refused(78, &["refuses a start with V '2'"]);
    let require = "[[require]]\nenv = 'V'\n";
    assert_eq!(values(require, &["V=1", "V="]), ["V=1"]);
    boot(require, &["V=", "V=1"]).refused(78, &["required variable V is unset or empty"]);
    let step = |key: &str| format!("[[step]]\nname = 'x'\ncommand = ['witness', 'aside']\n{key} = {{ V = '1' }}\n");
    for (key, runs) in [("when", true), ("unless", false)] {
        assert_eq!(values(&step(key), &["V=1", "V=2"]), ["V=1"]);
        let run = boot(&step(key), &["V=1", "V=2"]);
        run.check(run.stderr().contains("step: x: env: V=1") == runs, "the step by the first value");
    }
    assert_eq!(values("", &["V=1", "V=2"]), ["V=1", "V=2"]);
}
