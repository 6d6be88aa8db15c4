//! Programs, files and variables of root steps that an earlier app could have changed.

use crate::support::cases;
use crate::support::protocol::{Content, Kind};
use crate::support::run::Run;
use crate::support::sandbox::{Sandbox, sandbox};

/// A root step with this command, on a writable root, with directories that the user or everyone can write to.
fn planted(command: &str) -> Sandbox {
    stepping(&format!("command = [{command}]"))
}

/// A root step with these keys.
fn stepping(keys: &str) -> Sandbox {
    sandbox()
        .with(|spec| spec.read_only = false)
        .owned("/mine", Kind::Directory, (1001, 1001), 0o755)
        .owned("/hidden", Kind::Directory, (1001, 1001), 0o700)
        .owned("/shared", Kind::Directory, (0, 0), 0o777)
        .owned("/team", Kind::Directory, (0, 1001), 0o775)
        .owned("/sticky", Kind::Directory, (0, 0), 0o1777)
        .owned("/safe", Kind::Directory, (0, 0), 0o755)
        .file_mode("/usr/bin/rules", Content::Witness, 0o755)
        .config(format!("[[root_step]]\nname = 'rules'\n{keys}\n"))
        .words(["/bin/witness"])
}

fn program(base: Sandbox, path: &str, owner: (u32, u32)) -> Sandbox {
    base.owned(path, Kind::File(Content::Witness), owner, 0o755)
}

fn text() -> Kind {
    Kind::File(Content::Bytes(b"flush ruleset\n".into()))
}

/// The path of the program that the step ran, from its own report.
fn ran(run: &Run) -> String {
    let line = run.stderr().lines().find_map(|line| line.strip_prefix("init: step: rules: exe: ").map(str::to_owned));
    line.unwrap_or_else(|| panic!("no step ran\n{}", run.shown()))
}

#[track_caller]
fn is_refused(run: &Run, place: &str) {
    run.refused(78, &["refusing the root step 'rules'", place]);
}

#[test]
fn program_with_another_owner_is_refused() {
    let base = |name: &str| planted(&format!("'{name}'"));
    for directory in ["/mine", "/shared", "/team", "/sticky"] {
        let path = format!("{directory}/rules");
        is_refused(&program(base(&path), &path, (0, 0)).run(), directory);
        is_refused(&program(base(&path), &path, (1001, 1001)).run(), directory);
    }
    is_refused(&program(base("rules"), "/usr/bin/rules", (1001, 1001)).run(), "/usr/bin/rules belongs to uid 1001");
    is_refused(&program(base("rules"), "/usr/bin/rules", (2000, 0)).run(), "/usr/bin/rules belongs to uid 2000");
    let writable = base("rules").owned("/usr/bin/rules", Kind::File(Content::Witness), (0, 0), 0o775);
    is_refused(&writable.run(), "/usr/bin/rules is writable to its group 0");
    cases("programs of others", 11);
}

#[test]
fn root_step_ignores_the_engines_path() {
    for directory in ["/mine", "/hidden", "/shared", "/team", "/sticky"] {
        let base = planted("'rules', 'aside'").with(|spec| spec.env[0] = format!("PATH={directory}:/usr/bin").into());
        let run = program(base, &format!("{directory}/rules"), (1001, 1001)).run();
        run.check(run.started(), "that the app starts");
        assert_eq!(ran(&run), "/usr/bin/rules");
    }
    cases("directories of the engine's PATH", 5);
}

#[test]
fn fixed_path_that_others_can_write_to_is_refused() {
    for (owner, mode) in [((1001, 1001), 0o755), ((0, 0), 0o777), ((0, 0), 0o1777), ((0, 0), 0o775)] {
        for directory in ["/usr/local/bin", "/usr/sbin", "/bin"] {
            let base = planted("'rules'").owned("/usr/local", Kind::Directory, (0, 0), 0o755);
            is_refused(&base.owned(directory, Kind::Directory, owner, mode).run(), directory);
        }
    }
    // A directory of that PATH that is missing, where others could create it.
    is_refused(&planted("'rules'").owned("/usr/local", Kind::Directory, (0, 0), 0o777).run(), "/usr/local is writable");
    cases("directories of the fixed PATH", 13);
}

#[test]
fn interpreter_that_the_user_can_write_is_refused() {
    let script = |line: &str| Content::Bytes(format!("{line}\n").into());
    let refused = [
        "#!/mine/python",
        "#! /mine/python -u",
        "#!\t/mine/python\t-u",
        "#!/usr/bin/linked",
        "#!/usr/bin/outer",
        "#!/usr/bin/rules /mine/python",
        "#!/usr/bin/rules -f/mine/python",
        "#!/usr/bin/rules user-program",
        "#!mine/python",
    ];
    for line in refused {
        let base = planted("'script'")
            .node("/usr/bin/linked", Kind::Symlink("/mine/python".into()))
            .owned("/usr/bin/user-program", Kind::File(Content::Witness), (1001, 1001), 0o755)
            .file_mode("/usr/bin/outer", script("#!/mine/python"), 0o755)
            .file_mode("/usr/bin/script", script(line), 0o755);
        is_refused(&program(base, "/mine/python", (1001, 1001)).run(), "belongs to uid 1001");
    }
    let base = planted("'script'").file_mode("/usr/bin/script", script("#!/usr/bin/rules"), 0o755);
    assert_eq!(ran(&base.run()), "/usr/bin/rules");
    // A script that is its own interpreter ends the verification, and the kernel refuses to run it.
    let own = planted("'script'").file_mode("/usr/bin/script", script("#!/usr/bin/script"), 0o755);
    own.run().refused_late(70, &["step 'rules'"]);
    cases("interpreters of root steps", refused.len() + 2);
}

/// Spellings of an argument that passes a path to a program.
const SPELLINGS: [&str; 11] = [
    "{}",
    "X={}",
    "--file={}",
    "a=b={}",
    "-f{}",
    "@{}",
    "file://{}",
    "/nowhere:{}",
    "/etc/hostname,{}",
    "k=/etc:{}",
    "-vf{}",
];

#[test]
fn path_argument_that_others_can_write_is_refused() {
    let places =
        ["/mine/rules.nft", "/mine/absent", "/shared/rules.nft", "/sticky/rules.nft", "/safe/own", "/safe/linked"];
    for spelling in SPELLINGS {
        for place in places {
            let word = spelling.replace("{}", place);
            for keys in [
                format!("command = ['rules', '{word}']"),
                format!("command = ['rules']\nenv = {{ OPTION = '{word}' }}"),
            ] {
                let base = stepping(&keys)
                    .owned("/mine/rules.nft", text(), (0, 0), 0o644)
                    .owned("/shared/rules.nft", text(), (0, 0), 0o644)
                    .owned("/sticky/rules.nft", text(), (0, 0), 0o644)
                    .owned("/safe/own", text(), (1001, 1001), 0o644)
                    .node("/safe/linked", Kind::Symlink("/mine/rules.nft".into()));
                let run = base.run();
                is_refused(&run, if place == "/safe/own" { "/safe/own belongs to uid 1001" } else { " " });
            }
        }
    }
    for word in ["mine", "mine/rules.nft", "./mine/rules.nft", "usr/../mine/rules.nft", "-mmine", "user-program"] {
        let base = planted(&format!("'rules', '{word}'"))
            .owned("/usr/bin/user-program", Kind::File(Content::Witness), (1001, 1001), 0o755)
            .owned("/mine/rules.nft", text(), (0, 0), 0o644);
        is_refused(&base.run(), "belongs to uid 1001");
    }
    // The part behind a separator may contain another separator that belongs to the file's name.
    for name in ["one,two", "one:two", "one=two"] {
        let base = stepping(&format!("command = ['rules', 'OPTION=/safe/{name}']"));
        let base = base.owned(&format!("/safe/{name}"), text(), (1001, 1001), 0o644);
        is_refused(&base.run(), "belongs to uid 1001");
    }
    cases("arguments of root steps", 2 * SPELLINGS.len() * places.len() + 9);
}

/// The working directory is `/`, where Python looks for modules first.
#[test]
fn module_in_a_directory_of_others_is_refused() {
    let module = |base: Sandbox| base.owned("/mine/setup.py", text(), (1001, 1001), 0o644);
    for words in [
        "'-m', 'mine.setup'",
        "'-mmine.setup'",
        "'-um', 'mine.setup', 'x'",
        "'-m', 'mine'",
        "'-c', 'true; x -m  mine.setup'",
    ] {
        is_refused(&module(planted(&format!("'rules', {words}"))).run(), "/mine belongs to uid 1001");
    }
    for words in ["'-m', 'safe.setup'", "'-m', '1.5'", "'-m', '.mine'", "'--from', 'mine.example.com'"] {
        assert_eq!(ran(&module(planted(&format!("'rules', 'aside', {words}"))).run()), "/usr/bin/rules", "{words}");
    }
    let line = Content::Bytes(b"#!/usr/bin/rules -mmine.setup\n".into());
    is_refused(
        &module(planted("'script'")).file_mode("/usr/bin/script", line, 0o755).run(),
        "/mine belongs to uid 1001",
    );
    cases("modules", 10);
}

#[test]
fn directory_argument_is_verified_recursively() {
    let hooks = |fill: &dyn Fn(Sandbox) -> Sandbox| {
        let base = planted("'rules', '/safe/hooks'").owned("/safe/hooks", Kind::Directory, (0, 0), 0o755);
        fill(base.owned("/safe/hooks/a", Kind::Directory, (0, 0), 0o755).owned(
            "/safe/hooks/a/b",
            text(),
            (0, 0),
            0o644,
        ))
    };
    hooks(&|base| base).run().app().is_dropped_to(1001, 1001, "1001");
    let script = || Kind::File(Content::Bytes(b"#!/mine/sh\n".into()));
    let fills: [&dyn Fn(Sandbox) -> Sandbox; 9] = [
        &|base| base.owned("/safe/hooks/file", text(), (1001, 1001), 0o644),
        &|base| base.owned("/safe/hooks/a/file", text(), (0, 0), 0o666),
        &|base| base.owned("/safe/hooks/a/deep", Kind::Directory, (0, 0), 0o1777),
        &|base| base.owned("/safe/hooks/a/deep", Kind::Directory, (2000, 2000), 0o755),
        &|base| base.node("/safe/hooks/a/link", Kind::Symlink("/mine".into())),
        &|base| base.node("/safe/hooks/a/link", Kind::Symlink("../../../mine/absent".into())),
        &|base| base.owned("/safe/hooks/a/fifo", Kind::Fifo, (0, 0), 0o622),
        &|base| base.owned("/safe/hooks/a/script", script(), (0, 0), 0o755),
        &|base| base.node("/safe/hooks/mount", Kind::Bind("/mine".into())),
    ];
    for fill in fills {
        is_refused(&hooks(fill).run(), " ");
    }
    // More entries than can be verified.
    is_refused(&hooks(&|base| base.owned("/safe/hooks/m", Kind::Many(10_001), (0, 0), 0o755)).run(), "more than 10000");
    let deep = hooks(&|base| {
        let path = |levels| format!("/safe/hooks{}", "/d".repeat(levels));
        (1..60).fold(base, |base, levels| base.owned(&path(levels), Kind::Directory, (0, 0), 0o755))
    });
    is_refused(&deep.run(), "levels deep");
    is_refused(&planted("'rules', '/mine'").run(), "/mine belongs to uid 1001");
    is_refused(&planted("'rules', '/sticky'").run(), "/sticky is writable to everyone");
    cases("directories of root steps", fills.len() + 5);
}

#[test]
fn path_through_a_working_directory_is_refused() {
    // `/init` has a different working directory than the step, so it would verify another file.
    let words = ["/proc/self/cwd/mine/rules.nft", "/proc/thread-self/cwd/absent", "/proc/1/cwd/etc", "/safe/link/etc"];
    for word in words {
        let base = planted(&format!("'rules', '{word}'"))
            .owned("/mine/rules.nft", text(), (0, 0), 0o644)
            .node("/safe/link", Kind::Symlink("/proc/self/cwd".into()));
        is_refused(&base.run(), "leads each process elsewhere");
    }
    cases("paths through a working directory", words.len());
}

#[test]
fn arguments_without_a_path_or_with_roots_own_are_accepted() {
    for words in [
        "'link', 'set', 'dev', 'eth0'",
        "'-f', '/etc/passwd'",
        "'/dev/null', '/proc/self/status', '/proc', '/dev'",
        "'net.ipv4.ip_forward=1', '10.0.0.0/8', 'http://a/b', '-', '--', ''",
    ] {
        let run = planted(&format!("'rules', {words}")).run();
        run.check(run.started(), "that the app starts");
    }
    cases("arguments that are accepted", 4);
}

#[test]
fn root_step_gets_only_a_fixed_path_and_its_own_variables() {
    let engines = [
        "LD_PRELOAD=/mine/evil.so",
        "LD_LIBRARY_PATH=/mine",
        "PYTHONPATH=/mine",
        "BASH_ENV=/mine/rc",
        "ENV=/mine/rc",
        "IFS=/",
        "PS4=$(id)",
        "LANG=C",
        "TZ=/mine/zone",
    ];
    let keys =
        "command = ['rules', 'aside']\nenv = { RULES = '${TABLE}-1', EMPTY = '' }\n[env]\nFROM_ENV = '1'\nRULES = '2'";
    let run = engines.iter().fold(stepping(keys).env("TABLE=filter"), |base, entry| base.env(entry)).run();
    assert_eq!(ran(&run), "/usr/bin/rules");
    let mut given: Vec<_> = run
        .stderr()
        .lines()
        .filter_map(|line| line.strip_prefix("init: step: rules: env: ").map(str::to_owned))
        .collect();
    given.sort_unstable();
    let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    assert_eq!(given, ["EMPTY=", path, "RULES=filter-1"], "{}", run.shown());
    cases("variables kept from a root step", engines.len() + 2);
}

#[test]
fn root_step_runs_in_the_root_directory_with_umask_0022() {
    let base = planted("'rules', 'aside'").owned("/mine/work", Kind::Directory, (1001, 1001), 0o755);
    let text = "workdir = '/mine/work'\numask = '0000'\n[[root_step]]\nname = 'rules'\ncommand = ['rules', 'aside']\n";
    let run = base.config(text).with(|spec| spec.start.cwd = "/mine".into()).run();
    let said = |line: &str| run.check(run.stderr().contains(&format!("init: step: rules: {line}\n")), line);
    said("cwd: /");
    said("Umask: 0022");
}

/// Two root steps: the arguments of the first one, and the path that the second one gets.
fn two_steps(first: &str, word: &str) -> String {
    format!(
        "[[root_step]]\nname = 'first'\ncommand = ['rules', {first}]\n\
         [[root_step]]\nname = 'rules'\ncommand = ['rules', '{word}']\n"
    )
}

#[test]
fn files_of_an_earlier_step_are_verified_before_the_next() {
    let base = |first: &str| planted("'rules'").config(two_steps(first, "list=/safe/made"));
    let run = base("'mkdir=/safe/made'").run();
    run.check(run.started(), "that the app starts");
    let run = base("'mkdir=/safe/made', 'publish=/safe/made'").run();
    let fatal = "init: fatal: refusing the root step 'rules': list=/safe/made: /safe/made is writable to everyone";
    run.check(run.outcome.code == Some(78) && run.stderr().contains(fatal), fatal);
    run.check(!run.stderr().contains("info: step rules"), "that the second step does not start");
}

#[test]
fn step_may_create_a_directory_in_the_engines_run() {
    let base = |place: &str| {
        let text = two_steps(&format!("'mkdir={place}/made'"), &format!("list={place}/made"));
        ["/run", "/elsewhere"]
            .iter()
            .fold(planted("'rules'"), |base, mount| base.owned(mount, Kind::Tmpfs, (0, 0), 0o1777))
            .config(text)
    };
    let run = base("/run").run();
    run.check(run.started(), "that the app starts");
    base("/elsewhere").run().refused(78, &["refusing the root step 'first'", "/elsewhere is writable to everyone"]);
    // Below another PID 1 the app may already run.
    let beside = base("/run").with(|spec| spec.pid_one = false).run();
    beside.refused(78, &["refusing the root step 'first'", "/run is writable to everyone"]);
    // Here the root is a tmpfs with /run as one of its directories: an earlier app may have written to it.
    let text = two_steps("'mkdir=/run/made'", "list=/run/made");
    let of_the_root = planted("'rules'").owned("/run", Kind::Directory, (0, 0), 0o1777).config(text).run();
    of_the_root.refused(78, &["refusing the root step 'first'", "/run is writable to everyone"]);
}

#[test]
fn step_may_use_a_mount_in_the_engines_run() {
    let base = |mount: &str| {
        let place = format!("{mount}/list");
        planted(&format!("'rules', '{place}'"))
            .owned(mount, Kind::Tmpfs, (0, 0), 0o1777)
            .file("/safe/list", "flush ruleset")
            .node(&place, Kind::Bind("/safe/list".into()))
    };
    let run = base("/run").run();
    run.check(run.started(), "that the app starts");
    is_refused(&base("/run").with(|spec| spec.pid_one = false).run(), "/run is writable to everyone");
    is_refused(&base("/elsewhere").run(), "/elsewhere is writable to everyone");
}

#[test]
fn step_runs_the_program_that_was_verified_last() {
    let run = planted("'rules'")
        .owned("/usr/local", Kind::Directory, (0, 0), 0o755)
        .config(two_steps("'mkdir=/usr/local/bin', 'install=/usr/local/bin/rules'", "aside"))
        .run();
    run.check(run.started(), "that the app starts");
    assert_eq!(ran(&run), "/usr/local/bin/rules");
}

#[test]
fn failed_step_ends_the_boot() {
    for table in ["root_step", "step"] {
        let config = format!("[[{table}]]\nname = 'x'\ncommand = ['/bin/witness', 'exit=3']\n");
        let run = sandbox().config(config).words(["/bin/witness", "app"]).run();
        run.check(run.outcome.code == Some(70), "exit code 70");
        run.check(run.stderr().contains("init: fatal: step 'x' exited with 3"), "the record");
        run.check(!run.stdout().contains("argv: app"), "that the app never runs");
    }
    cases("steps that fail", 2);
}
