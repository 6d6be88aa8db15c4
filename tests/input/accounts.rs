//! Broken, huge and endless `/etc/passwd` and `/etc/group`.

use crate::support::cases;
use crate::support::protocol::{Content, Kind};
use crate::support::sandbox::{Sandbox, sandbox};

fn passwd(text: impl Into<Vec<u8>>) -> Sandbox {
    sandbox().file("/etc/passwd", text).words(["--user", "app", "witness"])
}

#[test]
fn a_malformed_account_line_grants_nothing() {
    let lines: [&[u8]; 16] = [
        b"app",
        b"app:",
        b"app:x",
        b"app:x:",
        b"app:x:1001",
        b"app:x:1001:",
        b"app:x::1001::/:",
        b"app:x:-1:1001::/:",
        b"app:x:+5:1001::/:",
        b"app:x:0x3e9:1001::/:",
        b"app:x:4294967295:1001::/:",
        b"app:x:4294967296:1001::/:",
        b"app:x:1001:4294967295::/:",
        b" app:x:1001:1001::/:",
        b"app\0:x:1001:1001::/:",
        b"\xff\xfeapp:x:1001:1001::/:",
    ];
    for line in lines {
        // A valid line of another user behind it is not used instead.
        passwd([line, b"\nweb:x:1002:1002::/:\n"].concat()).run().refused(78, &["'app'", "/etc/passwd"]);
    }
    for root in ["app:x:0:1001::/:", "app:x:00:1001::/:", "app:x:0:1001::/:\napp:x:1001:1001::/:"] {
        passwd(root).run().refused(78, &["'app' is root (uid 0)"]);
    }
    cases("broken lines", lines.len() + 3);
}

#[test]
fn malformed_lines_beside_a_valid_one_are_ignored() {
    let good = "app:x:1001:1001:,,,:/home/app:/bin/sh";
    for text in [
        format!("{good}\n"),
        good.to_owned(),
        format!("\n\n#\n+::::::\n-@netgroup\n::::\n{good}\n"),
        format!("\0\0\0\n{good}\n\0"),
        format!("{}\n{good}\n", "x".repeat(1 << 20)),
        format!("{}\n{good}\n", ":".repeat(1 << 20)),
        format!("{good}\napp:x:1002:1002::/other:\n"),
        "nobody:x:65534:65534::/:\n".repeat(20_000) + good,
    ] {
        let run = passwd(text).run();
        run.app().is_dropped_to(1001, 1001, "29 44 1001");
        assert_eq!(run.app().variable("HOME"), "/home/app");
        run.check(run.outcome.took_ms < 5000, "that it takes moments");
    }
    let latin = [&b"gecos:x:5:5:Andr\xe9:/:\n"[..], good.as_bytes()].concat();
    passwd(latin).run().app().is_dropped_to(1001, 1001, "29 44 1001");
    cases("odd lines", 9);
}

#[test]
fn a_group_is_a_whole_name_in_a_whole_line() {
    let groups = |text: &str| {
        let run = sandbox().file("/etc/group", text).words(["--user", "app", "witness"]).run();
        run.app().value("Groups").to_owned()
    };
    assert_eq!(groups("video:x:44:app,app,app\nvideo:x:45:app\n"), "44 45 1001");
    assert_eq!(groups("a:x:50:application\nb:x:51: app\nc:x:52:,,\nd:x:-1:app\ne:x:4294967295:app\nf:x:53"), "1001");
    assert_eq!(groups(&format!("big:x:60:{}app\n", "someone,".repeat(100_000))), "60 1001");
    // Thousands, and more than the user namespace maps.
    let many = |count: u32| (2000..2000 + count).map(|gid| format!("g{gid}:x:{gid}:app\n")).collect::<String>();
    assert_eq!(groups(&many(5000)).split(' ').count(), 5001);
    sandbox()
        .file("/etc/group", many(65_537))
        .words(["--user", "app", "witness"])
        .run()
        .refused(78, &["group 65536 does not exist", "/proc/self/gid_map"]);
    cases("groups", 5);
}

#[test]
fn endless_account_files_are_refused() {
    for path in ["/etc/passwd", "/etc/group"] {
        let named = |base: Sandbox| base.words(["--user", "app", "witness"]).limit(libc::RLIMIT_AS, 128 << 20);
        named(sandbox().node(path, Kind::Symlink("/dev/zero".into()))).run().refused(78, &[path, "EFBIG", "16 MiB"]);
        named(sandbox().file_mode(path, Content::Repeat(b'\n', (16 << 20) + 1), 0o644))
            .run()
            .refused(78, &[path, "EFBIG"]);
    }
    cases("files without end", 4);
}
