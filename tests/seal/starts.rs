//! The app is sealed however it is started, and so are the processes beside it.

use crate::support::capability::FOUR;
use crate::support::protocol::Kind;
use crate::support::sandbox::Sandbox;
use crate::{APP, container, ends};

const BOTH: &str = "writes = true\nnamespaces = false";
const ATTEMPTS: [(&str, &str); 4] = [
    ("create=/tmp/new", "EACCES"),
    ("create=/data/new", "ok"),
    ("unshare=0x10000000", "EPERM"),
    ("clone3=0x10000000", "ENOSYS"),
];

#[test]
fn the_app_is_sealed_in_root_and_non_root_starts_with_and_without_supervision() {
    for supervised in [false, true] {
        for root in [true, false] {
            let base = container(BOTH);
            let base = if root { base } else { handed_over(base).user(1001, 1001, FOUR) };
            let words = ["--supervise"].into_iter().filter(|_| supervised).chain(["witness"]);
            let run = base.words(words.chain(ATTEMPTS.map(|(attempt, _)| attempt))).run();
            ends(&run, &ATTEMPTS);
            run.check(run.outcome.code == Some(0), "exit code 0");
        }
    }
}

/// The surfaces as they are once the app runs.
fn handed_over(mut container: Sandbox) -> Sandbox {
    let surfaces = container.spec.tree.iter_mut().filter(|node| ["/data", "/home/app"].contains(&node.path.as_str()));
    surfaces.for_each(|node| node.owner = APP);
    container
}

// PID 1 runs as the app's user; control over it gives no more than the app has.
#[test]
fn a_supervising_init_is_sealed() {
    let run = container(BOTH).words(["--supervise", "witness", "filters=1"]).run();
    let app = run.app();
    run.check(app.attempt("filters=1") == "1", "one filter of PID 1");
}

#[test]
fn a_health_check_is_sealed() {
    let words = ATTEMPTS.map(|(attempt, _)| format!("'{attempt}'")).join(", ");
    let roles = format!("{BOTH}\n[roles.web]\ncommand = ['witness']\nhealth = {{ exec = ['witness', {words}] }}");
    // Nothing is handed over for a health check: that was done at the start.
    let run = handed_over(container(&roles)).words(["--health", "--role", "web"]).run();
    for (attempt, end) in ATTEMPTS {
        let line = format!("try: {attempt}: {end}");
        run.check(run.stderr().lines().any(|said| said == line), &line);
    }
    run.check(run.outcome.code == Some(0), "exit code 0");
}

#[test]
fn a_root_step_is_not_sealed() {
    let step = format!("{BOTH}\n[[root_step]]\nname = 'x'\ncommand = ['/bin/witness', 'create=/root/new']");
    let run = container(&step).run();
    run.check(run.stderr().contains("step: x: try: create=/root/new: ok"), "a root step that writes");
}

#[test]
fn a_sealed_app_writes_where_its_files_are() {
    let file = "\n[[file]]\npath = '/root/conf/app.conf'\ntemplate = '/etc/group'\n";
    let base = container(&format!("{BOTH}{file}")).owned("/root/conf", Kind::Directory, (1001, 1001), 0o755);
    let run = base.words(["witness", "write=/root/conf/app.conf", "create=/root/conf/x", "create=/root/x"]).run();
    ends(&run, &[("write=/root/conf/app.conf", "ok"), ("create=/root/conf/x", "ok"), ("create=/root/x", "EACCES")]);
    run.owns("/root/conf/app.conf", 1001, 1001, 0o644);
}

#[test]
fn directories_are_created_before_the_seal() {
    let run = container(BOTH).words(["witness", "create=/srv/work/made/x", "create=/srv/work/x"]).run();
    ends(&run, &[("create=/srv/work/made/x", "ok"), ("create=/srv/work/x", "EACCES")]);
    run.owns("/srv/work/made", 1001, 1001, 0o755);
}
