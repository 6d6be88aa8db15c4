//! Races of an app in another container with the walk of a shared volume: `/init` is held before each of its system
//! calls in turn, the app changes the volume, and `/init` continues. No file outside may change its owner, no file of
//! the app may become root's, and the container must always start.

use super::volume::{nothing_outside_is_touched, text, volume};
use crate::support::cases;
use crate::support::protocol::{Answer, Fault, Faults, Frozen, Kind, Move, Node, Spec};
use crate::support::run::Run;
use crate::support::sandbox::{Sandbox, node};

const VICTIM: &str = "/disk/victim";

fn rename(from: &str, to: &str) -> Move {
    Move::Rename(format!("/disk/data/{from}"), format!("/disk/data/{to}"))
}

/// A volume that is walked because the group of its top is wrong, with a file of root beside it.
fn walked(fill: impl FnOnce(Sandbox) -> Sandbox) -> Sandbox {
    volume(|base| {
        let base = base.owned(VICTIM, text(), (0, 44), 0o660).with(|spec| {
            spec.tree.retain(|node| node.path != "/disk/data");
            spec.tree.push(Node { owner: (1001, 44), mode: Some(0o755), ..node("/disk/data", Kind::Directory) });
        });
        fill(base)
    })
}

fn directory(base: Sandbox, name: &str, uid: u32, mode: u32) -> Sandbox {
    base.owned(&format!("/disk/data/{name}"), Kind::Directory, (uid, uid), mode)
}

fn linked(base: Sandbox, name: &str) -> Sandbox {
    base.node(&format!("/disk/data/{name}"), Kind::HardLink(VICTIM.into()))
}

/// A kernel that does not have `setfsuid(2)`.
fn without_file_system_uid(sandbox: Sandbox) -> Sandbox {
    sandbox.with(|spec| {
        let answer = Answer::Errno(libc::ENOSYS);
        let rule = Fault { child: false, call: libc::SYS_setfsuid, arguments: Vec::new(), nth: None, answer };
        spec.faults = Some(Faults { record: false, rules: vec![rule], frozen: None });
    })
}

fn held(sandbox: &Sandbox, before: usize, moves: &[Move]) -> Run {
    let frozen = Some(Frozen { before, moves: moves.to_vec() });
    let hold = |spec: &mut Spec| {
        let rules = spec.faults.take().map_or_else(Vec::new, |faults| faults.rules);
        spec.faults = Some(Faults { record: true, rules, frozen });
    };
    sandbox.clone().with(hold).run()
}

/// Tries the moves before each call of the boot, in both orders of the directories. Returns how many were made.
#[track_caller]
fn in_every_window(what: &str, sandbox: &Sandbox, moves: &[Move]) -> usize {
    let calls = held(sandbox, usize::MAX, &[]).outcome.calls.len();
    assert!(calls > 50, "only {calls} calls were recorded");
    let mut moved = 0;
    for before in 0..calls {
        let run = held(sandbox, before, moves);
        run.check(run.started(), &format!("that {what} before call {before} does not prevent the start"));
        nothing_outside_is_touched(&run);
        run.owns(VICTIM, 0, 44, 0o660);
        for (path, facts) in run.outcome.after.iter().filter(|(path, _)| path.starts_with("/disk/data")) {
            let was_apps = run.outcome.before.get(path).is_some_and(|facts| facts.uid == 1001);
            run.check(!was_apps || facts.uid == 1001, &format!("that {path} stays the app's (before call {before})"));
        }
        moved += run.outcome.moved;
    }
    assert!(moved > 0, "{what}: no move was possible");
    calls
}

#[test]
fn renames_during_the_walk_hand_over_no_file_outside() {
    let mut windows = 0;
    // Only their owner can read some of the directories.
    let closed = |base| directory(directory(base, "D1", 1001, 0o700), "D2", 1001, 0o700);
    // Root finds one of its directories by two names.
    let below = |base| directory(directory(base, "P", 1001, 0o755), "P/D1", 0, 0o755);
    let renamed = |base| directory(below(base), "P/M", 1001, 0o700);
    let closed_moves = [
        ("a name moved on", linked(walked(closed), "D1/x"), rename("D1/x", "D2/x")),
        ("a name moved back", linked(walked(closed), "D2/x"), rename("D2/x", "D1/x")),
        ("a directory renamed", linked(walked(renamed), "P/D1/x"), rename("P/D1", "P/Z")),
    ];
    for (what, sandbox, one) in closed_moves {
        windows += in_every_window(what, &sandbox, std::slice::from_ref(&one));
        // Without setfsuid(2), root takes them over to read them, and gives them back.
        windows += in_every_window(what, &without_file_system_uid(sandbox), &[one]);
    }
    let mut try_all = |what: &str, fill: &dyn Fn(Sandbox) -> Sandbox, moves: &[Move]| {
        windows += in_every_window(what, &walked(fill), moves);
    };
    // Root owns both from the start, and finds the last name inside after the first is gone.
    let roots = |base| directory(directory(base, "D1", 0, 0o755), "D2", 0, 0o755);
    let both = |base| linked(linked(roots(base), "D1/x"), "D2/x");
    try_all("the first name removed", &both, &[Move::Unlink("/disk/data/D1/x".into())]);
    try_all("the second name removed", &both, &[Move::Unlink("/disk/data/D2/x".into())]);
    // The app owns both, root owns the file.
    let apps = |base| directory(directory(base, "D1", 1001, 0o755), "D2", 1001, 0o755);
    try_all("a name moved on by the owner", &|base| linked(apps(base), "D1/x"), &[rename("D1/x", "D2/x")]);
    try_all("a name moved back by the owner", &|base| linked(apps(base), "D2/x"), &[rename("D2/x", "D1/x")]);
    // From a directory of root to one of the app, and back.
    let mixed = |base| directory(directory(base, "D1", 0, 0o755), "D2", 1001, 0o755);
    try_all("a name moved out", &|base| linked(mixed(base), "D1/x"), &[rename("D1/x", "D2/x")]);
    try_all("a name moved in", &|base| linked(mixed(base), "D2/x"), &[rename("D2/x", "D1/x")]);
    cases("windows of the walk in which a name was moved", windows);
}

#[test]
fn changes_during_the_walk_do_not_prevent_the_start() {
    let mut windows = 0;
    let mut try_all = |what: &str, moves: &[Move]| {
        let fill = |base| {
            let base = directory(directory(base, "D1", 1001, 0o700), "D1/below", 1001, 0o755);
            let base = directory(directory(base, "D2", 1001, 0o755), "D2/below", 1001, 0o755);
            base.owned("/disk/data/D2/file", text(), (1001, 44), 0o600)
        };
        windows += in_every_window(what, &walked(fill), moves);
    };
    let path = |name: &str| format!("/disk/data/{name}");
    try_all("a directory closed", &[Move::Chmod(path("D2"), 0), Move::Chmod(path("D1"), 0)]);
    try_all("a directory removed", &[Move::RemoveDirectory(path("D1/below")), Move::RemoveDirectory(path("D2/below"))]);
    try_all("a directory moved", &[rename("D2/below", "D1/moved"), rename("D1", "D3")]);
    try_all(
        "another group",
        &[Move::ChangeGroup(path("D2/file")), Move::ChangeGroup(path("D2")), Move::ChangeGroup(path(""))],
    );
    try_all("a file closed and removed", &[Move::Chmod(path("D2/file"), 0), Move::Unlink(path("D2/file"))]);
    cases("windows of the walk in which the app closed, moved or removed something", windows);
}

#[test]
fn the_app_can_always_enter_its_directories_during_the_walk() {
    let base = walked(|base| directory(directory(base, "D1", 1001, 0o700), "D1/below", 1001, 0o500));
    let moves = ["/disk/data", "/disk/data/D1", "/disk/data/D1/below"].map(|path| Move::Enter(path.into()));
    let calls = held(&base, usize::MAX, &[]).outcome.calls.len();
    for before in 0..calls {
        let run = held(&base, before, &moves);
        run.check(run.started(), &format!("a start with a pause before call {before}"));
        run.check(
            run.outcome.moved == moves.len(),
            &format!("that the app enters its directories before call {before}"),
        );
    }
    cases("windows of the walk in which the app entered its directories", calls);
}

#[test]
fn directories_closed_to_root_are_skipped_with_a_warning() {
    for mode in [0, 0o100, 0o300, 0o400] {
        let planted = walked(|base| {
            let base = directory(directory(base, "closed", 1001, 0o755), "closed/below", 1001, 0o755);
            base.owned("/disk/data/closed", Kind::Directory, (1001, 1001), mode)
        });
        for sandbox in [without_file_system_uid(planted.clone()), planted] {
            let run = sandbox.run();
            run.app().is_dropped_to(1001, 1001, "1001");
            run.owns("/data/closed", 1001, 1001, mode);
            run.owns("/data", 1001, 1001, 0o755);
            run.check(run.stderr().contains("that root cannot enter"), "a warning about what is left unchanged");
        }
    }
    cases("directories that root cannot enter", 8);
}
