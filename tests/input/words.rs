//! Unusual arguments and environments.

use crate::support::cases;
use crate::support::sandbox::{Sandbox, sandbox};

const ROLES: &str = "[roles.web]\ncommand = ['witness', 'web']\n";

#[test]
fn without_any_argument_there_is_no_command() {
    let none = |base: Sandbox| base.with(|spec| spec.argv.clear());
    none(sandbox()).run().refused(78, &["no command to run", "CMD"]);
    let run = none(sandbox().config(ROLES)).env("ROLE=web").run();
    assert_eq!(run.app().all("argv"), ["witness", "web"]);
    sandbox()
        .with(|spec| spec.argv = vec![b"".to_vec(), b"witness".to_vec()])
        .run()
        .app()
        .is_dropped_to(1001, 1001, "1001");
    sandbox()
        .with(|spec| spec.argv = vec![b"\xff".to_vec(), b"--nonsense".to_vec()])
        .run()
        .refused(64, &["--nonsense"]);
    cases("names of its own", 4);
}

#[test]
fn without_any_variable_it_boots() {
    let bare = |base: Sandbox| base.with(|spec| spec.env.clear());
    let app = bare(sandbox()).run().app();
    assert_eq!(app.all("env"), ["HOME=/home/app", "USER=app", "LOGNAME=app"]);
    bare(sandbox().config(ROLES)).words::<&str>([]).run().refused(78, &["ROLE is unset"]);
    let both = sandbox().with(|spec| (spec.env, spec.argv) = (Vec::new(), Vec::new()));
    both.run().refused(78, &["no command to run"]);
    cases("no environment", 3);
}

#[test]
fn ten_thousand_variables_pass_through() {
    let many = |base: Sandbox| {
        base.with(|spec| spec.env.extend((0..10_000).map(|number| format!("V{number}={number}").into_bytes())))
    };
    let text = "[env]\nV5000 = '${V9999}'\nNEW = '${V0}'\n";
    let run = many(sandbox()).config(text).run();
    let app = run.app();
    assert_eq!((app.all("env").len(), app.variable("V5000"), app.variable("NEW")), (10_006, "9999", "0"));
    run.check(run.outcome.took_ms < 5000, "that it takes moments");
    // Duplicates of one name are passed on; duplicates of the variables that configure /init are refused.
    let same = |name: &str| {
        sandbox().with(|spec| spec.env.extend((0..10_000).map(|number| format!("{name}={number}").into_bytes())))
    };
    assert_eq!(same("DUP").run().app().all("env").iter().filter(|entry| entry.starts_with("DUP=")).count(), 10_000);
    same("BOOT_CHECK_ONLY").run().refused(64, &["BOOT_CHECK_ONLY is set 10000 times"]);
    same("ROLE").config(ROLES).words::<&str>([]).run().refused(78, &["ROLE is set 10000 times"]);
    cases("ten thousand variables", 4);
}

#[test]
fn malformed_environment_entries_pass_through_and_are_ignored() {
    let odd: [&[u8]; 10] =
        [b"", b"=", b"==", b"NOVALUE", b"=ROLE=web", b"ROLE", b"BOOT_CHECK_ONLY", b"\xff\xfe=\x80", b"A B=C", b"\n=\n"];
    let handed = odd.iter().fold(sandbox(), |base, entry| base.env(entry));
    let app = handed.clone().run().app();
    let entries = app.all("env");
    for entry in odd {
        let shown = entry.escape_ascii().to_string();
        assert!(entries.contains(&shown.as_str()), "{shown:?} is not passed on: {entries:?}");
    }
    handed.config(ROLES).words::<&str>([]).run().refused(78, &["ROLE is unset"]);
    cases("odd entries", odd.len() + 1);
}

#[test]
fn non_utf8_values_are_passed_on_or_named() {
    let bytes =
        |entry: &[u8]| sandbox().config("[env]\nCOPY = '${V}'\n").env(entry).run().app().variable("COPY").to_owned();
    assert_eq!(bytes(b"V=\xff\xfe"), "\\xff\\xfe");
    assert_eq!(bytes(b"V=$(id) ${HOME} `id`"), "$(id) ${HOME} `id`");
    assert_eq!(bytes(b"V=a\nb"), "a\\nb");
    sandbox()
        .config(ROLES)
        .words::<&str>([])
        .env(b"ROLE=\xff\n\x1b[31m")
        .run()
        .refused(78, &["unknown role '\u{fffd}\\n\\u{1b}[31m'"]);
    sandbox().env(b"BOOT_CHECK_ONLY=\xff").run().refused(64, &["BOOT_CHECK_ONLY is '\u{fffd}'"]);
    sandbox()
        .config("[[directory]]\npath = '${V}'\n")
        .env(b"V=/a\xff/../b")
        .run()
        .refused(78, &["/etc/init.toml:2:8", "not a plain path"]);
    cases("values that are no text", 6);
}

#[test]
fn very_long_arguments_pass_through_or_are_refused() {
    let long = |length: usize| vec![b'x'; length];
    // The kernel's own limit of one string is 128 KiB, its NUL included.
    let app = sandbox().words([b"witness".to_vec(), long((128 << 10) - 1)]).run().app();
    assert_eq!(app.all("argv")[1].len(), (128 << 10) - 1);
    let many: Vec<Vec<u8>> =
        std::iter::once(b"witness".to_vec()).chain((0..20_000).map(|_| b"word".to_vec())).collect();
    assert_eq!(sandbox().words(many).run().app().all("argv").len(), 20_001);
    for (words, code, what) in [
        (vec![long(100_000)], 127, "not found"),
        (vec![b"--user".to_vec(), long(100_000), b"witness".to_vec()], 78, "--user: 'xxx"),
        (vec![b"--role".to_vec(), long(100_000)], 78, "--role xxx"),
        (vec![b"--config".to_vec(), long(100_000), b"witness".to_vec()], 78, "ENAMETOOLONG"),
        (vec![b"--tmpfs".to_vec(), [&b"/"[..], &long(100_000)].concat(), b"witness".to_vec()], 71, "ENAMETOOLONG"),
        (vec![[&b"--"[..], &long(100_000)].concat()], 64, "--xxx"),
    ] {
        let record = sandbox().words(words).run().refused(code, &[what]);
        assert!(record.chars().count() < 4096, "a record of {} characters", record.chars().count());
    }
    // What the step before it made longer than the kernel takes.
    let grown = sandbox().config("[env]\nBIG = '${V}${V}'\n").env([&b"V="[..], &long(100_000)].concat());
    grown.run().refused_late(126, &["E2BIG): BIG has 200004 bytes, and Linux takes 131071", "pass less"]);
    cases("long arguments", 9);
}
