//! Programs with the names of root steps, planted wherever the app of a previous life could write: root runs none of them.

use crate::support::cases;
use crate::support::protocol::{Content, Kind};
use crate::support::run::Run;
use crate::support::sandbox::{Sandbox, sandbox};

/// Root steps of this command, on a writable root, with places in `PATH` that the user can write to and others.
fn planted(path: &str, command: &str) -> Sandbox {
    sandbox()
        .with(|spec| {
            spec.read_only = false;
            spec.env[0] = format!("PATH={path}").into();
        })
        .owned("/mine", Kind::Directory, (1001, 1001), 0o755)
        .owned("/hidden", Kind::Directory, (1001, 1001), 0o700)
        .owned("/shared", Kind::Directory, (0, 0), 0o777)
        .owned("/team", Kind::Directory, (0, 1001), 0o775)
        .owned("/sticky", Kind::Directory, (0, 0), 0o1777)
        .file_mode("/usr/bin/rules", Content::Witness, 0o755)
        .config(format!("[[root_step]]\nname = 'rules'\ncommand = [{command}]\n"))
        .words(["/bin/witness"])
}

fn program(base: Sandbox, path: &str, owner: (u32, u32)) -> Sandbox {
    base.owned(path, Kind::File(Content::Witness), owner, 0o755)
}

/// The program that the step ran, of which the report of the step tells.
fn ran(run: &Run) -> String {
    let line = run.stderr().lines().find_map(|line| line.strip_prefix("init: step: rules: exe: ").map(str::to_owned));
    line.unwrap_or_else(|| panic!("no step ran\n{}", run.shown()))
}

#[test]
fn a_planted_program_that_comes_first_ends_the_boot() {
    let refused = ["/mine", "/shared", "/team", "/sticky"];
    for directory in refused {
        let base = planted(&format!("{directory}:/usr/bin:/bin"), "'rules'");
        program(base, &format!("{directory}/rules"), (1001, 1001))
            .run()
            .refused(78, &["refusing the root step 'rules'", directory]);
    }
    // Root's own program, in a place where it can be replaced.
    let base = planted("/mine:/usr/bin", "'rules'");
    program(base, "/mine/rules", (0, 0)).run().refused(78, &["/mine belongs to uid 1001"]);
    cases("programs planted first", refused.len() + 1);
}

#[test]
fn a_planted_program_that_comes_second_is_never_run_instead() {
    for (path, first) in [
        // What root cannot look into, and what exec passes over.
        ("/hidden:/mine:/usr/bin", None),
        ("/closed:/mine:/usr/bin", None),
        ("/lost:/mine:/usr/bin", Some("/lost/rules")),
    ] {
        let mut base = planted(path, "'rules'")
            .owned("/closed", Kind::Directory, (2000, 2000), 0o700)
            .node("/lost", Kind::Directory);
        base = program(program(base, "/mine/rules", (1001, 1001)), "/hidden/rules", (1001, 1001));
        if let Some(lost) = first {
            base = base.file_mode(lost, Content::Bytes(b"#!/nowhere/at/all\n".to_vec()), 0o755);
        }
        let run = base.run();
        run.check(!run.stderr().contains("init: step: rules: "), "that no planted program runs as root");
        run.check(!run.started(), "that the app never runs");
    }
    cases("programs planted second", 3);
}

#[test]
fn the_path_that_a_root_step_gets_has_only_roots_places() {
    let base = planted("/mine:/usr/bin:/hidden:/shared::.:relative:/team:/bin:/mine/../usr/bin", "'rules', 'aside'");
    let run = base.run();
    run.check(run.started(), "that the app starts");
    assert_eq!(ran(&run), "/usr/bin/rules", "{}", run.shown());
    let path =
        run.stderr().lines().find_map(|line| line.strip_prefix("init: step: rules: env: PATH=").map(str::to_owned));
    assert_eq!(path.as_deref(), Some("/usr/bin:/bin"), "{}", run.shown());
    // The app's own is what the engine gave.
    run.app().variable("PATH").starts_with("/mine:/usr/bin:").then_some(()).unwrap();
    cases("places in the PATH of a root step", 9);
}

#[test]
fn an_interpreter_that_the_user_could_write_ends_the_boot() {
    let script = |line: &str| Content::Bytes(format!("{line}\n").into());
    let refused =
        ["#!/mine/python", "#! /mine/python -u", "#!\t/mine/python\t-u", "#!/usr/bin/linked", "#!/usr/bin/outer"];
    for line in refused {
        let base = planted("/usr/bin", "'script'")
            .node("/usr/bin/linked", Kind::Symlink("/mine/python".into()))
            .file_mode("/usr/bin/outer", script("#!/mine/python"), 0o755)
            .file_mode("/usr/bin/script", script(line), 0o755);
        let run = program(base, "/mine/python", (1001, 1001)).run();
        run.refused(78, &["refusing the root step 'rules'", "/mine"]);
    }
    let base = planted("/usr/bin", "'script'").file_mode("/usr/bin/script", script("#!/usr/bin/rules"), 0o755);
    assert_eq!(ran(&base.run()), "/usr/bin/rules");
    cases("interpreters of root steps", refused.len() + 1);
}

#[test]
fn a_word_that_names_a_file_of_the_users_ends_the_boot() {
    let base = planted("/usr/bin", "'rules', '-f', '/mine/rules.nft'");
    base.owned("/mine/rules.nft", Kind::File(Content::Bytes(b"flush ruleset\n".to_vec())), (0, 0), 0o644)
        .run()
        .refused(78, &["refusing the root step 'rules'", "/mine/rules.nft"]);
    let base = planted("/usr/bin", "'rules', '/etc/rules.nft'")
        .node("/etc/rules.nft", Kind::Symlink("/mine/rules.nft".into()));
    base.owned("/mine/rules.nft", Kind::File(Content::Bytes(Vec::new())), (1001, 1001), 0o644)
        .run()
        .refused(78, &["refusing the root step 'rules'", "/mine belongs to uid 1001"]);
    for word in ["rules.nft", "./rules", "../mine/rules"] {
        let base = planted("/usr/bin", &format!("'rules', '{word}'")).words(["/bin/witness"]);
        let text = format!("workdir = '/mine'\n[[root_step]]\nname = 'rules'\ncommand = ['rules', '{word}']\n");
        let file = format!("/mine/{}", word.rsplit('/').next().unwrap());
        base.config(text)
            .owned(&file, Kind::File(Content::Bytes(Vec::new())), (0, 0), 0o644)
            .run()
            .refused(78, &["/mine belongs to uid 1001"]);
    }
    cases("files of root steps", 5);
}

#[test]
fn a_root_step_knows_nothing_of_the_engines_environment() {
    let base = planted("/usr/bin", "'rules', 'aside'");
    let hostile = [
        "LD_PRELOAD=/mine/evil.so",
        "LD_LIBRARY_PATH=/mine",
        "PYTHONPATH=/mine",
        "BASH_ENV=/mine/rc",
        "ENV=/mine/rc",
        "IFS=/",
        "PS4=$(id)",
    ];
    let run = hostile.iter().fold(base, |base, entry| base.env(entry)).run();
    assert_eq!(ran(&run), "/usr/bin/rules");
    for entry in hostile {
        let leaked = format!("init: step: rules: env: {}", entry.split('=').next().unwrap());
        run.check(!run.stderr().contains(&format!("{leaked}=")), &format!("that no root step gets {entry}"));
    }
    cases("variables kept from a root step", hostile.len());
}
