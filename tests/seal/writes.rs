//! Writes outside the surfaces are refused in every known way; writes inside work.

use crate::support::cases;
use crate::support::protocol::Kind;
use crate::{APP, container, ends, sealed, succeed_unsealed, trying, version};

/// Ways to change files outside, each of which works for the same user without a seal.
const OUTSIDE: [(&str, &str); 22] = [
    ("write=/opt/app/file", "EACCES"),
    ("append=/opt/app/file", "EACCES"),
    ("truncate=/opt/app/file", "EACCES"),
    ("opath=/opt/app/file", "EACCES"),
    ("read-reopen=/opt/app/file", "EACCES"),
    ("beneath=/opt/app/file", "EACCES"),
    ("uring=/opt/app/file", "EACCES"),
    ("thread=write=/opt/app/file", "EACCES"),
    ("forked=write=/opt/app/file", "EACCES"),
    ("create=/opt/app/new", "EACCES"),
    ("create=/tmp/new", "EACCES"),
    ("unnamed=/opt/app", "EACCES"),
    ("mkdir=/opt/app/directory", "EACCES"),
    ("fifo=/opt/app/fifo", "EACCES"),
    ("bind=/opt/app/socket", "EACCES"),
    ("symlink=x:/opt/app/link", "EACCES"),
    ("hardlink=/opt/app/file:/opt/app/other", "EACCES"),
    ("rename=/opt/app/other:/opt/app/third", "EACCES"),
    ("unlink=/opt/app/third", "EACCES"),
    ("rmdir=/opt/app/empty", "EACCES"),
    ("write=/proc/self/timerslack_ns", "EACCES"),
    ("whiteout=/opt/app/whiteout", "EACCES"),
];

#[test]
fn every_write_outside_is_refused() {
    succeed_unsealed(&OUTSIDE);
    let run = sealed(OUTSIDE.map(|(attempt, _)| attempt));
    // The file of the previous attempt does not exist.
    let missing = ["rename=/opt/app/other:/opt/app/third", "unlink=/opt/app/third"];
    // Linux before 6.2.
    let truncates = version() < 3;
    let end = |attempt: &str, end: &'static str| match attempt {
        "truncate=/opt/app/file" if truncates => "ok",
        _ if missing.contains(&attempt) => "ENOENT",
        _ => end,
    };
    ends(&run, &OUTSIDE.map(|(attempt, sealed)| (attempt, end(attempt, sealed))));
    for path in ["/opt/app", "/opt/app/file", "/opt/app/empty"] {
        if !(truncates && path == "/opt/app/file") {
            run.untouched(path);
        }
    }
    cases("writes outside", OUTSIDE.len());
}

#[test]
fn files_outside_are_neither_renamed_nor_removed() {
    let attempts = [
        ("rename=/opt/app/file:/opt/app/other", "EACCES"),
        ("exchange=/opt/app/file:/opt/app/empty", "EACCES"),
        ("unlink=/opt/app/file", "EACCES"),
    ];
    let run = sealed(attempts.map(|(attempt, _)| attempt));
    ends(&run, &attempts);
    run.untouched("/opt/app/file");
}

#[test]
fn no_file_is_linked_or_moved_across_the_border() {
    let attempts = [
        // A file outside must not become writable by a name inside, nor the other way round.
        ("hardlink=/opt/app/file:/data/file", "EXDEV"),
        ("rename=/opt/app/file:/data/file", "EACCES"),
        ("create=/srv/work/made/mine", "ok"),
        ("rename=/srv/work/made/mine:/srv/work/mine", "EACCES"),
        ("hardlink=/srv/work/made/mine:/opt/app/mine", "EACCES"),
        ("hardlink=/opt/app/file:/srv/work/made/other", "EXDEV"),
        // A link inside to a file outside is a link, and no more.
        ("symlink=/opt/app/file:/data/link", "ok"),
        ("write=/data/link", "EACCES"),
        ("symlink=/:/data/root", "ok"),
        ("create=/data/root/opt/app/new", "EACCES"),
        ("create=/data/../opt/app/new", "EACCES"),
    ];
    let run = sealed(attempts.map(|(attempt, _)| attempt));
    let app = run.app();
    for (attempt, end) in attempts {
        // Across mounts the kernel returns EXDEV before it checks the seal.
        let held = if end == "ok" { &["ok"][..] } else { &["EACCES", "EXDEV"] };
        run.check(held.contains(&app.attempt(attempt)), &format!("{end} for {attempt}, not {}", app.attempt(attempt)));
    }
    run.untouched("/opt/app/file");
}

#[test]
fn mounts_and_file_handles_give_no_write_access() {
    let attempts = [
        ("mount", "EPERM"),
        ("bindmount=/opt/app:/data", "EPERM"),
        ("tree=/opt/app", "EPERM"),
        ("handle=/opt/app/file", "EPERM"),
        ("chroot", "EPERM"),
        // A whiteout is no device, and newer kernels let the user create one where it may create regular files.
        ("device=/data/device", "EACCES"),
    ];
    ends(&sealed(attempts.map(|(attempt, _)| attempt)), &attempts);
}

#[test]
fn every_operation_works_inside() {
    let mut attempts = Vec::new();
    for place in ["/home/app", "/data", "/srv/work/made"] {
        for (verb, object) in [
            ("create", "file"),
            ("write", "file"),
            ("append", "file"),
            ("truncate", "file"),
            ("opath", "file"),
            ("uring", "file"),
            ("mkdir", "below"),
            ("create", "below/file"),
            ("fifo", "fifo"),
            ("bind", "socket"),
            ("connect", "listening"),
            ("unlink", "fifo"),
            ("mode", "file"),
        ] {
            if verb != "connect" {
                attempts.push(format!("{verb}={place}/{object}"));
            }
        }
        attempts.push(format!("unnamed={place}"));
        attempts.push(format!("symlink=x:{place}/link"));
        attempts.push(format!("hardlink={place}/file:{place}/below/other"));
        attempts.push(format!("rename={place}/below/other:{place}/moved"));
        attempts.push(format!("rmdir={place}/gone"));
        let at = attempts.len() - 1;
        attempts.insert(at, format!("mkdir={place}/gone"));
    }
    attempts
        .extend(["write=/dev/null", "write=/dev/full", "memory-file", "thread=write=/data/file"].map(str::to_owned));
    let run = sealed(&attempts);
    ends(&run, &attempts.iter().map(|attempt| (attempt.as_str(), "ok")).collect::<Vec<_>>());
    cases("writes inside", attempts.len());
}

// The kernel has no rule for these: the user may change the metadata of its own files on any writable mount.
#[test]
fn reading_sockets_and_metadata_are_not_restricted() {
    let attempts = [
        ("read=/opt/app/file", "ok"),
        ("list=/opt/app", "ok"),
        ("mode=/opt/app/file", "ok"),
        ("times=/opt/app/file", "ok"),
        ("memory-file", "ok"),
    ];
    ends(&sealed(attempts.map(|(attempt, _)| attempt)), &attempts);
}

#[test]
fn a_listening_socket_outside_can_be_reached() {
    let listening = container("writes = true").owned("/opt/app/socket", Kind::Socket, APP, 0o777);
    // No process listens any more; a seal would give EACCES.
    ends(&trying(&listening, ["connect=/opt/app/socket"]), &[("connect=/opt/app/socket", "ECONNREFUSED")]);
}

// Landlock version 5. A device that nobody may write to is opened for reading.
#[test]
fn ioctl_on_a_device_outside_of_dev_is_refused() {
    let device = |seal: &str| {
        let zero = || Kind::HostBind("/dev/zero".into());
        container(seal).node("/opt/zero", zero()).node("/data/zero", zero())
    };
    let attempts = ["tcgets=/opt/zero", "tcgets=/data/zero", "tcgets=/dev/zero"];
    ends(&trying(&device(""), attempts), &attempts.map(|attempt| (attempt, "ENOTTY")));
    // Linux before 6.10 has no right for it.
    let sealed = if version() < 5 { "ENOTTY" } else { "EACCES" };
    ends(
        &trying(&device("writes = true"), attempts),
        &[(attempts[0], sealed), (attempts[1], sealed), (attempts[2], "ENOTTY")],
    );
}

#[test]
fn seal_is_inherited_by_execs_and_children() {
    let run = sealed(["run=/bin/witness", "forked=create=/tmp/x", "thread=create=/tmp/y"]);
    ends(&run, &[("forked=create=/tmp/x", "EACCES"), ("thread=create=/tmp/y", "EACCES")]);
    assert_eq!(run.child().value("NoNewPrivs"), "1");
    let step = container(
        "writes = true\n[[step]]\nname = 'x'\n\
         command = ['witness', 'create=/tmp/new', 'create=/data/new', 'run=/init']",
    );
    let run = step.run();
    for (attempt, end) in [("create=/tmp/new", "EACCES"), ("create=/data/new", "ok")] {
        let line = format!("init: step: x: try: {attempt}: {end}");
        run.check(run.stderr().lines().any(|said| said == line), &line);
    }
}
