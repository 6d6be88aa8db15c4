//! The output of `--plan` and the boot check about the seal.

use libc::{ENOSYS, SYS_landlock_create_ruleset};

use crate::container;

const BOTH: &str = "writes = true\nalso = ['/tmp']\nnamespaces = false\n[boot_check]\nrequire_read_only_root = false";

#[test]
fn plan_prints_sealed_and_missing_parts() {
    let run = container(BOTH).words(["--plan", "witness"]).run();
    let page = run.stdout();
    run.check(
        page.contains("seal          writes only below /home/app /data /srv/work/made /tmp /dev (Landlock "),
        "the places",
    );
    run.check(page.contains("seal          no new namespace (seccomp)"), "the namespaces");
    let run = container(BOTH).answer(SYS_landlock_create_ruleset, &[], ENOSYS).words(["--plan", "witness"]).run();
    run.check(run.stdout().contains("seal          MISSING, a refusal: cannot seal writes: "), "the missing part");
    let run = container(BOTH).words(["--plan", "--json", "witness"]).run();
    run.check(run.stdout().contains(r#""seal":{"writes":true,"below":["/home/app","/data","#), "the same as JSON");
    let run = container("").words(["--plan", "witness"]).run();
    run.check(!run.stdout().contains("\nseal "), "nothing without a seal");
}

#[test]
fn the_check_reports_the_seal_and_leaves_no_file() {
    let run = container(BOTH).words(["--check=init", "witness"]).run();
    let report = run.stdout();
    for line in [
        "ok    seal: writes only below /home/app /data",
        "ok    seal: no new namespace",
        "ok    HOME: /home/app written",
    ] {
        run.check(report.contains(line), line);
    }
    run.check(run.outcome.code == Some(0), "exit code 0");
    run.check(!run.outcome.after.keys().any(|path| path.contains(".init-")), "no file left");
}

#[test]
fn the_check_names_a_home_outside_and_a_place_that_is_missing() {
    let seal =
        "writes = true\nalso = ['/nowhere']\n[boot_check]\nrequire_read_only_root = false\n[env]\nHOME = '/opt/app'";
    let run = container(seal).words(["--check=init", "witness"]).run();
    let report = run.stdout();
    run.check(report.contains("FAIL  HOME: /opt/app: create: "), "HOME");
    run.check(report.contains("the seal keeps the app from writing there: list it in seal.also"), "the fix for HOME");
    run.check(report.contains("warn  seal: nothing can be written to /nowhere: "), "the missing place");
    run.check(run.outcome.code == Some(1), "exit code 1");
}

#[test]
fn the_check_warns_of_an_optional_seal_that_the_kernel_does_not_have() {
    let seal = "writes = true\noptional = true\n[boot_check]\nrequire_read_only_root = false";
    let run = container(seal).answer(SYS_landlock_create_ruleset, &[], ENOSYS).words(["--check=init", "witness"]).run();
    run.check(run.stdout().contains("warn  seal: cannot seal writes: landlock_create_ruleset: "), "a warning");
    run.check(run.outcome.code == Some(0), "exit code 0");
}
