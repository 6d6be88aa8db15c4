//! Mount points with escaped names in the mount table, and stacked mounts; with `statx(2)` and without.

use crate::support::cases;
use crate::support::protocol::Kind;
use crate::support::run::Run;
use crate::support::sandbox::{Sandbox, sandbox};

/// Without `statx(2)` the mount table identifies mount points.
fn both(base: &Sandbox) -> [Run; 2] {
    [base.run(), base.clone().answer(libc::SYS_statx, &[], libc::ENOSYS).run()]
}

fn toml(path: &str) -> String {
    let escaped: String = path.chars().map(|letter| format!("\\U{:08x}", u32::from(letter))).collect();
    format!("[[tmpfs]]\npath = \"{escaped}\"\nmode = '0700'\n")
}

const NAMES: [&str; 12] = [
    "/a b",
    "/ ",
    "/a\tb",
    "/a\nb",
    "/a\\b",
    "/a\\040b",
    "/a\\",
    "/a#b",
    "/- - tmpfs tmpfs rw",
    "/\u{e9}\u{202e}",
    "/a\r",
    "/\u{1b}[31m",
];

#[test]
fn any_name_of_a_mount_point_is_found() {
    for name in NAMES {
        for run in both(&sandbox().tmpfs(name).config(toml(name))) {
            run.app().is_dropped_to(1001, 1001, "1001");
            run.owns(name, 1001, 1001, 0o700);
        }
    }
    cases("names of mount points", 2 * NAMES.len());
}

// The resulting path if one of the spellings is misread.
#[test]
fn mount_points_with_similar_names_are_not_confused() {
    let below = "not the mount point itself";
    for (mounted, asked, what) in [
        ("/a b", "/a\\040b", below),
        ("/a\\040b", "/a b", below),
        ("/a\nb", "/a\\012b", below),
        ("/a", "/a b", below),
        ("/a b", "/a", below),
        // It contains the other mount point, which a mount here would hide.
        ("/a/b", "/a", "not a tmpfs mount point"),
    ] {
        let base = sandbox().tmpfs(mounted).node(asked, Kind::Directory).config(toml(asked));
        for run in both(&base) {
            let record = run.refused(78, &[what]);
            assert!(!record.chars().any(char::is_control), "{record}");
            run.untouched(mounted);
        }
    }
    cases("confusable names", 12);
}

#[test]
fn the_last_of_several_mounts_counts() {
    let twice = sandbox().tmpfs("/a").tmpfs("/a").tmpfs("/a").config(toml("/a"));
    for run in both(&twice) {
        run.owns("/a", 1001, 1001, 0o700);
    }
    // A directory of the same file system over it is a mount point too, and a tmpfs: the engine's business.
    let bound =
        sandbox().node("/b", Kind::Directory).tmpfs("/a").node("/a", Kind::Bind("/b".into())).config(toml("/a"));
    for run in both(&bound) {
        run.owns("/a", 1001, 1001, 0o700);
    }
    let hidden = sandbox().tmpfs("/a").node("/a", Kind::Bind("/dev/pts".into())).config(toml("/a"));
    for run in both(&hidden) {
        run.refused(78, &["/a is not a tmpfs mount point"]);
    }
    cases("mounts on mounts", 6);
}

#[test]
fn a_table_of_hundreds_of_mounts_is_read() {
    let many = (0..300).fold(sandbox().tmpfs("/m"), |base, number| base.tmpfs(&format!("/m/{number}")));
    for run in both(&many.config(toml("/m/299"))) {
        run.app().is_dropped_to(1001, 1001, "1001");
        run.owns("/m/299", 1001, 1001, 0o700);
        run.untouched("/m/298");
    }
    cases("hundreds of mounts", 2);
}
