//! `--exec`: a command beside the app, with its user and environment, and nothing prepared again.

use crate::support::protocol::Kind;
use crate::support::sandbox::{Sandbox, sandbox};

const CONFIGURATION: &str = "umask = '0027'\n[[tmpfs]]\npath = '/cache'\nmode = '0700'\n\
    [[root_step]]\nname = 'rules'\ncommand = ['/bin/witness', 'aside']\n\
    [[step]]\nname = 'migrate'\ncommand = ['/bin/witness', 'aside']\n\
    [roles.web]\ncommand = ['witness', 'the-app']\nenv = { FOR = 'web' }\n\
    [roles.worker]\ncommand = ['witness', 'the-app']\nenv = { FOR = 'worker' }\n";

/// Beside another PID 1, as the engine's own init is.
fn beside(words: &[&str]) -> Sandbox {
    let base = sandbox().tmpfs("/cache").config(CONFIGURATION).words(words);
    base.with(|spec| (spec.pid_one, spec.read_only) = (false, false))
}

#[test]
fn a_command_beside_the_app_is_dropped_and_nothing_is_handed_over() {
    let run = beside(&["--role", "worker", "--exec", "witness", "--exec", "word"]).run();
    run.app().is_dropped_to(1001, 1001, "1001");
    assert_eq!(run.app().variable("FOR"), "worker", "{}", run.shown());
    assert_eq!(run.app().variable("ROLE"), "worker", "{}", run.shown());
    run.untouched("/cache");
    run.check(!run.stderr().contains("init: step: "), "that no step ran");
    run.check(run.stdout().contains("argv: --exec"), "the command's arguments unchanged");
}

#[test]
fn a_command_beside_the_app_without_root_runs_although_there_are_root_steps() {
    let run = beside(&["--role", "web", "--exec", "witness"]).user(1001, 1001, 0).run();
    run.app().is_dropped_to(1001, 1001, "1001");
    assert_eq!(run.app().variable("FOR"), "web", "{}", run.shown());
}

#[test]
fn exec_as_the_first_process_is_refused() {
    let first = beside(&["--role", "web", "--exec", "witness"]).with(|spec| spec.pid_one = true).run();
    first.refused(64, &["--exec runs a command beside a running app", "podman exec"]);
}

#[test]
fn exec_beside_a_sealed_role_is_sealed() {
    let sealed = beside(&["--role", "web", "--exec", "witness", "create=/open/new", "create=/cache/new"])
        .config(format!("{CONFIGURATION}[seal]\nwrites = true\n"))
        .owned("/cache", Kind::Tmpfs, (1001, 1001), 0o755)
        .owned("/open", Kind::Directory, (1001, 1001), 0o755)
        .run();
    let said = sealed.stdout();
    sealed.check(said.contains("create=/open/new") && said.contains("EACCES"), "that a write outside fails");
}
