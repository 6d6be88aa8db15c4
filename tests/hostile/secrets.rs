//! Secret files that an earlier app could have changed: root reads a file as root only if nobody else can write it,
//! and any other file as the user.

use crate::support::capability::{DAC_OVERRIDE, FOUR};
use crate::support::cases;
use crate::support::protocol::{Content, Kind};
use crate::support::run::Run;
use crate::support::sandbox::{Sandbox, sandbox};

fn value() -> Kind {
    Kind::File(Content::Bytes(b"v4lue\n".into()))
}

/// As root with permission to read every file, which is more than the four required capabilities allow.
fn base() -> Sandbox {
    sandbox()
        .with(|spec| spec.read_only = false)
        .capabilities(FOUR | DAC_OVERRIDE)
        .owned("/mine", Kind::Directory, (1001, 1001), 0o755)
        .owned("/safe", Kind::Directory, (0, 0), 0o755)
        .owned("/shared", Kind::Directory, (0, 0), 0o1777)
        .owned("/etc/shadow", value(), (0, 0), 0o600)
        .config("[secrets]\nTOKEN = '/run/none'\n")
}

fn named(base: &Sandbox, path: &str) -> Run {
    base.clone().env(format!("TOKEN_FILE={path}")).run()
}

fn is_read(run: &Run) {
    run.app().is_dropped_to(1001, 1001, "1001");
    assert_eq!(run.app().variable("TOKEN"), "v4lue", "{}", run.shown());
}

#[test]
fn secret_that_only_the_user_may_read_is_read() {
    for (path, owner, mode) in [
        ("/safe/own", (1001, 1001), 0o400),
        ("/mine/own", (1001, 1001), 0o600),
        ("/safe/groups", (2000, 1001), 0o440),
        ("/safe/hosts", (2000, 2000), 0o644),
        ("/shared/everyones", (0, 0), 0o644),
        ("/safe/roots", (0, 0), 0o400),
    ] {
        for capabilities in [FOUR, FOUR | DAC_OVERRIDE] {
            let base = base().capabilities(capabilities).owned(path, value(), owner, mode);
            is_read(&named(&base, path));
        }
    }
    cases("secrets that are read", 12);
}

#[test]
fn secret_that_others_can_write_and_the_user_cannot_read_is_refused() {
    let base = base()
        .node("/mine/link", Kind::Symlink("/etc/shadow".into()))
        .node("/shared/link", Kind::Symlink("/etc/shadow".into()))
        .node("/mine/hard", Kind::HardLink("/etc/shadow".into()))
        .owned("/safe/others", value(), (2000, 2000), 0o600)
        .owned("/safe/group", value(), (2000, 4), 0o640)
        .owned("/shared/roots", value(), (0, 0), 0o600);
    let places = [
        "/mine/link",
        "/shared/link",
        "/mine/hard",
        "/safe/others",
        "/safe/group",
        "/shared/roots",
        "/mine/../etc/shadow",
    ];
    for place in places {
        let run = named(&base, place);
        run.refused(78, &["secret TOKEN from ", "uid 1001 cannot read it: open: Permission denied (EACCES)"]);
        run.check(!run.stderr().contains("v4lue"), "that the value is not printed");
    }
    cases("secrets that are refused", places.len());
}

#[test]
fn root_identity_is_restored_after_reading_a_secret() {
    let base = base().owned("/safe/own", value(), (1001, 1001), 0o400).owned("/etc/late", value(), (0, 0), 0o600);
    let config =
        "[secrets]\nA = '/safe/own'\nB = '/etc/late'\n[[root_step]]\nname = 'x'\ncommand = ['/bin/witness', 'aside']\n";
    let run = base.config(config).run();
    run.app().is_dropped_to(1001, 1001, "1001");
    assert_eq!((run.app().variable("A"), run.app().variable("B")), ("v4lue", "v4lue"));
    for line in ["Uid: 0 0 0 0", "Gid: 0 0 0 0", "Groups: 0 1 4"] {
        run.check(run.stderr().contains(&format!("init: step: x: {line}\n")), line);
    }
}

/// Every place of a configuration that an expansion can reach. Most fail there, so that a message is about it.
const PRINTED: [&str; 28] = [
    "[[volume]]\npath = '/none/${PW}'",
    "[[directory]]\npath = '/proc/${PW}'",
    "[[directory]]\npath = '/data/${PW}'",
    "[[directory]]\npath = '${PW}'",
    "[[file]]\npath = '/data/${PW}/x'\ntemplate = '/etc/passwd'",
    "[[file]]\npath = '/data/x'\ntemplate = '/none/${PW}'",
    "[[file]]\npath = '/data/x'\ntemplate = '/etc/passwd'\nwhen_exists = '/none/${PW}'",
    "[[step]]\nname = 'x'\ncommand = ['${PW}']",
    "[[step]]\nname = 'x'\ncommand = ['/none/${PW}']",
    "[[step]]\nname = 'x'\ncommand = ['/bin/witness', 'aside']\nwhen_exists = '/none/${PW}'",
    "[[step]]\nname = 'x'\ncommand = ['/bin/witness', 'aside']\ntimeout = '${PW}'",
    "[[step]]\nname = 'x'\nwait = { tcp = '${PW}.invalid:9' }\ntimeout = '1s'",
    "[[step]]\nname = 'x'\nwait = { tcp = '${PW}' }\ntimeout = '1s'",
    "[[step]]\nname = 'x'\nwait = { http = 'http://127.0.0.1:9/${PW}' }\ntimeout = '1s'",
    "[[step]]\nname = 'x'\nwait = { http = 'http://h/', unix = '/none/${PW}' }\ntimeout = '1s'",
    "[[step]]\nname = 'x'\nwait = { file = '/none/${PW}' }\ntimeout = '1s'",
    "[[step]]\nname = 'x'\nwait = { exec = ['/none/${PW}'] }\ntimeout = '1s'",
    "[[step]]\nname = 'x'\nwait = { exec = ['/bin/witness', 'exit=1', '${PW}'] }\ntimeout = '1s'",
    "[[root_step]]\nname = 'x'\ncommand = ['/bin/${PW}']",
    "[[root_step]]\nname = 'x'\ncommand = ['/bin/witness', '/data/${PW}/../..', '/shared/${PW}']",
    "[[root_step]]\nname = 'x'\ncommand = ['/bin/witness', 'aside']\nenv = { A = '/shared/${PW}' }",
    "[seal]\nwrites = true\nalso = ['/none/${PW}']",
    "[roles.web]\ncommand = ['${PW}']",
    "[roles.web]\ncommand = ['/bin/witness', 'exit=1', '${PW}']\nhealth = { exec = ['/none/${PW}'] }",
    "[roles.web]\ncommand = ['/bin/witness']\nhealth = { file = '/none/${PW}' }",
    "[roles.web]\ncommand = ['/bin/witness']\nhealth = { tcp = '${PW}.invalid:9', timeout = '1s' }",
    "[roles.web]\ncommand = ['/bin/witness']\nenv = { HOME = '/home/${PW}' }",
    "[roles.web]\ncommand = ['/bin/witness']\n[boot_check]\ntimeout = '1s'\nsettle = '100ms'",
];

#[test]
fn value_of_a_secret_is_printed_nowhere() {
    const VALUE: &str = "hunter2 \"s3cret\"";
    let base = sandbox()
        .tmpfs("/data")
        .owned("/shared", Kind::Directory, (0, 0), 0o1777)
        .owned(&format!("/shared/{VALUE}"), Kind::Directory, (0, 0), 0o755)
        .owned("/run/pw", Kind::File(Content::Bytes(VALUE.into())), (0, 0), 0o600)
        .env("INIT_LOG=trace");
    let mut runs = 0;
    for keys in PRINTED {
        let roles = if keys.contains("[roles.") { "" } else { "\n[roles.web]\ncommand = ['/bin/witness']" };
        let umask = if keys.starts_with("[seal]") { "umask = '${PW}'\n" } else { "" };
        let config = format!("{umask}[secrets]\nPW = '/run/pw'\n[[tmpfs]]\npath = '/data'\n{keys}{roles}\n");
        for words in [&[][..], &["--check"], &["--check", "--json"], &["--plan"], &["--plan", "--json"], &["--health"]]
        {
            let words = [&["--role", "web"], words].concat();
            let run = base.clone().config(config.as_str()).words(words).run();
            let printed = [run.stdout(), run.stderr()].concat();
            // The app prints its own environment and arguments.
            let mut ours = printed.lines().filter(|line| !line.starts_with("env: ") && !line.starts_with("argv: "));
            run.check(ours.all(|line| !line.contains("hunter2")), "no value of a secret");
            runs += 1;
        }
    }
    cases("places and actions that print no secret", runs);
}
