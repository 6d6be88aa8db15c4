//! What a person writes who comes from other tools. Each fix is followed, until the app boots.

use crate::fixes::{boots, fix};
use crate::support::protocol::{Content, Kind};
use crate::support::sandbox::{Sandbox, sandbox};

fn role(command: &str) -> Sandbox {
    let config = format!("[role]\ndefault = 'web'\n[roles.web]\ncommand = {command}\n");
    sandbox().config(config).words::<&str>([])
}

#[test]
fn a_program_whose_work_init_does_is_left_out() {
    let expected = "leave it and its options out: /init sets the user; supervise = true reaps";
    for command in [
        "['gosu', 'app', 'witness']",
        "['/usr/local/bin/su-exec', 'app', 'witness']",
        "['tini', '--', 'witness']",
        "['dumb-init', 'witness']",
    ] {
        fix(&role(command).run(), 127, expected);
    }
    boots(&role("['witness']"));
    // One that is in the image runs.
    boots(&role("['tini']").file_mode("/usr/bin/tini", Content::Witness, 0o755));
}

#[test]
fn an_option_without_its_dashes_is_named() {
    for word in ["check", "health", "help", "plan", "render", "schema", "version"] {
        fix(&sandbox().words([word]).run(), 127, &format!("write --{word}"));
    }
    for extent in ["full", "init"] {
        fix(&sandbox().words([extent]).run(), 127, INSTALL);
        let run = sandbox().words(["--check", extent]).run();
        run.check(run.stderr().contains(&format!("; fix: write --check={extent}\n")), "the option");
    }
    // The command of a role is no option.
    fix(&role("['plan']").run(), 127, INSTALL);
    boots(&sandbox().words(["plan"]).file_mode("/usr/bin/plan", Content::Witness, 0o755));
}

const INSTALL: &str = "install it in the image, correct PATH, or give its whole path";

#[test]
fn an_empty_program_is_not_a_directory() {
    role("['${APP:-}']").run().refused(78, &["the command expands to no program", "set the variable"]);
    boots(&role("['${APP:-}']").env("APP=witness"));
}

/// A configuration file of the user's own that nobody writes to needs no hand-over.
#[test]
fn a_file_that_the_user_made_unwritable_is_no_warning_of_the_check() {
    let config = |mode: &str| {
        format!(
            "home = '/cache'\n[[tmpfs]]\npath = '/cache'\n[[file]]\npath = '/cache/app.conf'\ntemplate = '/etc/t'\n\
             mode = '{mode}'\n[boot_check]\nsettle = '100ms'\n"
        )
    };
    let boot = |mode| sandbox().tmpfs("/cache").file("/etc/t", "x").config(config(mode)).env("BOOT_CHECK_ONLY=init");
    let warned = |boot: Sandbox| boot.run().stdout().contains("holds what uid 1001 cannot write to");
    for mode in ["0440", "0400", "0644"] {
        assert!(!warned(boot(mode)), "{mode}");
    }
    assert!(warned(boot("0440").owned("/cache/old", Kind::File(Content::Bytes(Vec::new())), (0, 0), 0o644)));
}

#[test]
fn files_restored_as_root_in_a_volume_of_the_users_are_a_warning_of_the_check() {
    let boot = |recursive: &str| {
        sandbox()
            .owned("/data", Kind::Tmpfs, (1001, 1001), 0o755)
            .config(format!("home = '/data'\n[[volume]]\npath = '/data'\nrecursive = {recursive}\n"))
            .env("BOOT_CHECK_ONLY=init")
    };
    let restored = |boot: Sandbox| boot.owned("/data/db", Kind::File(Content::Bytes(Vec::new())), (0, 0), 0o644);
    let expected = "warn  volume /data: holds what uid 1001 cannot write to: db; \
                    fix: set recursive = \"always\" in its [[volume]]\n";
    let is_warned = |boot: Sandbox| {
        let run = boot.run();
        run.check(run.outcome.code == Some(0), "a passed check");
        run.stdout().contains(expected)
    };
    for recursive in ["false", "true"] {
        assert!(is_warned(restored(boot(recursive))), "{recursive}");
        assert!(!is_warned(boot(recursive).owned("/data/lost+found", Kind::Directory, (0, 0), 0o700)), "{recursive}");
    }
    assert!(!is_warned(restored(boot("'always'"))));
    // As another user, nothing is handed over.
    assert!(!is_warned(restored(boot("true")).user(1001, 1001, 0).with(|spec| spec.start.no_new_privs = true)));
}
