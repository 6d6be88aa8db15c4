//! The time between the exec of `/init` and its first instruction: an app with the same uid waits for each `/init
//! --health` that the engine starts beside it. With mode 0711 the kernel lets nobody trace it, even before its first
//! instruction.

use crate::support::cases;
use crate::support::protocol::{Content, Kind};
use crate::support::sandbox::{Sandbox, sandbox};

const STARTS: usize = 300;

fn started_as_the_app(no_new_privs: bool, supervise: bool) -> Sandbox {
    let config = format!(
        "[roles.web]\ncommand = ['witness', 'seize-health={STARTS}']\nsupervise = {supervise}\n\
         health = {{ file = '/etc/group' }}\n"
    );
    sandbox().config(config).words(["--role", "web"]).user(1001, 1001, 0).with(|spec| {
        spec.start.no_new_privs = no_new_privs;
    })
}

#[test]
fn starting_health_check_cannot_be_traced() {
    for no_new_privs in [false, true] {
        for supervise in [false, true] {
            let run = started_as_the_app(no_new_privs, supervise).run();
            let word = format!("seize-health={STARTS}");
            let said = run.app().attempt(&word).to_owned();
            run.check(said == format!("0 seized, {STARTS} of {STARTS} healthy, tried"), &said);
        }
    }
    cases("health checks that an app tried to seize", 4 * STARTS);
}

#[test]
fn check_warns_about_an_init_that_the_app_can_read() {
    let checked = |mode| {
        let base = sandbox().owned("/init", Kind::File(Content::Init), (0, 0), mode);
        base.words(["--check=init", "witness"]).run()
    };
    for mode in [0o755, 0o715, 0o744 | 0o011] {
        let run = checked(mode);
        run.check(run.stdout().contains("warn  /init: "), "a warning");
        run.check(run.stdout().contains("chmod 0711 /init"), "the fix");
    }
    for mode in [0o711, 0o751] {
        let run = checked(mode);
        run.check(run.stdout().contains("ok    /init: "), "no warning");
    }
}

#[test]
fn check_of_a_non_root_start_requires_no_new_privs() {
    let checked = |uid: u32, no_new_privs| {
        let base = if uid == 0 { sandbox() } else { sandbox().user(uid, uid, 0) };
        let base = base.owned("/home/app", Kind::Tmpfs, (1001, 1001), 0o755);
        base.words(["--check=init", "witness"]).with(|spec| spec.start.no_new_privs = no_new_privs).run()
    };
    let line = "no_new_privs: not set by the engine; fix: run with --security-opt=no-new-privileges";
    for (uid, no_new_privs, word, code) in
        [(1001, false, "FAIL", 1), (1001, true, "ok", 0), (0, false, "warn", 0), (0, true, "ok", 0)]
    {
        let run = checked(uid, no_new_privs);
        run.check(run.outcome.code == Some(code), "the exit code");
        let expected = if no_new_privs { "no_new_privs: set from the start".into() } else { line.to_owned() };
        run.check(run.stdout().contains(&format!("{word:<6}{expected}")), word);
    }
}
