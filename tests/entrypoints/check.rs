//! The boot check of an app that ends before it is healthy.

use crate::steps::with_shell;
use crate::support::run::Run;

/// The app ends while an attempt of the health check runs.
fn ends(how: &str) -> Run {
    let config = format!(
        "home = '/data'\n[[tmpfs]]\npath = '/data'\n[role]\ndefault = 'app'\n[roles.app]\n\
         command = ['sh', '-c', 'until [ -e /data/asked ]; do :; done; {how}']\n\
         health = {{ exec = ['sh', '-c', '[ ! -e /data/before ] || {{ : >/data/asked; sleep 60; }}; \
         : >/data/before; false'], timeout = '30s' }}\n"
    );
    with_shell().config(config).tmpfs("/data").words::<&str>([]).env("BOOT_CHECK_ONLY=1").run()
}

#[test]
fn only_an_app_that_ended_with_0_and_left_processes_went_to_the_background() {
    let (failed, daemon) = ("fix: see its own lines", "fix: start it in the foreground");
    for (how, left, fix) in [
        ("exit 2", 0, failed),
        ("exit 0", 0, failed),
        ("sleep 60 & exit 2", 1, failed),
        ("sleep 60 & exit 0", 1, daemon),
    ] {
        let run = ends(how);
        let report = run.stdout();
        let line = report.lines().find(|line| line.starts_with("FAIL  app: exited with ")).unwrap_or_default();
        let named = (line.matches("(pid ").count(), line.contains(" and left "));
        run.check(line.contains(fix) && named == (left, left > 0), how);
    }
}
