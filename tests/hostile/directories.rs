//! Links and other files in place of a `[[directory]]`: directories are created as the user, so a link cannot
//! redirect root.

use super::volume::{OUTSIDE, nothing_outside_is_touched, text};
use crate::support::cases;
use crate::support::protocol::{Kind, Node};
use crate::support::run::Run;
use crate::support::sandbox::{Sandbox, sandbox};

/// A tmpfs of the user with a planted file in it, and a directory to create; the root is writable.
fn planted(plant: impl FnOnce(Sandbox) -> Sandbox, path: &str) -> Run {
    let outside = OUTSIDE.into_iter().filter(|path| path.starts_with("/disk") || *path == "/etc/shadow");
    let base = outside.fold(sandbox().with(|spec| spec.read_only = false), |base, path| {
        let directory = ["/disk", "/disk/secrets"].contains(&path);
        if directory {
            base.owned(path, Kind::Directory, (0, 0), 0o755)
        } else {
            base.owned(path, text(), (0, 0), 0o600)
        }
    });
    let run = plant(base.tmpfs("/home/app"))
        .config(format!("[[tmpfs]]\npath = '/home/app'\n[[directory]]\npath = '{path}'\nmode = '0777'\n"))
        .run();
    nothing_outside_is_touched(&run);
    run
}

fn link(path: &str, to: &str) -> impl FnOnce(Sandbox) -> Sandbox {
    let node = Node { owner: (1001, 1001), ..crate::support::sandbox::node(path, Kind::Symlink(to.into())) };
    move |base| base.with(|spec| spec.tree.push(node))
}

#[test]
fn link_leads_only_where_the_user_may_write() {
    // An existing directory, also behind a link, is left unchanged, and the user must be able to write to it.
    planted(link("/home/app/cache", "."), "/home/app/cache").app().is_dropped_to(1001, 1001, "1001");
    for to in ["/etc", "/disk/secrets", "/", "/proc/1/root", "/proc/self/cwd", ".."] {
        let run = planted(link("/home/app/cache", to), "/home/app/cache");
        run.refused_late(78, &["/home/app/cache is not writable to uid 1001"]);
    }
    // The user has no permission to create these.
    for (to, path) in [
        ("/etc/new", "/home/app/cache"),
        ("/etc", "/home/app/cache/new"),
        ("/disk/secrets", "/home/app/cache/a/b"),
        ("/etc/shadow", "/home/app/cache"),
        ("/etc/shadow", "/home/app/cache/new"),
        ("/home/app/cache", "/home/app/cache"),
        ("/home/app/cache", "/home/app/cache/new"),
        ("/dev/null", "/home/app/cache"),
    ] {
        let run = planted(link("/home/app/cache", to), path);
        run.refused_late(71, &["cannot create the directory /home/app/cache"]);
    }
    cases("links in place of a directory", 15);
}

#[test]
fn other_file_types_are_refused_without_blocking() {
    for kind in [Kind::Fifo, Kind::Socket, Kind::Device, text()] {
        let run = planted(|base| base.owned("/home/app/cache", kind, (1001, 1001), 0o644), "/home/app/cache");
        run.refused_late(
            71,
            &["cannot create the directory /home/app/cache", "ENOTDIR", "fix: make each part of its path a directory"],
        );
    }
    cases("other things in place of a directory", 4);
}

#[test]
fn root_does_not_use_home() {
    for home in ["/proc/1/root", "/etc", "/home/app/fifo", "/nowhere", "../..", "/home/app/link"] {
        let plant = |base: Sandbox| {
            link("/home/app/link", "/disk/secrets")(base.owned("/home/app/fifo", Kind::Fifo, (1001, 1001), 0o666))
        };
        let base = plant(sandbox().with(|spec| spec.read_only = false).tmpfs("/home/app").owned(
            "/disk/secrets",
            Kind::Directory,
            (0, 0),
            0o755,
        ));
        let base = base.config("[[tmpfs]]\npath = '/home/app'\n[boot_check]\nrequire_read_only_root = false\n");
        let with_home = base.with(|spec| spec.env[1] = format!("HOME={home}").into());
        let run = with_home.clone().run();
        run.app().is_dropped_to(1001, 1001, "1001");
        assert_eq!(run.app().variable("HOME"), home);
        // The check's probe writes as the user, and fails where the user cannot write.
        let check = with_home.words(["--check=init", "witness"]).run();
        check.check(check.outcome.code == Some(1) && check.stdout().contains("FAIL  HOME"), "a failed check of HOME");
        for path in ["/etc", "/disk/secrets"] {
            run.untouched(path);
            check.untouched(path);
        }
    }
    cases("homes", 12);
}
