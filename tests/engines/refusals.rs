//! Refusals: each has its exit code, one record with the cause and the fix, and starts no app.

use crate::expect::refusal;
use crate::row::{BOTH, FOUR, Row, USUAL, refused};

/// The user to be, as `/init --user` gets it, and what the record says of it.
const BAD_USERS: [(&str, &str); 12] = [
    ("0", "'0' is root (uid 0)"),
    ("root", "'root' is root (uid 0)"),
    ("-1", "'-1' is no user id"),
    ("4294967295", "'4294967295' is no user id"),
    ("4294967296", "'4294967296' is no user id"),
    ("+1001", "'+1001' is no user id"),
    ("", "'' names no user"),
    ("bogus", "'bogus' is not a user of the image's /etc/passwd"),
    ("0day", "'0day' is not a user of the image's /etc/passwd"),
    ("1001:", "'1001:' names no known group"),
    (":1001", "':1001' names no user"),
    ("1001:bogus", "'1001:bogus' names no known group"),
];

pub fn rows() -> Vec<Row> {
    let mut rows = capabilities();
    rows.extend(BAD_USERS.map(|(user, said)| {
        Row::new(format!("/init --user '{user}'"), BOTH, move |scene| {
            refusal(78, &["--user: ", said, "1 to 4294967294"])
                .judge(&scene.run(USUAL, &["--user", user, "python3", "-c", crate::row::PROBE])?)
        })
    }));
    rows.extend(roles());
    rows.extend(mounts());
    rows.extend(words());
    rows
}

fn capabilities() -> Vec<Row> {
    const FOUR: [(&str, &str); 4] = [
        ("CHOWN", "to hand over mount points"),
        ("SETUID", "to become the user"),
        ("SETGID", "to become the group"),
        ("SETPCAP", "to empty the bounding set"),
    ];
    let mut rows: Vec<Row> = (FOUR.into_iter())
        .map(|(missing, purpose)| {
            let others: Vec<&str> = FOUR.into_iter().map(|(name, _)| name).filter(|name| *name != missing).collect();
            let options =
                format!("--cap-drop=ALL --cap-add={} --read-only --tmpfs /home/app:rw,mode=0755", others.join(","));
            let words = [format!("missing capability {missing} ({purpose}"), format!("add --cap-add={missing}")];
            refused(
                format!("without {missing}"),
                BOTH,
                options,
                &[],
                refusal(77, &words.each_ref().map(String::as_str)),
            )
        })
        .collect();
    rows.push(refused("without any capability", BOTH, "--cap-drop=ALL --tmpfs /home/app:rw,mode=0755", &[], {
        refusal(
            77,
            &[
                "CHOWN (",
                "SETUID (",
                "SETGID (",
                "SETPCAP (",
                "--cap-add=CHOWN --cap-add=SETUID --cap-add=SETGID --cap-add=SETPCAP",
            ],
        )
    }));
    rows
}

fn roles() -> [Row; 4] {
    let known = "to one of: beat, flower, web, worker";
    // Without a command: nothing but the role says what to run.
    let bare = |name: &str, options: &'static str, words: Vec<&'static str>, said: &'static str| {
        Row::new(name, BOTH, move |scene| {
            refusal(78, &[said, if words.is_empty() { "set ROLE" } else { "set --role" }, known])
                .judge(&scene.run(&format!("{USUAL} {options}"), &words)?)
        })
    };
    [
        bare("an unknown role", "--env ROLE=wroker", vec![], "unknown role 'wroker' from ROLE"),
        bare("an unknown role by --role", "--env ROLE=web", vec!["--role", "wbe"], "unknown role 'wbe' from --role"),
        bare("an empty role", "--env ROLE=", vec![], "the role from ROLE is empty"),
        bare("no role and no command", "", vec![], "no role is selected: ROLE is unset"),
    ]
}

fn mounts() -> [Row; 6] {
    let flag = "add --tmpfs /home/app:rw,size=16m,mode=0755 (never uid= or gid=)";
    let instead = "replace that mount by --tmpfs /home/app:rw,size=16m,mode=0755, or configure it as a [[volume]]";
    let not_tmpfs = || refusal(78, &["/home/app is not a tmpfs mount point", instead]);
    [
        refused("no tmpfs", BOTH, FOUR, &[], refusal(78, &["/home/app does not exist", flag])),
        Row::new("a bind mount where a tmpfs belongs", BOTH, move |scene| {
            let options = format!("{FOUR} --volume {}:/home/app", scene.directory("home"));
            not_tmpfs().judge(&scene.probe(&options, &[])?)
        }),
        Row::new("a volume where a tmpfs belongs", BOTH, move |scene| {
            let options = format!("{FOUR} --volume {}:/home/app", scene.volume()?);
            not_tmpfs().judge(&scene.probe(&options, &[])?)
        }),
        refused("/init --tmpfs of the image's own directory", BOTH, USUAL, &["--tmpfs", "/app"], {
            refusal(78, &["/app is not a tmpfs mount point", "add --tmpfs /app:rw,size=64m,mode=0755"])
        }),
        refused(
            "/init --tmpfs of a directory on a tmpfs",
            BOTH,
            format!("{USUAL} --tmpfs /dev/a/b"),
            &["--tmpfs", "/dev/a"],
            { refusal(78, &["/dev/a is not a tmpfs mount point", "it hides the files that are there now"]) },
        ),
        refused("--user 1001 and a tmpfs of root's", BOTH, format!("--user 1001 {USUAL}"), &[], {
            refusal(78, &["/home/app is not writable to uid 1001", "(EACCES)", "start as root"])
        }),
    ]
}

fn words() -> Vec<Row> {
    vec![
        Row::new("a role whose command is not on PATH", BOTH, |scene| {
            let outcome = scene.run(&format!("{USUAL} --env ROLE=web --env PATH=/usr/bin:/bin"), &[])?;
            refusal(127, &["command 'uvicorn' not found", "PATH=/usr/bin:/bin", "install it in the image"])
                .judge(&outcome)
        }),
        refused(
            "a command that is not there",
            BOTH,
            USUAL,
            &["/app/missing"],
            refusal(127, &["command '/app/missing' not found: no such file"]),
        ),
        refused(
            "a command that cannot be executed",
            BOTH,
            USUAL,
            &["/etc/passwd"],
            refusal(126, &["cannot run /etc/passwd", "chmod 0755"]),
        ),
        refused(
            "a directory for a command",
            BOTH,
            USUAL,
            &["/app"],
            refusal(126, &["cannot run /app: it is a directory"]),
        ),
        refused("BOOT_CHECK_ONLY=true", BOTH, format!("{USUAL} --env BOOT_CHECK_ONLY=true"), &[], {
            refusal(64, &["BOOT_CHECK_ONLY is 'true'", "1 (full check)"])
        }),
        refused(
            "INIT_LOG=loud",
            BOTH,
            format!("{USUAL} --env INIT_LOG=loud"),
            &[],
            refusal(64, &["INIT_LOG is 'loud'", "error, warn, info, debug or trace"]),
        ),
        refused(
            "an unknown option",
            BOTH,
            USUAL,
            &["--nonsense"],
            refusal(64, &["invalid option '--nonsense'", "/init --help"]),
        ),
        refused("a named configuration that is not there", BOTH, USUAL, &["--config", "/etc/other.toml"], {
            refusal(78, &["cannot read the configuration /etc/other.toml", "(ENOENT)"])
        }),
        Row::new("a working directory that is not there", BOTH, |scene| {
            let options = format!("{FOUR} {}", scene.configuration("workdir = \"/missing\"\n"));
            refusal(71, &["cannot enter the working directory /missing", "(ENOENT)"])
                .late()
                .judge(&scene.probe(&options, &[])?)
        }),
    ]
}
