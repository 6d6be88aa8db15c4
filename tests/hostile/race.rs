//! Names that are exchanged during the walk: a directory, a file and a mount point, each for a link.

use super::volume::{nothing_outside_is_touched, text, volume};
use crate::support::cases;
use crate::support::protocol::Kind;
use crate::support::sandbox::{Sandbox, sandbox};

/// Boots for each race: most lose it, and one that wins is enough.
const BOOTS: usize = 12;

/// A volume in which a directory, a file and a nested directory are exchanged for links to targets outside, and back.
fn racing() -> Sandbox {
    let racy = volume(|base| {
        base.owned("/disk/data/a", Kind::Directory, (0, 0), 0o755)
            .owned("/disk/data/a/many", Kind::Many(300), (0, 0), 0o755)
            .owned("/disk/data/a/middle", Kind::Directory, (0, 0), 0o755)
            .owned("/disk/data/a/middle/one", text(), (0, 0), 0o644)
            .owned("/disk/data/a/file", text(), (0, 0), 0o644)
            .node("/disk/data/a/to-file", Kind::Symlink("/disk/secret".into()))
            .node("/disk/data/a/to-directory", Kind::Symlink("/disk/secrets".into()))
            .owned("/disk/data/z", Kind::Many(300), (0, 0), 0o755)
    });
    racy.race("/disk/data/a/middle", "/disk/data/a/to-directory").race("/disk/data/a/file", "/disk/data/a/to-file")
}

#[test]
fn raced_walk_changes_nothing_outside() {
    let newer = [libc::SYS_openat2, libc::SYS_statx];
    let mut rounds = 0;
    for boot in 0..BOOTS {
        let old =
            |sandbox: Sandbox| newer.into_iter().fold(sandbox, |sandbox, call| sandbox.answer(call, &[], libc::ENOSYS));
        let run = if boot % 4 == 3 { old(racing()) } else { racing() }.run();
        run.app().is_dropped_to(1001, 1001, "1001");
        nothing_outside_is_touched(&run);
        rounds += run.outcome.rounds;
    }
    assert!(rounds > 1000, "the racers hardly ran: {rounds} exchanges");
    cases(&format!("raced walks ({rounds} exchanges)"), BOOTS);
}

/// Boots in which a name is moved between two reads of its directory: each hit is by chance.
const MOVES: usize = 36;

/// A file with a name outside, exchanged for another file in a directory that others can write to. The walk meets
/// both names, which equals the file's link count.
#[test]
fn moved_name_is_not_counted_twice() {
    let mut rounds = 0;
    for boot in 0..MOVES {
        let (owner, mode) = if boot % 2 == 0 { ((1001, 1001), 0o755) } else { ((0, 0), 0o777) };
        let planted = volume(|base| {
            // Many entries, so that enough time passes between the two.
            base.owned("/disk/data/open", Kind::Many(300), owner, mode)
                .owned("/disk/data/open/file", text(), (0, 0), 0o644)
                .node("/disk/data/open/innocent", Kind::HardLink("/disk/shadow".into()))
        });
        let run = planted.race("/disk/data/open/innocent", "/disk/data/open/file").run();
        run.app().is_dropped_to(1001, 1001, "1001");
        // An exchange changes the file too, so only its owner shows whether it was handed over.
        run.owns("/disk/shadow", 0, 0, 0o640);
        run.owns("/data/open", 1001, 1001, mode);
        rounds += run.outcome.rounds;
    }
    assert!(rounds > 1000, "the racer hardly ran: {rounds} exchanges");
    cases(&format!("names that are moved ({rounds} exchanges)"), MOVES);
}

/// A directory on the path of a mount point, exchanged for a link to another mount point.
#[test]
fn raced_mount_point_is_handed_over_or_refused() {
    let (mut handed, mut refused, mut rounds) = (0, 0, 0);
    for _ in 0..BOOTS {
        let run = sandbox()
            .node("/var", Kind::Directory)
            .node("/var/lib", Kind::Directory)
            .tmpfs("/var/lib/cache")
            .tmpfs("/target/cache")
            .node("/var/link", Kind::Symlink("/target".into()))
            .config("[[tmpfs]]\npath = '/var/lib/cache'\nmode = '0777'\n")
            .race("/var/lib", "/var/link")
            .run();
        run.untouched("/target/cache");
        if run.started() {
            run.app().is_dropped_to(1001, 1001, "1001");
            handed += 1;
        } else {
            // Refused at the link, or once the other directory is in its place.
            let said = run.refused_late(78, &["/var/lib/cache"]);
            let link = "has a symbolic link in it";
            assert!(said.contains(link) || said.contains("is not writable to uid 1001"), "{said}");
            refused += 1;
        }
        rounds += run.outcome.rounds;
    }
    assert!(rounds > 100, "the racer hardly ran: {rounds} exchanges");
    cases(&format!("raced mount points ({handed} handed over, {refused} refused, {rounds} exchanges)"), BOOTS);
}
