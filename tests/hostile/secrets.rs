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
