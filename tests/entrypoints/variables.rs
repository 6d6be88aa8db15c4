//! Variables: conditions, expansions, refused variables, and variables that the app does not get.

use crate::support::run::Run;
use crate::support::sandbox::{Sandbox, sandbox};

fn with(config: &str, env: &[&str]) -> Run {
    env.iter().fold(sandbox().config(config), |sandbox, entry| sandbox.env(entry)).run()
}

fn by_role(config: &str) -> Sandbox {
    sandbox().config(config).words::<&str>([])
}

/// Whether the entry counted, of which the condition is this.
fn counts(condition: &str, env: &[&str]) -> bool {
    let run = with(&format!("[[refuse]]\nenv = 'PATH'\n{condition}\n"), env);
    let code = run.outcome.code;
    run.check(matches!(code, Some(0 | 78)), "a boot or a refusal");
    code == Some(78)
}

#[test]
fn conditions_accept_several_values_or_booleans() {
    for (condition, env, expected) in [
        ("when = { A = ['x', 'y'] }", &["A=y"][..], true),
        ("when = { A = ['x', 'y'] }", &["A=z"], false),
        ("when = { A = ['x', 'y'] }", &[], false),
        ("when = { A = [] }", &["A="], false),
        ("when = { A = '' }", &["A="], true),
        ("when = { A = '' }", &[], false),
        ("when = { A = true }", &["A=0"], true),
        ("when = { A = true }", &["A="], false),
        ("when = { A = false }", &["A="], true),
        ("when = { A = false }", &[], true),
        ("when = { A = false }", &["A=1"], false),
        ("when = { A = '1', B = '1' }", &["A=1"], false),
        ("unless = { A = ['x', 'y'] }", &["A=y"], false),
        ("unless = { A = true }", &["A="], true),
        // Every variable must match.
        ("unless = { A = '1', B = '1' }", &["A=1"], true),
        ("unless = { A = '1', B = '1' }", &["A=1", "B=1"], false),
        ("unless = {}", &[], true),
        ("when = {}", &[], true),
        // Configured variables count, and so does the content of a secret.
        ("when = { A = 'x' }\n[env]\nA = '${A:-x}'", &[], true),
        ("when = { A = 'x' }\n[env]\nA = 'x'", &["A=y"], true),
        ("when = { A = 'init' }\n[secrets]\nA = '/proc/self/comm'", &[], true),
    ] {
        assert_eq!(counts(condition, env), expected, "{condition} with {env:?}");
    }
}

#[test]
fn a_required_variable_may_be_configured_or_the_content_of_a_secret() {
    let required = |rest: &str| with(&format!("[[require]]\nenv = 'A'\n{rest}"), &[]);
    required("").refused(78, &["required variable A is unset or empty"]);
    required("[env]\nA = ''\n").refused(78, &["required variable A is unset or empty"]);
    required("[env]\nA = 'x'\n").app();
    required("[secrets]\nA = '/proc/self/comm'\n").app();
}

#[test]
fn refused_variable_prevents_the_start_with_its_hint() {
    let config = "[[refuse]]\nenv = 'DEBUG'\nvalue = ['1', 'true']\nhint = 'Not here.'\n";
    with(config, &["DEBUG=true"]).refused(78, &["refuses a start with DEBUG '1' or 'true'", "fix: Not here."]);
    with(config, &["DEBUG=0"]).app();
    with(config, &[]).app();
    with("[[refuse]]\nenv = 'OLD'\n", &["OLD=x"]).refused(78, &["with OLD set", "unset OLD"]);
    with("[[refuse]]\nenv = 'OLD'\n", &["OLD="]).app();
    with("[[refuse]]\nenv = 'OLD'\nvalue = false\n", &[]).refused(78, &["with OLD unset", "set OLD"]);
}

#[test]
fn an_unset_variable_reaches_steps_and_expansions_and_not_the_app() {
    let config = "unset = ['PASSWORD', 'NONE']\n[[step]]\nname = 'first run'\ncommand = ['witness', 'child']\n\
                  [role]\ndefault = 'db'\n[roles.db]\ncommand = ['witness', 'word=${PASSWORD:-}']\n";
    let run = by_role(config).env("PASSWORD=secret").run();
    let app = run.app();
    assert_eq!(app.all("env").iter().filter(|entry| entry.starts_with("PASSWORD")).count(), 0, "{}", run.shown());
    assert!(run.stderr().contains("env: PASSWORD=secret"), "{}", run.shown());
    assert!(app.all("argv").contains(&"word=secret"), "{}", run.shown());
}

#[test]
fn conditional_words_are_omitted_and_defaults_nest() {
    let config = "[role]\ndefault = 'web'\n[roles.web]\n\
                  command = ['witness', '${RELOAD:+--reload}', '${HOST:+--host=${HOST}:${PORT:-80}}', \
                   '${A:-${B:-c}}', '']\n";
    let words = |env: &[&str]| {
        let run = env.iter().fold(by_role(config), |sandbox, entry| sandbox.env(entry)).run();
        run.app().all("argv").iter().map(|word| (*word).to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(words(&[]), ["witness", "c", ""]);
    assert_eq!(words(&["RELOAD=1", "HOST=h", "B=b"]), ["witness", "--reload", "--host=h:80", "b", ""]);
}

#[test]
fn umask_volume_paths_and_timeouts_are_expanded() {
    let config = "umask = '${UMASK:-0022}'\n[[volume]]\npath = '${DATA:-/data}'\n\
                  [[step]]\nname = 'x'\ncommand = ['witness', 'child']\ntimeout = '${SECONDS:-30}s'\n";
    let run = sandbox().config(config).tmpfs("/elsewhere").env("UMASK=0077").env("DATA=/elsewhere").run();
    run.app().is("Umask", "0077");
    run.owns("/elsewhere", 1001, 1001, 0o755);
    sandbox().config(config).tmpfs("/data").env("UMASK=9").run().refused(78, &["/etc/init.toml:1:9", "not a umask"]);
    sandbox()
        .config(config)
        .tmpfs("/data")
        .env("SECONDS=x")
        .run()
        .refused(78, &["/etc/init.toml:7:11", "not a duration"]);
}

#[test]
fn role_with_an_empty_command_only_runs_steps() {
    let config = "[role]\ndefault = 'migrate'\n[roles.migrate]\ncommand = []\n[roles.web]\ncommand = ['witness']\n\
                  [[step]]\nname = 'migrate'\ncommand = ['witness', 'exit=${CODE:-0}']\n";
    let run = by_role(config).run();
    run.check(run.outcome.code == Some(0) && run.stdout().is_empty(), "the steps, and the end");
    assert!(run.stderr().contains("step: migrate: witness"), "{}", run.shown());
    let failed = by_role(config).env("CODE=3").run();
    failed.check(failed.outcome.code == Some(70), "the step's failure");
    let supervised = by_role(config).words(["--supervise"]).run();
    supervised.check(supervised.outcome.code == Some(0), "nothing to supervise");
    let checked = by_role(config).env("BOOT_CHECK_ONLY=1").run();
    assert!(checked.stdout().contains("this role only runs steps"), "{}", checked.shown());
    sandbox().config(config).run().app();
}
