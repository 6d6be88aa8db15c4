//! `[secrets]`: the forms of an entry, and the precedence if a value has two sources.

use crate::support::protocol::{Content, Kind};
use crate::support::run::Run;
use crate::support::sandbox::{Sandbox, sandbox};

fn with(secrets: &str) -> Sandbox {
    sandbox()
        .owned("/run/secrets", Kind::Directory, (0, 0), 0o755)
        .owned("/run/secrets/token", Kind::File(Content::Bytes(b"v4lue\n".into())), (0, 0), 0o400)
        .config(format!(
            "[role]\ndefault = 'web'\n{secrets}\n[roles.web]\ncommand = ['witness']\n\
            [roles.beat]\ncommand = ['witness']\n"
        ))
        .words::<&str>([])
}

fn token(run: &Run) -> Option<String> {
    run.app().is_dropped_to(1001, 1001, "1001");
    run.stdout().lines().find_map(|line| line.strip_prefix("env: TOKEN=").map(str::to_owned))
}

#[test]
fn a_secret_is_read_for_its_roles_only() {
    let base = with("[secrets]\nTOKEN = { path = '/run/secrets/token', roles = ['beat'] }");
    assert_eq!(token(&base.run()), None);
    assert_eq!(token(&base.clone().env("ROLE=beat").run()).as_deref(), Some("v4lue"));
}

#[test]
fn an_optional_secret_may_be_absent_and_another_may_not() {
    let optional = with("[secrets]\nTOKEN = { path = '/run/secrets/none', optional = true }");
    assert_eq!(token(&optional.run()), None);
    with("[secrets]\nTOKEN = { path = '/run/secrets/none' }").run().refused(78, &["secret TOKEN", "/run/secrets/none"]);
    // The operator's file must exist.
    optional.clone().env("TOKEN_FILE=/run/secrets/none").run().refused(78, &["secret TOKEN", "/run/secrets/none"]);
}

#[test]
fn the_variable_counts_where_the_file_is_absent_and_the_file_otherwise() {
    let absent = with("[secrets]\nTOKEN = '/run/secrets/none'").env("TOKEN=by-hand");
    assert_eq!(token(&absent.run()).as_deref(), Some("by-hand"));
    let both = with("[secrets]\nTOKEN = '/run/secrets/token'").env("TOKEN=by-hand");
    assert_eq!(token(&both.run()).as_deref(), Some("v4lue"));
    let plan = both.words(["--plan"]).run();
    plan.check(
        plan.stdout().contains("TOKEN is set, but its file /run/secrets/token counts"),
        "both sources in the plan",
    );
}

#[test]
fn an_env_value_may_refer_to_a_secret() {
    let run = with("[secrets]\nPASSWORD = '/run/secrets/token'\n[env]\nTOKEN = 'db:${PASSWORD}'").run();
    assert_eq!(token(&run).as_deref(), Some("db:v4lue"));
}

#[test]
fn each_cause_has_its_own_remedy() {
    let base = with("[secrets]\nTOKEN = '/run/secrets/token'");
    let file = |bytes: &[u8], owner, mode| {
        base.clone().owned("/run/secrets/other", Kind::File(Content::Bytes(bytes.into())), owner, mode)
    };
    let named = |sandbox: Sandbox| sandbox.env("TOKEN_FILE=/run/secrets/other").run();
    named(base.clone()).refused(78, &["ENOENT", "fix: mount the secret there"]);
    named(file(b"\n", (0, 0), 0o400)).refused(78, &["it is empty", "fix: make it a file that holds the value"]);
    named(file(b"v", (1001, 1001), 0))
        .refused(78, &["uid 1001 cannot read it", "fix: let the app's user own it, with mode 0400"]);
    let twice = base.clone().env("TOKEN=by-hand").env("TOKEN_FILE=/run/secrets/token").run();
    twice.refused(78, &["both TOKEN and TOKEN_FILE are set", "fix: unset TOKEN or TOKEN_FILE"]);
}
