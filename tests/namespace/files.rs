//! `[[file]]`: the file written from a template, and files that it must not overwrite.

use crate::support::protocol::{Content, Kind};
use crate::support::run::Run;
use crate::support::sandbox::{Sandbox, sandbox};

const TEMPLATE: &str = "/etc/server.conf.template";
const PATH: &str = "/cache/server.conf";

/// A tmpfs with a file to be written into it.
fn with(keys: &str) -> Sandbox {
    sandbox()
        .tmpfs("/cache")
        .owned(TEMPLATE, Kind::File(Content::Bytes(b"server ${NAME}; root $ROOT; host $host;\n".into())), (0, 0), 0o644)
        .config(format!("[[tmpfs]]\npath = '/cache'\n[[file]]\npath = '{PATH}'\ntemplate = '{TEMPLATE}'\n{keys}"))
        .env("NAME=example.org")
        .env("ROOT=/srv/$NAME")
        .words(["witness", "content=/cache/server.conf", "list=/cache"])
}

fn written(run: &Run, content: &str) {
    run.app().is_dropped_to(1001, 1001, "1001");
    let found = run.app();
    run.check(found.attempt("content=/cache/server.conf") == content, &format!("the content {content}"));
    run.check(!run.outcome.after.keys().any(|path| path.starts_with("/cache/.")), "no other file left");
}

#[test]
fn only_the_listed_variables_are_replaced_and_values_are_not_expanded_again() {
    let run = with("variables = ['NAME', 'ROOT']\nmode = '0640'").with(|spec| spec.start.umask = 0o077).run();
    written(&run, "server example.org; root /srv/$NAME; host $host;\\n");
    run.owns(PATH, 1001, 1001, 0o640);
    let run = with("variables = ['NAME']").run();
    written(&run, "server example.org; root $ROOT; host $host;\\n");
    run.owns(PATH, 1001, 1001, 0o644);
    written(&with("").run(), "server ${NAME}; root $ROOT; host $host;\\n");
}

#[test]
fn a_file_is_written_in_a_boot_without_root_and_in_a_check() {
    let base = with("variables = ['NAME']").owned("/cache", Kind::Tmpfs, (1001, 1001), 0o700);
    let run = base.clone().user(1001, 1001, 0).run();
    run.check(run.stdout().contains("server example.org;"), "the content without root");
    let run = with("variables = ['NAME']\n[boot_check]\nrequire_read_only_root = false")
        .words(["--check=init", "witness"])
        .run();
    run.owns(PATH, 1001, 1001, 0o644);
}

#[test]
fn existing_file_or_link_is_replaced_not_written_through() {
    let link = |to: &str| Kind::Symlink(to.into());
    let victim = || Kind::File(Content::Bytes(b"victim".into()));
    let kinds = [link("/data/victim"), link("/nowhere"), link("/cache"), Kind::Fifo, Kind::Socket, victim()];
    for kind in kinds {
        let base = with("variables = ['NAME']")
            .with(|spec| spec.read_only = false)
            .owned("/data", Kind::Directory, (1001, 1001), 0o755)
            .owned("/data/victim", victim(), (1001, 1001), 0o644)
            .owned(PATH, kind, (1001, 1001), 0o644);
        let run = base.run();
        written(&run, "server example.org; root $ROOT; host $host;\\n");
        run.untouched("/data/victim");
    }
    // Hidden names that killed boots or the app left are neither written to nor in the way.
    let left: Vec<String> = (0..40).map(|number| format!("/cache/.init.{number:x}")).collect();
    let run = left
        .iter()
        .fold(with("variables = ['NAME']"), |all, path| all.owned(path, link("/data/victim"), (1001, 1001), 0o777))
        .run();
    run.owns(PATH, 1001, 1001, 0o644);
    left.iter().for_each(|path| run.untouched(path));
}

#[test]
fn path_condition_of_a_file_is_tested_before_writing() {
    let keys = |condition: &str| with(&format!("variables = ['NAME']\n{condition}\n"));
    let first = keys(&format!("unless_exists = '{PATH}'"));
    written(&first.clone().run(), "server example.org; root $ROOT; host $host;\\n");
    // The user's file from an earlier start is kept, and so is a dangling link.
    let own = Kind::File(Content::Bytes(b"edited".into()));
    let run = first.clone().owned(PATH, own, (1001, 1001), 0o600).run();
    run.untouched(PATH);
    run.check(run.stderr().contains("file /cache/server.conf is held back by /cache/server.conf"), "the log");
    first.owned(PATH, Kind::Symlink("/nowhere".into()), (1001, 1001), 0o777).run().untouched(PATH);
    let run = keys("when_exists = '/none/${NAME}'").words(["witness"]).run();
    run.check(!run.outcome.after.contains_key(PATH), "that nothing is written");
    written(&keys("when_exists = 'etc/passwd'").run(), "server example.org; root $ROOT; host $host;\\n");
}

#[test]
fn relative_path_condition_starts_where_steps_run() {
    let keys = |workdir: &str, condition: &str| {
        sandbox()
            .file("/srv/there", "")
            .file("/there-in-the-root", "")
            .config(format!(
                "{workdir}[[step]]\nname = 'x'\ncommand = ['witness', 'aside']\n{condition}\n[env]\nNONE = ''\n"
            ))
            .with(|spec| spec.start.cwd = "/srv".into())
            .run()
    };
    for (path, exists) in [("there", true), ("./there", true), ("there-in-the-root", false), ("${NONE}", false)] {
        for workdir in ["", "workdir = '/srv'\n"] {
            for (key, wanted) in [("when_exists", true), ("unless_exists", false)] {
                let run = keys(workdir, &format!("{key} = '{path}'"));
                run.app().is_dropped_to(1001, 1001, "1001");
                run.check(run.stderr().contains("held back") == (exists != wanted), &format!("{key} {path} {workdir}"));
            }
        }
    }
    let run = keys("workdir = '/etc'\n", "when_exists = 'there'");
    run.check(run.stderr().contains("step x is held back by /etc/there"), "a lookup in workdir");
}

#[test]
fn a_path_condition_that_cannot_be_looked_up_is_refused() {
    let step = "[[step]]\nname = 'x'\noptional = true\ncommand = ['witness', 'aside']\n";
    let file = "[[file]]\npath = '/cache/x'\ntemplate = '/etc/passwd'\n";
    let boot = |entry: &str, key: &str, path: &str| {
        sandbox()
            .tmpfs("/cache")
            .owned("/closed", Kind::Directory, (0, 0), 0o700)
            .node("/loop", Kind::Symlink("loop".into()))
            .file("/plain", "")
            .config(format!("[[tmpfs]]\npath = '/cache'\n{entry}{key} = '{path}'\n"))
    };
    let long = format!("/{}", "x".repeat(256));
    for entry in [step, file] {
        for key in ["when_exists", "unless_exists"] {
            for (path, name, fix) in [
                ("/closed/none", "EACCES", "let the user enter each directory above it (chmod a+x)"),
                ("/loop/x", "ELOOP", "remove the loop of symbolic links from it"),
                (long.as_str(), "ENAMETOOLONG", "give it a shorter name and path"),
            ] {
                let said = format!("cannot tell whether {path} exists: lstat: ");
                boot(entry, key, path)
                    .run()
                    .refused_late(78, &["/etc/init.toml:", &said, name, &format!("fix: {fix}")]);
            }
            for (path, exists) in [("/loop", true), ("/plain", true), ("/plain/x", false), ("/none/x", false)] {
                let run = boot(entry, key, path).run();
                run.app().is_dropped_to(1001, 1001, "1001");
                let held_back = run.stderr().contains(&format!("held back by {path}"));
                run.check(held_back == (exists != (key == "when_exists")), &format!("{key} {path}"));
            }
            // The fixes, followed.
            for node in [("/closed", Kind::Directory, 0o711), ("/loop", Kind::Directory, 0o755)] {
                let path = if node.0 == "/loop" { "/loop/x" } else { "/closed/none" };
                let mended = boot(entry, key, path).with(|spec| spec.tree.retain(|old| old.path != node.0));
                mended.owned(node.0, node.1, (0, 0), node.2).run().app();
            }
        }
    }
    let failing = boot(step, "unless_exists", "/plain").answer(libc::SYS_newfstatat, &[], libc::EIO);
    failing.run().refused_late(78, &["/plain", "EIO", "see the kernel's log"]);
}

#[test]
fn file_that_cannot_be_written_is_refused_without_leftovers() {
    let there = |path: &str| with("variables = ['NAME']").owned(path, Kind::Directory, (1001, 1001), 0o755).run();
    let run = there(PATH);
    run.refused_late(
        71,
        &["cannot create the file /cache/server.conf: rename: ", "EISDIR", "fix: remove the directory"],
    );
    run.check(!run.outcome.after.keys().any(|path| path.starts_with("/cache/.")), "that no temporary file is left");
    let elsewhere = |path: &str| {
        sandbox()
            .owned(TEMPLATE, Kind::File(Content::Bytes(b"x".into())), (0, 0), 0o644)
            .config(format!("[[file]]\npath = '{path}'\ntemplate = '{TEMPLATE}'"))
            .run()
    };
    elsewhere("/srv/x").refused(
        71,
        &["cannot create the file /srv/x: open: ", "EROFS", "fix: put it below a writable mount, such as a [[tmpfs]]"],
    );
    elsewhere("/none/x").refused(
        71,
        &["cannot create the file /none/x: open: ", "ENOENT", "fix: create the directory above it by a [[directory]]"],
    );
    elsewhere("/").refused(78, &["/etc/init.toml:2:8: path: '/' is not an absolute path below /"]);
}

#[test]
fn fix_of_a_file_that_cannot_be_written_names_the_cause() {
    let base = with("mode = '0640'");
    let refused = |base: Sandbox, call: &str, words: &[&str]| {
        let said = format!("cannot create the file {PATH}: {call}: ");
        base.run().refused_late(71, &[&[said.as_str()], words].concat());
    };
    let mounted = |keys: &str| with(keys).node(PATH, Kind::Bind(TEMPLATE.into()));
    refused(
        mounted(""),
        "rename",
        &["EBUSY", &format!("fix: unmount the file that is mounted there, or keep it (unless_exists = \"{PATH}\")")],
    );
    written(&mounted(&format!("unless_exists = '{PATH}'")).run(), "server ${NAME}; root $ROOT; host $host;\\n");
    for (answer, name, fix) in [
        (libc::EFBIG, "EFBIG", "fix: allow larger files (--ulimit fsize=-1)"),
        (libc::EIO, "EIO", "fix: put it on another file system (see the kernel's log)"),
        (0, "ENODATA", "fix: keep seccomp filters and the file system from faking fchmod"),
    ] {
        refused(base.clone().answer(libc::SYS_fchmod, &[], answer), "fchmod", &[name, fix]);
    }
    let long = format!("/cache/{}", "x".repeat(256));
    let run =
        base.config(format!("[[tmpfs]]\npath = '/cache'\n[[file]]\npath = '{long}'\ntemplate = '{TEMPLATE}'")).run();
    run.refused_late(71, &["ENAMETOOLONG", "fix: give it a shorter name and path"]);
}

#[test]
fn a_template_that_cannot_be_used_is_refused() {
    let template = |kind: Kind, mode| {
        sandbox()
            .tmpfs("/cache")
            .owned("/etc/other", kind, (0, 0), mode)
            .config("[[tmpfs]]\npath = '/cache'\n[[file]]\npath = '/cache/x'\ntemplate = '/etc/other'")
            .run()
    };
    let bytes = |bytes: &[u8]| Kind::File(Content::Bytes(bytes.into()));
    for (kind, mode, what) in [
        (bytes(b"x"), 0o600, "open: "),
        (Kind::Directory, 0o755, "it is not a regular file"),
        (Kind::Fifo, 0o644, "it is not a regular file"),
        (Kind::Symlink("/nowhere".into()), 0o777, "open: "),
        (bytes(&vec![b'x'; (1 << 20) + 1]), 0o644, "it is larger than 1048576 bytes"),
    ] {
        let run = template(kind, mode);
        run.refused_late(78, &["/etc/init.toml:5:12: template /etc/other: ", what, "fix: copy it into the image"]);
    }
    let unset = with("variables = ['NAME', 'MISSING']").run();
    unset.refused(78, &["/etc/init.toml:6:22: MISSING is unset: the template uses it"]);
    assert!(unset.stderr().ends_with("; fix: set MISSING (--env MISSING=…)\n"), "{}", unset.shown());
    written(
        &with("variables = ['NAME', 'MISSING']").env("MISSING=1").run(),
        "server example.org; root $ROOT; host $host;\\n",
    );
}
