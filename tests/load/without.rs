//! A `/proc` that is read-only, hides processes or is incomplete; and boots without `/proc`, `/dev`, `/sys`, `/tmp`,
//! `/run` or `/etc`.

use crate::support::capability::FOUR;
use crate::support::cases;
use crate::support::sandbox::{Sandbox, sandbox};

const TEXT: &str = "[[tmpfs]]\npath = '/cache'\nmode = '0700'\n[[volume]]\npath = '/data'\nrecursive = true\n";

fn busy() -> Sandbox {
    sandbox().tmpfs("/cache").tmpfs("/data").config(TEXT)
}

fn ways() -> [Sandbox; 3] {
    let step = format!("{TEXT}[[step]]\nname = 'first'\ncommand = ['witness']\n");
    [busy(), busy().words(["--supervise", "witness"]), busy().config(step).words(["--supervise", "witness"])]
}

#[test]
fn restricted_proc_is_enough() {
    for options in [
        "ro",
        "hidepid=1",
        "hidepid=2",
        "hidepid=ptraceable",
        "ro,hidepid=2",
        "hidepid=2,gid=1001",
        "subset=pid",
        "ro,subset=pid,hidepid=2",
    ] {
        for base in ways() {
            for base in [base.clone(), base.with(|spec| spec.pid_one = false)] {
                let run = base.with(|spec| spec.proc_options = options.into()).run();
                run.app().is_dropped_to(1001, 1001, "1001");
                run.owns("/cache", 1001, 1001, 0o700);
                run.owns("/data", 1001, 1001, 0o755);
            }
        }
    }
    cases("mount options of /proc", 8 * 6);
}

#[test]
fn without_proc_nothing_starts() {
    for base in ways() {
        base.with(|spec| spec.proc_mounted = false).run().refused(77, &["/proc", "mount /proc"]);
    }
    let user = sandbox().user(1001, 1001, FOUR).with(|spec| spec.proc_mounted = false);
    user.run().refused(77, &["/proc", "mount /proc"]);
    cases("no /proc", 4);
}

#[test]
fn without_dev_tmp_or_run_it_boots() {
    for left_out in [
        &["/dev"][..],
        &["/tmp"],
        &["/run"],
        &["/root"],
        &["/home"],
        &["/dev", "/tmp", "/run", "/root", "/home", "/srv"],
    ] {
        for base in ways() {
            let run = base.with(|spec| spec.without = left_out.iter().map(|path| (*path).to_owned()).collect()).run();
            run.app().is_dropped_to(1001, 1001, "1001");
            run.owns("/cache", 1001, 1001, 0o700);
        }
    }
    cases("missing directories", 6 * 3);
}

#[test]
fn without_dev_a_closed_stream_is_reported() {
    use crate::support::protocol::Stream;
    let base = busy().with(|spec| (spec.without, spec.streams[0]) = (vec!["/dev".into()], Stream::Closed));
    base.run().refused(71, &["/dev/null", "ENOENT", "mount a /dev with /dev/null"]);
    cases("no /dev/null", 1);
}

#[test]
fn without_accounts_numbers_are_enough() {
    let bare = sandbox().tmpfs("/cache").with(|spec| spec.without = vec!["/etc".into()]).words([
        "--tmpfs",
        "/cache:0700",
        "witness",
    ]);
    let run = bare.run();
    run.app().is_dropped_to(1001, 1001, "1001");
    assert_eq!((run.app().variable("HOME"), run.app().variable("USER")), ("/", "1001"));
    bare.words(["--user", "app", "witness"]).run().refused(78, &["'app' is not a user"]);
    cases("no /etc", 2);
}
