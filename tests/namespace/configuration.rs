//! The configuration file: its kind, its content, and who can write to it.

use crate::support::protocol::{Content, Kind};
use crate::support::run::Run;
use crate::support::sandbox::{Sandbox, sandbox};

const PATH: &str = "/etc/init.toml";

fn says(text: impl Into<Vec<u8>>) -> Run {
    sandbox().file(PATH, text).run()
}

#[test]
fn only_the_default_configuration_may_be_missing() {
    sandbox().run().app().is_dropped_to(1001, 1001, "1001");
    for option in [&["--config", "/etc/other.toml"][..], &["-c/etc/other.toml"], &["--config=/etc/init.toml"]] {
        let words: Vec<&str> = option.iter().copied().chain(["witness"]).collect();
        sandbox().words(words).run().refused(78, &["cannot read the configuration /etc/", "ENOENT", "COPY"]);
    }
    sandbox()
        .file("/etc/other.toml", "user = 'web'")
        .words(["-c", "/etc/other.toml", "witness"])
        .run()
        .app()
        .is_dropped_to(1002, 2002, "29 2002");
}

#[test]
fn only_a_regular_file_is_read() {
    sandbox().node(PATH, Kind::Directory).run().refused(78, &[PATH, "a directory"]);
    sandbox().node(PATH, Kind::Fifo).run().refused(78, &[PATH, "a FIFO"]);
    sandbox().node(PATH, Kind::Symlink("/dev/zero".into())).run().refused(78, &[PATH, "not a regular file"]);
    sandbox().node(PATH, Kind::Symlink(PATH.into())).run().refused(78, &[PATH, "ELOOP"]);
    sandbox()
        .node(PATH, Kind::Symlink("/nowhere".into()))
        .words(["-c", PATH, "witness"])
        .run()
        .refused(78, &[PATH, "ENOENT"]);
}

#[test]
fn a_file_that_is_too_large_is_refused() {
    let comment = |length| sandbox().file_mode(PATH, Content::Repeat(b'#', length), 0o644).run();
    comment(1 << 20).app().is_dropped_to(1001, 1001, "1001");
    comment((1 << 20) + 1).refused(78, &["larger than 1048576 bytes"]);
}

#[test]
fn a_file_that_root_cannot_read_is_refused() {
    let run = sandbox().owned(PATH, Kind::File(Content::Bytes(Vec::new())), (2000, 2000), 0o600).run();
    run.refused(78, &[PATH, "EACCES"]);
}

#[test]
fn invalid_utf8_is_refused() {
    says(b"user = 'app'\n# \xff\n").refused(78, &[PATH, "not UTF-8 in line 2"]);
    says(b"user = 'a\0b'\n").refused(78, &["/etc/init.toml:1:"]);
    says(b"user = \"a\\u0000b\"\n").refused(78, &["/etc/init.toml:1:8", "NUL"]);
    says(b"\0").refused(78, &["/etc/init.toml:1:"]);
}

// An editor's byte order mark is either skipped or refused; the file is never read in part.
#[test]
fn a_byte_order_mark_does_not_hide_the_first_key() {
    let run = says("\u{feff}user = 'web'\n");
    if run.outcome.code == Some(0) {
        run.app().is_dropped_to(1002, 2002, "29 2002")
    } else {
        drop(run.refused(78, &["/etc/init.toml:1:1"]))
    }
    says("\u{feff}usr = 'web'\n").refused(78, &["/etc/init.toml:1:"]);
}

fn open() -> Sandbox {
    sandbox().with(|spec| spec.read_only = false).tmpfs("/cache")
}

const TEXT: &str = "[[tmpfs]]\npath = '/cache'\nmode = '0700'\n";

fn kept_by(owner: (u32, u32), mode: u32) -> Sandbox {
    open().owned(PATH, Kind::File(Content::Bytes(TEXT.into())), owner, mode)
}

// For every target user: the file itself names it.
#[test]
fn a_configuration_of_another_owner_or_writable_to_others_is_refused() {
    for (owner, mode, how, fix) in [
        ((1001, 0), 0o644, "belongs to uid 1001", "chown root /etc/init.toml"),
        ((1001, 1001), 0o444, "belongs to uid 1001", "chown root /etc/init.toml"),
        ((2000, 2000), 0o644, "belongs to uid 2000", "chown root /etc/init.toml"),
        ((2000, 2000), 0o646, "belongs to uid 2000", "chown root /etc/init.toml"),
        ((0, 1001), 0o664, "writable to its group 1001", "chmod g-w /etc/init.toml"),
        ((0, 2000), 0o664, "writable to its group 2000", "chmod g-w /etc/init.toml"),
        ((0, 0), 0o664, "writable to its group 0", "chmod g-w /etc/init.toml"),
        ((0, 0), 0o666, "writable to everyone", "chmod go-w /etc/init.toml"),
        ((0, 0), 0o602, "writable to everyone", "chmod go-w /etc/init.toml"),
    ] {
        for read_only in [false, true] {
            let run = kept_by(owner, mode).with(|spec| spec.read_only = read_only).run();
            run.refused(78, &[PATH, "COPY --chown=0:0 --chmod=0644", how, fix]);
        }
    }
}

#[test]
fn configuration_is_checked_before_it_is_read() {
    let run = open().owned(PATH, Kind::File(Content::Bytes(b"nonsense".into())), (1001, 1001), 0o644).run();
    run.refused(78, &["belongs to uid 1001"]);
}

#[test]
fn a_configuration_in_a_directory_of_another_owner_or_writable_to_others_is_refused() {
    let inside = |owner, mode| {
        let base = open()
            .owned("/conf", Kind::Directory, owner, mode)
            .owned("/conf/d", Kind::Directory, (0, 0), 0o755)
            .file("/conf/d/i.toml", TEXT);
        base.words(["--config", "/conf/d/i.toml", "witness"]).run()
    };
    inside((0, 0), 0o777).refused(78, &["/conf is writable to everyone"]);
    inside((0, 1001), 0o775).refused(78, &["/conf is writable to its group 1001"]);
    inside((1001, 1001), 0o755).refused(78, &["/conf belongs to uid 1001"]);
    // Only root can create, move or remove a directory of root in a sticky directory.
    inside((0, 0), 0o1777).app().is_dropped_to(1001, 1001, "1001");
    inside((2000, 0), 0o1777).refused(78, &["/conf belongs to uid 2000"]);
    inside((0, 0), 0o755).app().is_dropped_to(1001, 1001, "1001");
}

#[test]
fn a_configuration_directly_in_a_sticky_directory_is_refused() {
    let sticky = open().owned("/conf", Kind::Directory, (0, 0), 0o1777);
    let named = |base: Sandbox| base.words(["--config", "/conf/i.toml", "witness"]).run();
    named(sticky.clone().file("/conf/i.toml", TEXT)).refused(78, &["/conf is writable to everyone"]);
    let link = sticky.clone().file("/etc/real.toml", TEXT).node("/conf/i.toml", Kind::Symlink("/etc/real.toml".into()));
    named(link).refused(78, &["/conf is writable to everyone"]);
    named(sticky).refused(78, &["/conf is writable to everyone"]);
}

#[test]
fn a_missing_default_file_is_refused_where_others_could_create_it() {
    let etc = |owner, mode| open().owned("/etc", Kind::Directory, owner, mode).run();
    etc((0, 0), 0o755).app().is_dropped_to(1001, 1001, "1001");
    etc((1001, 1001), 0o755).refused(78, &["/etc belongs to uid 1001"]);
    etc((0, 0), 0o777).refused(78, &["/etc is writable to everyone"]);
    etc((0, 0), 0o1777).refused(78, &["/etc is writable to everyone"]);
    etc((0, 0), 0o775).refused(78, &["/etc is writable to its group 0"]);
}

#[test]
fn a_link_to_the_configuration_that_the_user_could_replace_is_refused() {
    let base = open()
        .owned("/mine", Kind::Directory, (1001, 1001), 0o755)
        .file("/etc/real.toml", TEXT)
        .node("/mine/i.toml", Kind::Symlink("/etc/real.toml".into()));
    base.words(["-c", "/mine/i.toml", "witness"]).run().refused(78, &["/mine belongs to uid 1001"]);
    let base = open()
        .owned("/mine", Kind::Directory, (1001, 1001), 0o755)
        .file("/mine/i.toml", TEXT)
        .node(PATH, Kind::Symlink("/mine/i.toml".into()));
    base.run().refused(78, &["/mine"]);
    // Root owns the first link and the file at the end, but the user owns a link between them.
    let chain = |owner| {
        let links = open()
            .owned("/mine", Kind::Directory, owner, 0o755)
            .node("/mine/i.toml", Kind::Symlink("../etc/./real.toml".into()));
        links.file("/etc/real.toml", TEXT).node(PATH, Kind::Symlink("/mine/i.toml".into())).run()
    };
    chain((1001, 1001)).refused(78, &["/mine belongs to uid 1001"]);
    chain((0, 0)).app().is_dropped_to(1001, 1001, "1001");
}

#[test]
fn a_configuration_that_only_root_can_write_is_accepted() {
    for (owner, mode) in [((0, 0), 0o644), ((0, 0), 0o600), ((0, 2000), 0o644), ((0, 1001), 0o440)] {
        let run = kept_by(owner, mode).run();
        run.app().is_dropped_to(1001, 1001, "1001");
        run.owns("/cache", 1001, 1001, 0o700);
    }
}

// They are only read if there are names to look up.
#[test]
fn accounts_of_another_owner_are_refused_where_names_are_used() {
    let text = |path| match path {
        "/etc/passwd" => "root:x:0:0::/root:\napp:x:1001:1001::/home/app:\n",
        _ => "root:x:0:\napp:x:1001:\n",
    };
    for path in ["/etc/passwd", "/etc/group"] {
        for (owner, mode, how) in [
            ((1001, 1001), 0o644, "belongs to uid 1001"),
            ((0, 0), 0o664, "writable to its group 0"),
            ((0, 0), 0o666, "writable to everyone"),
        ] {
            let base = open().owned(path, Kind::File(Content::Bytes(text(path).into())), owner, mode);
            for user in ["app", "app:app", "1001:app"] {
                let run = base.clone().words(["--user", user, "witness"]).run();
                run.refused(78, &[path, how, "give user and groups as numbers"]);
            }
            base.words(["--user", "1001:1001", "witness"]).run().app().is_dropped_to(1001, 1001, "1001");
        }
    }
}

#[test]
fn a_non_root_start_accepts_the_users_own_configuration() {
    let run = open().owned(PATH, Kind::File(Content::Bytes(Vec::new())), (1001, 1001), 0o644).user(1001, 1001, 0).run();
    run.app().is_dropped_to(1001, 1001, "1001");
}

#[test]
fn a_health_check_does_not_need_the_roles_program() {
    let web = || sandbox().config("[roles.web]\ncommand = ['/nowhere']\nhealth = { file = '/etc/group' }\n");
    web().words(["--role", "web"]).run().refused(127, &["/nowhere"]);
    let asked = web().words(["--role", "web", "--health"]).run();
    asked.check(asked.outcome.code == Some(0) && asked.stdout().contains("web: healthy"), "an answer");
}
