//! A configuration that an earlier app could have changed: through any directory or link on its path.

use crate::support::cases;
use crate::support::protocol::{Content, Kind, Node};
use crate::support::sandbox::{Sandbox, sandbox};

const PATH: &str = "/etc/init.toml";
const TEXT: &str = "[[tmpfs]]\npath = '/cache'\nmode = '0700'\n";

fn open() -> Sandbox {
    sandbox().with(|spec| spec.read_only = false).tmpfs("/cache")
}

fn text() -> Kind {
    Kind::File(Content::Bytes(TEXT.into()))
}

fn link(to: &str) -> Kind {
    Kind::Symlink(to.into())
}

fn named(base: Sandbox, path: &str) -> Sandbox {
    base.words(["--config", path, "witness"])
}

#[test]
fn link_in_the_middle_of_a_chain_is_detected() {
    let mine = || open().owned("/mine", Kind::Directory, (1001, 1001), 0o755).node("/etc/real.toml", text());
    for (base, path) in [
        // The file is a link to a link that the user owns, which leads to a file owned by root.
        (mine().node(PATH, link("/mine/turned")).node("/mine/turned", link("/etc/real.toml")), PATH),
        (mine().node(PATH, link("../mine/turned")).node("/mine/turned", link("../etc/real.toml")), PATH),
        // A directory on the path is such a link.
        (mine().node("/conf", link("/mine/etc")).node("/mine/etc", link("/etc")), "/conf/real.toml"),
        (mine().node("/conf", link("mine/etc")).node("/mine/etc", link("/")), "/conf/etc/real.toml"),
        // The path leaves a directory of the user by `..`.
        (mine().node("/conf", link("/mine/../etc")), "/conf/real.toml"),
    ] {
        named(base, path).run().refused(78, &["/mine belongs to uid 1001"]);
    }
    let roots =
        open().node("/etc/real.toml", text()).node("/etc/one", link("two")).node("/etc/two", link("/etc/real.toml"));
    named(roots.node(PATH, link("/etc/one")), PATH).run().app().is_dropped_to(1001, 1001, "1001");
    cases("links to the configuration", 6);
}

// Everyone may create a link in a sticky directory, or another name of a file owned by root.
#[test]
fn link_in_a_sticky_directory_is_refused() {
    let base = open().node("/etc/real.toml", text());
    let users = base.clone().with(|spec| {
        spec.tree
            .push(Node { owner: (1001, 1001), ..crate::support::sandbox::node("/tmp/link", link("/etc/real.toml")) })
    });
    named(users, "/tmp/link").run().refused(78, &["/tmp/link belongs to uid 1001"]);
    named(base.clone().node("/tmp/link", link("/etc/real.toml")), "/tmp/link")
        .run()
        .refused(78, &["/tmp is writable to everyone"]);
    named(base.owned("/tmp/own.toml", text(), (1001, 1001), 0o600), "/tmp/own.toml")
        .run()
        .refused(78, &["/tmp/own.toml"]);
    cases("links in a sticky directory", 3);
}

/// The tag of a named user in an access control list.
pub const USER: u16 = 0x02;

/// `acl(5)` as the kernel stores it: entries of the owner, one user or group, the owning group, the mask, others.
pub fn access_list(tag: u16, permissions: u16, id: u32, mask: u16) -> Vec<u8> {
    let none = u32::MAX;
    let mut entries: [(u16, u16, u32); 5] =
        [(0x01, 7, none), (tag, permissions, id), (0x04, 5, none), (0x10, mask, none), (0x20, 5, none)];
    entries.sort_unstable();
    let mut bytes = 2_u32.to_le_bytes().to_vec();
    for (tag, permissions, id) in entries {
        bytes.extend([&tag.to_le_bytes()[..], &permissions.to_le_bytes(), &id.to_le_bytes()].concat());
    }
    bytes
}

#[test]
fn access_list_that_lets_the_user_write_is_detected() {
    const GROUP: u16 = 0x08;
    let listed = |path: &str, kind: Kind, list: Vec<u8>| {
        let base = open().owned("/conf", Kind::Directory, (0, 0), 0o755).node("/conf/i.toml", text());
        let node = Node { access_list: list, ..crate::support::sandbox::node(path, kind) };
        named(base.with(|spec| spec.tree.push(node)), "/conf/i.toml").run()
    };
    for list in [access_list(USER, 6, 1001, 6), access_list(GROUP, 6, 1001, 6), access_list(USER, 7, 1001, 7)] {
        listed("/conf/i.toml", text(), list.clone()).refused(78, &["/conf/i.toml", "access list"]);
        listed("/conf", Kind::Directory, list).refused(78, &["/conf", "access list"]);
    }
    // Any other uid is refused too.
    listed("/conf/i.toml", text(), access_list(USER, 6, 2000, 6)).refused(78, &["/conf/i.toml", "access list"]);
    // Only read permission, or write permission that the mask removes.
    for list in [access_list(USER, 4, 1001, 4), access_list(USER, 6, 1001, 4)] {
        listed("/conf/i.toml", text(), list).app().is_dropped_to(1001, 1001, "1001");
    }
    cases("access lists", 9);
}

#[test]
fn configuration_replaced_while_it_is_read_is_refused() {
    let mut refused = 0;
    for _ in 0..6 {
        let run = named(
            open()
                .owned("/mine", Kind::Directory, (1001, 1001), 0o755)
                .owned("/mine/real.toml", text(), (0, 0), 0o644)
                .owned(
                    "/mine/own.toml",
                    Kind::File(Content::Bytes("[[root_step]]\nname = 'x'\ncommand = ['witness']\n".into())),
                    (1001, 1001),
                    0o644,
                )
                .race("/mine/real.toml", "/mine/own.toml"),
            "/mine/real.toml",
        )
        .run();
        run.refused_late(78, &["uid 1001"]);
        run.untouched("/cache");
        refused += 1;
    }
    cases("configurations exchanged while they are read", refused);
}
