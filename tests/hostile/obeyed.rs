//! Everything that root reads or runs, planted in every place that others can write to: each is refused, and is
//! neither run, read nor printed. In places that only root can write to, each is accepted.

use std::collections::BTreeMap;

use super::configuration::{USER, access_list};
use crate::support::cases;
use crate::support::protocol::{Content, Kind, Node};
use crate::support::run::Run;
use crate::support::sandbox::{Sandbox, node, sandbox};

/// What root reads or runs. The first three have a default path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Thing {
    Configuration,
    Users,
    Groups,
    Program,
    Interpreter,
    InterpretersWord,
    Word,
    WordBehindSign,
    TextsWord,
    DirectoryWord,
    StepsVariable,
    VariablesList,
    Secret,
}

const THINGS: [Thing; 13] = [
    Thing::Configuration,
    Thing::Users,
    Thing::Groups,
    Thing::Program,
    Thing::Interpreter,
    Thing::InterpretersWord,
    Thing::Word,
    Thing::WordBehindSign,
    Thing::TextsWord,
    Thing::DirectoryWord,
    Thing::StepsVariable,
    Thing::VariablesList,
    Thing::Secret,
];

/// How others can have write access to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Owner,
    OtherOwner,
    Group,
    RootsGroup,
    Everyone,
    AccessList,
    Directory,
    DirectoryOfOthers,
    DirectoryOfAGroup,
    DirectoryByAccessList,
    DirectoryAbove,
    Sticky,
    LinkOfOthers,
    LinkThroughOthers,
    LinkInSticky,
    Mount,
    ReadOnlyMount,
    MountOfAnotherNamespace,
    UnlinkedByItsOwner,
    ReplacedWhileOpen,
}

const PLACES: [Place; 20] = [
    Place::Owner,
    Place::OtherOwner,
    Place::Group,
    Place::RootsGroup,
    Place::Everyone,
    Place::AccessList,
    Place::Directory,
    Place::DirectoryOfOthers,
    Place::DirectoryOfAGroup,
    Place::DirectoryByAccessList,
    Place::DirectoryAbove,
    Place::Sticky,
    Place::LinkOfOthers,
    Place::LinkThroughOthers,
    Place::LinkInSticky,
    Place::Mount,
    Place::ReadOnlyMount,
    Place::MountOfAnotherNamespace,
    Place::UnlinkedByItsOwner,
    Place::ReplacedWhileOpen,
];

/// The file's content.
fn content(thing: Thing) -> Content {
    let text = |text: &str| Content::Bytes(text.into());
    match thing {
        Thing::Configuration => text("[[root_step]]\nname = 'planted'\ncommand = ['/bin/witness', 'aside']\n"),
        Thing::Users => text("root:x:0:0::/root:\napp:x:1001:1001::/home/app:\n"),
        Thing::Groups => text("root:x:0:\napp:x:1001:\n"),
        Thing::Program | Thing::Interpreter => Content::Witness,
        Thing::InterpretersWord
        | Thing::Word
        | Thing::WordBehindSign
        | Thing::TextsWord
        | Thing::StepsVariable
        | Thing::VariablesList
        | Thing::DirectoryWord => text("planted\n"),
        Thing::Secret => text("planted-secret\n"),
    }
}

/// A sandbox whose start uses the thing at this path. Account files have a fixed path.
fn obeying(thing: Thing, path: &str) -> Sandbox {
    let script = |line: String| Content::Bytes(format!("#!{line}\n").into());
    let step = |keys: String| {
        let base = sandbox().config(format!("[[root_step]]\nname = 'planted'\n{keys}\n"));
        base.words(["/bin/witness"]).with(|spec| spec.read_only = false)
    };
    let named = |options: &[&str]| {
        let words: Vec<&str> = options.iter().copied().chain(["/bin/witness"]).collect();
        sandbox().words(words).with(|spec| spec.read_only = false)
    };
    match thing {
        Thing::Configuration => named(&["--config", path]),
        Thing::Users => named(&["--user", "app:1001"]),
        Thing::Groups => named(&["--user", "1001:app"]),
        Thing::Program => step(format!("command = ['{path}', 'aside']")),
        Thing::Interpreter => step("command = ['/usr/bin/script', 'aside']".into()).file_mode(
            "/usr/bin/script",
            script(path.to_owned()),
            0o755,
        ),
        Thing::InterpretersWord => step("command = ['/usr/bin/script']".into()).file_mode(
            "/usr/bin/script",
            script(format!("/bin/witness {path}")),
            0o755,
        ),
        Thing::Word => step(format!("command = ['/bin/witness', 'aside', '{path}']")),
        Thing::WordBehindSign => step(format!("command = ['/bin/witness', 'aside', '--from={path}']")),
        Thing::DirectoryWord => {
            let directory = path.rsplit_once('/').unwrap().0;
            step(format!("command = ['/bin/witness', 'aside', '{directory}']"))
        }
        Thing::TextsWord => {
            step(format!("command = ['/bin/witness', 'aside', 'set -e;. /etc/none <{path}>/dev/null']"))
        }
        Thing::VariablesList => {
            step(format!("command = ['/bin/witness', 'aside']\nenv = {{ FROM = '-I/none -I{path} -Mx' }}"))
        }
        Thing::StepsVariable => step(format!("command = ['/bin/witness', 'aside']\nenv = {{ FROM = '{path}' }}")),
        Thing::Secret => named(&[]).config(format!("[secrets]\nTOKEN = '{path}'\n")),
    }
}

/// The thing's path and the files of this place. Account files are always in `/etc`.
struct Planted {
    path: String,
    nodes: Vec<Node>,
    race: Option<(String, String)>,
    read_only: bool,
}

fn planted(thing: Thing, place: Place) -> Planted {
    let account = match thing {
        Thing::Users => Some("passwd"),
        Thing::Groups => Some("group"),
        _ => None,
    };
    let name = account.unwrap_or("thing");
    let home = if account.is_some() { "/etc" } else { "/home/root/in" };
    let path = format!("{home}/{name}");
    let executable = matches!(thing, Thing::Program | Thing::Interpreter);
    let bits = |mode: u32| if executable { mode | 0o111 } else { mode };
    // `/init` reads a secret as the user where the user may read it, so only root may read the planted one.
    let plain = if thing == Thing::Secret { 0o600 } else { 0o644 };
    let file = |path: &str, owner: (u32, u32), mode: u32| Node {
        owner,
        mode: Some(bits(mode)),
        ..node(path, Kind::File(content(thing)))
    };
    let directory =
        |path: &str, owner: (u32, u32), mode: u32| Node { owner, mode: Some(mode), ..node(path, Kind::Directory) };
    let link = |path: &str, owner: (u32, u32), to: &str| Node { owner, ..node(path, Kind::Symlink(to.into())) };
    let (root, app) = ((0, 0), (1001, 1001));
    let roots_file = || file(&path, root, plain);
    let with_list = |node: Node| Node { access_list: access_list(USER, 7, 2000, 7), ..node };
    let (mut race, mut read_only) = (None, false);
    let nodes = match place {
        Place::Owner => vec![file(&path, app, plain)],
        Place::OtherOwner => vec![file(&path, (2000, 0), plain)],
        Place::Group => vec![file(&path, (0, 1001), plain | 0o020)],
        Place::RootsGroup => vec![file(&path, root, plain | 0o020)],
        Place::Everyone => vec![file(&path, root, plain | 0o002)],
        Place::AccessList => vec![with_list(roots_file())],
        Place::Directory => vec![directory(home, app, 0o755), roots_file()],
        Place::DirectoryOfOthers => vec![directory(home, root, 0o757), roots_file()],
        Place::DirectoryOfAGroup => vec![directory(home, root, 0o775), roots_file()],
        Place::DirectoryByAccessList => vec![with_list(directory(home, root, 0o755)), roots_file()],
        Place::DirectoryAbove if account.is_some() => vec![directory("/", app, 0o755), roots_file()],
        Place::DirectoryAbove => vec![directory("/home/root", app, 0o755), roots_file()],
        Place::Sticky => vec![directory(home, root, 0o1777), roots_file()],
        Place::LinkOfOthers => vec![file("/safe/real", root, plain), link(&path, app, "/safe/real")],
        Place::LinkThroughOthers => vec![
            directory("/mine", app, 0o755),
            file("/safe/real", root, plain),
            link("/mine/link", root, "/safe/real"),
            link(&path, root, "/mine/link"),
        ],
        Place::LinkInSticky => vec![
            directory("/shared", root, 0o1777),
            file("/safe/real", root, plain),
            link("/shared/link", root, "/safe/real"),
            link(&path, root, "../../../../shared/link"),
        ],
        Place::Mount | Place::ReadOnlyMount if account.is_some() => {
            read_only = place == Place::ReadOnlyMount;
            vec![file(&path, app, plain)]
        }
        Place::Mount | Place::ReadOnlyMount => {
            read_only = place == Place::ReadOnlyMount;
            let from = file(&format!("/disk/{name}"), root, plain);
            vec![directory("/disk", app, 0o755), from, node(home, Kind::Bind("/disk".into()))]
        }
        Place::MountOfAnotherNamespace if account.is_some() => vec![file(&path, (65534, 65534), plain)],
        Place::MountOfAnotherNamespace => vec![directory(home, (65534, 65534), 0o755), roots_file()],
        Place::UnlinkedByItsOwner => {
            race = Some((path.clone(), format!("{home}/aside")));
            vec![directory(home, root, 0o1777), file(&path, app, plain)]
        }
        Place::ReplacedWhileOpen => {
            race = Some((path.clone(), format!("{home}/other")));
            // `/init` would read the user's own file as the user, which is allowed.
            let owner = if thing == Thing::Secret { (2000, 2000) } else { app };
            vec![directory(home, app, 0o755), roots_file(), file(&format!("{home}/other"), owner, plain)]
        }
    };
    Planted { path, nodes, race, read_only }
}

fn base(thing: Thing, planted: &Planted) -> Sandbox {
    let base = obeying(thing, &planted.path);
    base.owned("/home", Kind::Directory, (0, 0), 0o755)
        .owned("/home/root", Kind::Directory, (0, 0), 0o755)
        .owned("/home/root/in", Kind::Directory, (0, 0), 0o755)
        .owned("/safe", Kind::Directory, (0, 0), 0o755)
        .with(|spec| {
            spec.tree.extend(planted.nodes.clone());
            spec.read_only = planted.read_only;
            spec.races.extend(planted.race.clone());
        })
}

/// Nothing that was planted ran or was printed.
fn is_held(thing: Thing, run: &Run) -> Result<(), &'static str> {
    let out = [run.stdout(), run.stderr()].concat();
    let refusal = if thing == Thing::Secret { "secret TOKEN" } else { "init: fatal: refusing " };
    if run.outcome.code != Some(78) {
        Err("not refused")
    } else if run.started() || out.contains("init: step: planted: ") || out.contains("planted-secret") {
        Err("obeyed")
    } else if !out.contains(refusal) {
        Err("another refusal")
    } else {
        Ok(())
    }
}

#[test]
fn everything_that_others_could_have_planted_is_refused() {
    let mut wrong = BTreeMap::new();
    for thing in THINGS {
        for place in PLACES {
            let run = base(thing, &planted(thing, place)).run();
            // A secret that the user may read is read as the user.
            let users = matches!(place, Place::Owner | Place::AccessList | Place::UnlinkedByItsOwner);
            if thing == Thing::Secret && users && run.started() {
                continue;
            }
            if let Err(what) = is_held(thing, &run) {
                wrong.insert((thing, place), format!("{what}\n{}", run.shown()));
            }
        }
    }
    let named: Vec<String> = wrong.iter().map(|(cell, what)| format!("{cell:?}: {what}")).collect();
    assert!(wrong.is_empty(), "{} cells are wrong: {:?}\n{}", wrong.len(), wrong.keys(), named.join("\n"));
    cases("writable places by things that root uses", THINGS.len() * PLACES.len());
}

#[test]
fn everything_that_only_root_can_write_is_used() {
    for thing in THINGS {
        let account = matches!(thing, Thing::Users | Thing::Groups);
        let path = match thing {
            Thing::Users => "/etc/passwd",
            Thing::Groups => "/etc/group",
            _ => "/home/root/in/thing",
        };
        let file = Node { mode: Some(0o755), ..node(path, Kind::File(content(thing))) };
        let linked = Node { mode: Some(0o755), ..node("/safe/real", Kind::File(content(thing))) };
        let link = node(path, Kind::Symlink("../../../safe/real".into()));
        let mut trees = vec![vec![file.clone()]];
        if !account {
            let sticky = Node { mode: Some(0o1777), ..node("/home", Kind::Directory) };
            trees.extend([vec![linked, link], vec![sticky, file]]);
        }
        for nodes in trees {
            let run = base(thing, &Planted { path: path.into(), nodes, race: None, read_only: false }).run();
            run.check(run.started(), &format!("that {thing:?} that only root can write is used"));
        }
    }
    cases("things that only root can write", THINGS.len() * 3 - 4);
}

/// In a directory that is open to everyone, another container can end a mount by removing the name below it. So a
/// program must not look up such a path again; `/init` itself verifies and reads an open file.
#[test]
fn mount_in_a_sticky_directory_is_used_only_if_opened_once() {
    let mut tried = 0;
    for thing in THINGS {
        if matches!(thing, Thing::Users | Thing::Groups) {
            continue;
        }
        let file = Node { mode: Some(0o755), ..node("/safe/thing", Kind::File(content(thing))) };
        let sticky = |path: &str| Node { mode: Some(0o1777), ..node(path, Kind::Directory) };
        let mounts =
            [("/home/root/in", "/home/root/in/thing", "/safe/thing"), ("/home/root", "/home/root/in", "/safe")];
        for (open, place, from) in mounts {
            let nodes = vec![file.clone(), sticky(open), node(place, Kind::Bind(from.into()))];
            let path = "/home/root/in/thing".into();
            let run = base(thing, &Planted { path, nodes, race: None, read_only: false }).run();
            if matches!(thing, Thing::Configuration | Thing::Secret) {
                run.check(run.started(), &format!("that {thing:?} at {place} is used"));
            } else if let Err(what) = is_held(thing, &run) {
                run.check(false, &format!("that {thing:?} at {place} is refused ({what})"));
            }
            tried += 1;
        }
    }
    cases("mounts in sticky directories", tried);
}

/// The forms in which a word or a variable names a file beside another one.
#[test]
fn each_name_in_a_list_or_a_text_is_verified() {
    let base = sandbox()
        .with(|spec| spec.read_only = false)
        .owned("/data", Kind::Directory, (1001, 1001), 0o755)
        .owned("/data/f", Kind::File(Content::Bytes(b"x".into())), (1001, 1001), 0o644);
    let word = |word: &str| format!("command = ['/bin/witness', 'aside', \"\"\"{word}\"\"\"]");
    let value = |value: &str| format!("command = ['/bin/witness', 'aside']\nenv = {{ V = \"\"\"{value}\"\"\" }}");
    let texts = [
        "x /data/f",
        "x\t/data/f",
        "x\n/data/f",
        "x;/data/f",
        "x</data/f",
        "x>/data/f",
        "x|/data/f",
        "x&&/data/f",
        "$$(/data/f)",
        "`/data/f`",
        "{/data/f,x}",
        "'/data/f' x",
        "x '/data/f'",
        "-I /data/f -x",
        "x -I/data/f -y",
        "x --from=/data/f y",
        "cat data/f x",
        "/data/* x",
        "x@/data/f",
        "x:y /data/f",
        "x,y /data/f z",
        "+/data/f",
        "-vxCdata/f",
    ];
    for text in texts {
        for step in [word(text), value(text)] {
            let run = base.clone().config(format!("[[root_step]]\nname = 'x'\n{step}\n")).run();
            run.refused(78, &["refusing the root step 'x': ", "/data belongs to uid 1001"]);
        }
    }
    for text in ["x >/dev/null 2>&1 </dev/stdin", "/dev/zero", "1 / 0 // 2"] {
        for step in [word(text), value(text)] {
            let run = base.clone().config(format!("[[root_step]]\nname = 'x'\n{step}\n")).run();
            run.app().is_dropped_to(1001, 1001, "1001");
        }
    }
    // Only a variable is split into names without a slash: most words of a shell's text or a sentence are none.
    for text in ["x data", "-x -Idata y", "data;x"] {
        let config = |step: String| base.clone().config(format!("[[root_step]]\nname = 'x'\n{step}\n"));
        config(value(text)).run().refused(78, &["refusing the root step 'x': V: /data belongs to uid 1001"]);
        config(word(text)).run().app().is_dropped_to(1001, 1001, "1001");
    }
    cases("names in lists and texts", texts.len() * 2 + 12);
}
