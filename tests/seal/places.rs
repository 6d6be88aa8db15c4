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

// A previous run of the app owns the directory, and wants access to the link's target. The fix must not give it that.
#[test]
fn a_link_on_a_surface_opens_nothing() {
    let config = "[[volume]]\npath = '/data'\n[[directory]]\npath = '/data/cache'\n[seal]\nwrites = true\n";
    let unlinked =
        || sandbox().with(|spec| spec.read_only = false).owned("/data", Kind::Tmpfs, APP, 0o755).config(config);
    let volume = |target: &str| unlinked().owned("/data/cache", Kind::Symlink(target.into()), APP, 0o777);
    let linked = "cannot seal writes: /data/cache has a symbolic link in it";
    // The first is refused before the seal, since the user cannot write there.
    for (target, refusal) in [("/", "/data/cache is not writable to uid 1001"), ("/tmp", linked), ("../opt", linked)] {
        let run = volume(target).owned("/opt", Kind::Directory, APP, 0o755).run();
        let record = run.refused_late(78, &[refusal]);
        let fix = "; fix: remove the link /data/cache, which the app could have made";
        run.check(refusal != linked || record.ends_with(fix), "a fix that removes the link");
    }
    unlinked().run().app();
    // A link to the app's link: the first fix is about the image's, the second one is not.
    let chain = |also: &str| {
        let config = format!("[[volume]]\npath = '/data'\n[seal]\nwrites = true\nalso = ['{also}']");
        volume("/tmp").node("/var", Kind::Directory).node("/var/cache", Kind::Symlink("../data".into())).config(config)
    };
    let run = chain("/var/cache/cache").run();
    run.refused_late(78, &["(/var/cache -> ../data); fix: give the path without the link: /data/cache"]);
    chain("/data/cache").run().refused_late(78, &["; fix: remove the link /data/cache, which"]);
}

#[test]
fn a_link_of_the_image_is_refused_with_the_path_that_it_leads_to() {
    let configured = |also: &str| {
        sandbox()
            .with(|spec| spec.read_only = false)
            .node("/var", Kind::Directory)
            .node("/var/run", Kind::Symlink("../run/./".into()))
            .owned("/run/app", Kind::Directory, APP, 0o755)
            .config(format!("[seal]\nwrites = true\nalso = ['{also}']"))
    };
    let record = configured("/var/run/app").run().refused_late(78, &["/var/run/app has a symbolic link in it"]);
    let (_, plain) = record.split_once("; fix: give the path without the link: ").expect("the path");
    assert_eq!(plain, "/run/app");
    let sealed = trying(&configured(plain), ["create=/run/app/new", "create=/run/new"]);
    ends(&sealed, &[("create=/run/app/new", "ok"), ("create=/run/new", "EACCES")]);
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
