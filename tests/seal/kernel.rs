//! Kernels that lack a call of the seal, refuse it, or report false success.

use libc::{
    EINVAL, ENOSYS, EOPNOTSUPP, EPERM, SYS_landlock_add_rule, SYS_landlock_create_ruleset, SYS_landlock_restrict_self,
    SYS_openat2, SYS_seccomp,
};

use crate::support::cases;
use crate::support::protocol::{Answer, Content, Fault, Faults, Kind};
use crate::support::run::Run;
use crate::support::sandbox::Sandbox;
use crate::{APP, container};

const WRITES: &str = "writes = true";
const NAMESPACES: &str = "namespaces = false";

/// The missing calls, and the words of the refusal.
const MISSING: [(&str, i64, i32, &[&str]); 9] = [
    (
        WRITES,
        SYS_landlock_create_ruleset,
        ENOSYS,
        &["cannot seal writes: landlock_create_ruleset: ", "ENOSYS", "Linux 5.13"],
    ),
    (WRITES, SYS_landlock_create_ruleset, EOPNOTSUPP, &["cannot seal writes: ", "EOPNOTSUPP", "lsm="]),
    (WRITES, SYS_landlock_create_ruleset, EPERM, &["cannot seal writes: ", "EPERM", "seccomp profile"]),
    (WRITES, SYS_landlock_add_rule, EPERM, &["landlock_add_rule: ", "EPERM", "seccomp profile"]),
    (WRITES, SYS_landlock_restrict_self, EPERM, &["landlock_restrict_self: ", "EPERM", "seccomp profile"]),
    (WRITES, SYS_openat2, ENOSYS, &["openat2: ", "ENOSYS"]),
    (NAMESPACES, SYS_seccomp, ENOSYS, &["cannot seal namespaces: seccomp: ", "ENOSYS", "allow the seccomp call"]),
    (NAMESPACES, SYS_seccomp, EINVAL, &["cannot seal namespaces: seccomp: ", "EINVAL", "Linux 4.17"]),
    (NAMESPACES, SYS_seccomp, EPERM, &["cannot seal namespaces: seccomp: ", "EPERM", "allow the seccomp call"]),
];

fn without_hand_over(seal: &str) -> Sandbox {
    // Without openat2 the hand-over uses a fallback, and logs it.
    crate::support::sandbox::sandbox().with(|spec| spec.read_only = false).config(format!("[seal]\n{seal}\n"))
}

#[test]
fn a_kernel_without_support_is_distinguished_from_a_seccomp_profile() {
    for (seal, call, errno, words) in MISSING {
        for base in [without_hand_over(seal), without_hand_over(seal).user(1001, 1001, 0)] {
            let run = base.answer(call, &[], errno).run();
            run.check(!run.started(), "no app");
            run.check(run.outcome.code == Some(77), "exit code 77");
            let text = run.stderr();
            let all = words.iter().chain(&["; fix: ", "or set seal.optional = true"]);
            all.for_each(|word| run.check(text.contains(word), word));
        }
    }
    cases("kernels without a seal", 2 * MISSING.len());
}

#[test]
fn missing_support_is_refused_before_anything_is_changed() {
    for (seal, call) in [(WRITES, SYS_landlock_create_ruleset), (NAMESPACES, SYS_seccomp)] {
        let run = container(seal).answer(call, &[], ENOSYS).run();
        run.refused(77, &["cannot seal"]);
        run.unchanged();
    }
}

#[test]
fn this_kernel_seals_writes_or_the_boot_is_refused() {
    let write = ["create=/tmp/new"];
    let sealed = crate::trying(&container(WRITES), write);
    let optional = crate::trying(&container(&format!("{WRITES}\noptional = true")), write);
    // tests/lab/kernels compares this with the kernel's version and its list of security modules.
    let version = crate::version();
    if version > 0 {
        for run in [sealed, optional] {
            crate::ends(&run, &[(write[0], "EACCES")]);
            run.check(!run.stderr().contains("cannot seal"), "no warning");
        }
        let plan = container(WRITES).words(["--plan", "witness"]).run();
        plan.check(plan.stdout().contains(&format!("(Landlock {version})")), "the version");
        return;
    }
    sealed.refused(77, &["cannot seal writes: landlock_create_ruleset: ", "fix: ", "seal.optional = true"]);
    sealed.unchanged();
    crate::ends(&optional, &[(write[0], "ok")]);
    optional.check(optional.stderr().contains("warn"), "a warning");
    optional.check(optional.stderr().contains("cannot seal writes"), "the missing part");
}

#[test]
fn an_optional_seal_warns_and_applies_the_supported_part() {
    let both = format!("{WRITES}\n{NAMESPACES}\noptional = true");
    let attempts = ["create=/tmp/new", "unshare=0x10000000"];
    for (call, ends) in [(SYS_landlock_create_ruleset, ["ok", "EPERM"]), (SYS_seccomp, ["EACCES", "ok"])] {
        let run = crate::trying(&container(&both).answer(call, &[], ENOSYS), attempts);
        crate::ends(&run, &[(attempts[0], ends[0]), (attempts[1], ends[1])]);
        run.check(run.stderr().contains("warn"), "a warning");
        run.check(run.stderr().contains("cannot seal"), "the missing part");
    }
}

/// The nth of these calls, and no other, is not carried out.
fn claimed(seal: &str, call: i64, nth: usize) -> Run {
    let fault = Fault { child: false, call, arguments: Vec::new(), nth: Some(nth), answer: Answer::Done };
    container(seal).with(|spec| spec.faults = Some(Faults { rules: vec![fault], ..Faults::default() })).run()
}

#[test]
fn false_success_is_detected() {
    for optional in ["", "optional = true"] {
        let writes = format!("{WRITES}\n{optional}");
        claimed(&writes, SYS_landlock_restrict_self, 0).refused_late(77, &["seal not proved: "]);
        // The first seccomp call tests whether the kernel has it.
        let namespaces = format!("{NAMESPACES}\n{optional}");
        claimed(&namespaces, SYS_seccomp, 1).refused_late(77, &["seal not proved: unshare ends with Ok(())"]);
        // No rule was created, so nothing can be written.
        container(&writes)
            .answer(SYS_landlock_add_rule, &[], 0)
            .run()
            .refused_late(77, &["seal not proved: a write to /dev/null, which is allowed, fails"]);
    }
    container(NAMESPACES).answer(SYS_seccomp, &[], 0).run().refused(77, &["cannot seal namespaces"]);
}

#[test]
fn a_file_that_the_app_left_does_not_bar_the_proof() {
    let app = container(WRITES).with(|spec| spec.proc_options = "ro".into());
    let left = |place: &str| (format!("{place}/.init-seal-1"), Kind::File(Content::Bytes(Vec::new())));
    let run =
        ["/home/app", "/data"].map(left).into_iter().fold(app, |app, (path, file)| app.owned(&path, file, APP, 0o600));
    let run = run.run();
    run.app().is("NoNewPrivs", "1");
    let new = run.outcome.after.keys().filter(|path| path.contains("/.init-seal-"));
    run.check(new.count() == 2, "no other file left");
}

#[test]
fn false_success_is_detected_without_a_writable_proc() {
    let read_only = |seal: &str| container(seal).with(|spec| spec.proc_options = "ro".into());
    read_only(WRITES).run().app().is("NoNewPrivs", "1");
    let run = read_only(WRITES).answer(SYS_landlock_restrict_self, &[], 0).run();
    run.refused_late(77, &["seal not proved: ", "a device node"]);
    let within = "writes = true\nalso = ['/proc']";
    container(within).run().app().is("NoNewPrivs", "1");
    container(within).answer(SYS_landlock_restrict_self, &[], 0).run().refused_late(77, &["seal not proved: "]);
}

#[test]
fn a_refusal_that_the_seal_may_not_have_caused_proves_nothing() {
    // The user may not create files in /dev, with a seal or without.
    let none = without_hand_over(WRITES).with(|spec| spec.proc_options = "ro".into());
    for run in [none.run(), none.answer(SYS_landlock_restrict_self, &[], 0).run()] {
        run.refused_late(77, &["seal not proved: the user could not write to ", "fix: mount /proc writable"]);
    }
    // A writable /proc, which the fix asks for.
    without_hand_over(WRITES).run().app().is("NoNewPrivs", "1");
    let claimed = without_hand_over(WRITES).answer(SYS_landlock_restrict_self, &[], 0).run();
    claimed.refused_late(77, &["seal not proved: a write to /proc/self/timerslack_ns ends with Ok(())"]);
}
