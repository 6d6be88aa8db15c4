//! The paths that a seal leaves writable: exactly the configured ones, whatever an earlier run of the app left there.

use crate::support::protocol::{Content, Kind, Stream};
use crate::support::sandbox::sandbox;
use crate::{APP, container, ends, trying};

#[test]
fn also_opens_directories_and_files_and_nothing_beside_them() {
    let seal = "writes = true\nalso = ['/tmp', '/opt/app/file', '${CACHE:-/srv/work}']";
    let attempts = [
        ("create=/tmp/new", "ok"),
        ("write=/opt/app/file", "ok"),
        ("truncate=/opt/app/file", "ok"),
        ("create=/opt/app/new", "EACCES"),
        ("create=/srv/work/new", "ok"),
    ];
    ends(&trying(&container(seal), attempts.map(|(attempt, _)| attempt)), &attempts);
}

// A previous run of the app owns the directory, and wants access to the link's target.
#[test]
fn a_link_on_a_surface_opens_nothing() {
    let config = "[[volume]]\npath = '/data'\n[[directory]]\npath = '/data/cache'\n[seal]\nwrites = true\n";
    let volume = |target: &str| {
        sandbox()
            .with(|spec| spec.read_only = false)
            .owned("/data", Kind::Tmpfs, APP, 0o755)
            .owned("/data/cache", Kind::Symlink(target.into()), APP, 0o777)
            .config(config)
    };
    let linked = "cannot seal writes: /data/cache has a symbolic link in it";
    // The first is refused before the seal, since the user cannot write there.
    for (target, refusal) in [("/", "/data/cache is not writable to uid 1001"), ("/tmp", linked), ("../opt", linked)] {
        let run = volume(target).owned("/opt", Kind::Directory, APP, 0o755).run();
        run.refused_late(78, &[refusal, "; fix: "]);
    }
    let run = sandbox()
        .node("/var", Kind::Directory)
        .node("/var/run", Kind::Symlink("/run".into()))
        .config("[seal]\nwrites = true\nalso = ['/var/run']")
        .run();
    run.refused_late(78, &["(it resolves to /run); fix: give the path without links: /run"]);
}

#[test]
fn a_missing_path_is_reported_and_opens_nothing() {
    let run = trying(&container("writes = true\nalso = ['/nowhere', '/opt/app/file/below']"), ["create=/opt/app/new"]);
    ends(&run, &[("create=/opt/app/new", "EACCES")]);
    let said = run.stderr();
    for path in ["/nowhere", "/opt/app/file/below"] {
        run.check(said.contains(&format!("nothing can be written to {path}: ")), path);
    }
}

// Logs go to /dev/stdout, which an app opens again; the engine may have passed a file or a terminal.
#[test]
fn standard_streams_of_every_kind_can_be_reopened() {
    for stream in [Stream::Pipe, Stream::Terminal, Stream::File("/log".into())] {
        let file = stream == Stream::File("/log".into());
        let base = container("writes = true")
            .owned("/log", Kind::File(Content::Bytes(Vec::new())), APP, 0o600)
            .with(|spec| spec.streams = [Stream::Null, stream.clone(), stream.clone()]);
        let attempts = ["reopen=/dev/stdout", "reopen=/proc/self/fd/2", "write=/dev/stdout", "append=/log"];
        let run = trying(&base, attempts);
        for attempt in &attempts[..3] {
            run.check(run.stdout().contains(&format!("try: {attempt}: ok")), attempt);
        }
        let end = if file { "ok" } else { "EACCES" };
        run.check(run.stdout().contains(&format!("try: append=/log: {end}")), end);
    }
    // Open for reading only, it is no place to write to.
    let input = container("writes = true")
        .owned("/log", Kind::File(Content::Bytes(Vec::new())), APP, 0o600)
        .with(|spec| spec.streams[0] = Stream::File("/log".into()));
    let _ = trying(&input, ["append=/log"]);
}

#[test]
fn a_seal_without_effect_is_refused_with_its_position() {
    for (seal, words) in [
        ("also = ['/tmp']", &["init.toml:8:1:", "also without writes = true", "add writes = true"][..]),
        ("writes = true\nalso = ['/']", &["also: '/' is not an absolute path below /"]),
        ("writes = true\nalso = ['tmp']", &["also: 'tmp' is not an absolute path below /"]),
        ("writes = true\nalso = ['/tmp/../etc']", &["also: ", "plain path"]),
        ("writes = true\nalso = ['${UNSET_NAME}']", &["${UNSET_NAME} is unset"]),
        ("writes = 'yes'", &["writes: a string where true or false belongs"]),
        ("also = '/tmp'", &["also: a string where an array of strings belongs"]),
        ("write = true", &["unknown key 'write' in [seal]", "allowed here: writes, also, namespaces, optional"]),
    ] {
        let run = container(seal).run();
        run.refused(78, words);
        run.unchanged();
    }
}
