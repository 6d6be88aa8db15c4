//! The role of a process beside the app: `--health` and `--exec` without `--role` use the role of PID 1.

use crate::support::sandbox::{Sandbox, sandbox};

/// The health check of `web` passes, that of `worker` fails.
fn started(options: &[&str]) -> Sandbox {
    let role = |name: &str, file: &str| {
        format!("[roles.{name}]\ncommand = ['witness', 'init=--health']\nhealth = {{ file = '{file}' }}\n")
    };
    let config = "[role]\nargument = true\n".to_owned() + &role("web", "/etc/group") + &role("worker", "/none");
    sandbox().config(config).env("ROLE=web").words(options)
}

fn asked(sandbox: &Sandbox) -> String {
    let run = sandbox.run();
    run.app().attempt("init=--health").to_owned()
}

#[test]
fn health_checks_the_role_of_pid_1() {
    for options in [&["--role", "worker"][..], &["worker"], &["--role", "worker", "-s"], &["-s", "worker"]] {
        assert_eq!(asked(&started(options)), "exit status: 1", "{options:?}");
    }
    for options in [&[][..], &["-s"], &["--role", "web"], &["web"]] {
        assert_eq!(asked(&started(options)), "exit status: 0", "{options:?}");
    }
}

#[test]
fn role_option_overrides_the_role_of_pid_1() {
    let run = started(&["--role", "worker", "witness", "init=--health+--role+web"]).run();
    assert_eq!(run.app().attempt("init=--health+--role+web"), "exit status: 0", "{}", run.shown());
}

#[test]
fn the_command_of_exec_selects_no_role() {
    let run = started(&["--role", "worker", "witness", "init=--exec+web"]).run();
    assert_eq!(run.app().attempt("init=--exec+web"), "exit status: 127", "{}", run.shown());
}
