//! Resource limits, `getrlimit(2)`: as low as an operator may set them, and lower.

use libc::{
    RLIMIT_AS, RLIMIT_CORE, RLIMIT_CPU, RLIMIT_DATA, RLIMIT_FSIZE, RLIMIT_MEMLOCK, RLIMIT_NOFILE, RLIMIT_NPROC,
    RLIMIT_STACK,
};

use crate::support::cases;
use crate::support::run::Run;
use crate::support::sandbox::{Sandbox, sandbox};

const MIB: u64 = 1 << 20;

/// A boot with surfaces to hand over, directories to create and a check.
fn busy() -> Sandbox {
    sandbox().tmpfs("/cache").config("[[tmpfs]]\npath = '/cache'\nmode = '0700'\n[[directory]]\npath = '/cache/made'\n")
}

/// The same, supervised after a step.
fn staying() -> Sandbox {
    let text = "[[tmpfs]]\npath = '/cache'\nmode = '0700'\n[[step]]\nname = 'first'\ncommand = ['witness']\n";
    busy().config(text).words(["--supervise", "witness"])
}

fn boots(run: &Run) {
    run.app().is_dropped_to(1001, 1001, "1001");
    run.owns("/cache", 1001, 1001, 0o700);
}

/// Checks that it boots, or refuses with one of these exit codes and one record that contains these words.
fn boots_or_refuses(run: &Run, codes: &[i32], words: &[&str]) -> bool {
    run.check(!run.outcome.timed_out && run.outcome.took_ms < 20_000, "an end within 20 s");
    if run.started() {
        boots(run);
        return true;
    }
    let code = run.outcome.code.unwrap_or(-1);
    run.check(codes.contains(&code), &format!("one of the codes {codes:?}"));
    run.refused_late(code, words);
    false
}

// A static program with little memory: four megabytes are enough.
#[test]
fn four_megabytes_of_memory_are_enough() {
    boots(&busy().limit(RLIMIT_AS, 4 * MIB).run());
    boots(&staying().limit(RLIMIT_AS, 4 * MIB).run());
    boots(&busy().limit(RLIMIT_DATA, 2 * MIB).run());
    cases("four megabytes", 3);
}

#[test]
fn too_little_memory_is_reported() {
    let (mut booted, mut refused, mut killed) = (0, 0, 0);
    for base in [busy(), staying()] {
        for kilobytes in [3000, 2500, 2000, 1800, 1600, 1400, 1200, 1000, 800, 400, 100] {
            let run = base.clone().limit(RLIMIT_AS, kilobytes << 10).run();
            run.check(!run.outcome.timed_out, "an end");
            if run.stderr().contains("capabilities none, proved in") {
                // The app itself may fail with so little memory.
                booted += 1;
            } else if run.outcome.signal.is_some() {
                // Too little for the kernel to load the program: it ends before main.
                run.check(run.stderr().is_empty() && run.stdout().is_empty(), "no word");
                run.unchanged();
                killed += 1;
            } else {
                run.check(run.outcome.code.is_some_and(|code| [70, 71, 126].contains(&code)), "a documented exit code");
                run.check(
                    run.stderr().lines().filter(|line| line.starts_with("init: fatal: ")).count() == 1,
                    "one fatal record",
                );
                refused += 1;
            }
        }
    }
    cases(&format!("little memory ({booted} boot, {refused} refuse, {killed} are not loaded)"), 22);
}

#[test]
fn a_large_configuration_in_little_memory_is_refused_in_a_record() {
    let text = "x = [".to_owned() + &"0,".repeat(450_000) + "]";
    let run = busy().config(text).limit(RLIMIT_AS, 8 * MIB).run();
    run.refused(71, &["cannot allocate memory", "ENOMEM", "--memory"]);
    cases("out of memory", 1);
}

#[test]
fn a_low_descriptor_limit_is_enough_or_reported() {
    let mut least = [u64::MAX; 2];
    for (base, least) in [busy(), staying()].into_iter().zip(&mut least) {
        for number in 0..=12 {
            let run = base.clone().limit(RLIMIT_NOFILE, number).run();
            if boots_or_refuses(&run, &[71, 77, 78], &["EMFILE", "--ulimit nofile"]) {
                *least = number.min(*least);
            }
        }
    }
    // Directories on the path of what root reads are held open, and so is the file of the credentials.
    assert!(least[0] <= 7 && least[1] <= 10, "it takes {least:?} descriptors");
    cases(&format!("few descriptors ({} are enough, {} to stay)", least[0], least[1]), 26);
}

// The limit counts the processes of one user in this user namespace.
#[test]
fn a_low_process_limit_is_enough_or_reported() {
    for number in 0..=4 {
        boots_or_refuses(&busy().limit(RLIMIT_NPROC, number).run(), &[71], &["EAGAIN", "--ulimit nproc"]);
        boots_or_refuses(&staying().limit(RLIMIT_NPROC, number).run(), &[71], &["EAGAIN", "--ulimit nproc"]);
        let user = sandbox().user(1001, 1001, 0).words(["--supervise", "witness"]).limit(RLIMIT_NPROC, number).run();
        user.check(
            user.started() || user.stderr().contains("EAGAIN") && user.stderr().contains("--ulimit nproc"),
            "a start, or a record about the limit",
        );
    }
    // A step, then the app.
    boots(&staying().limit(RLIMIT_NPROC, 2).run());
    cases("few processes", 16);
}

#[test]
fn a_small_stack_is_enough() {
    for kilobytes in [1024, 256, 128, 64] {
        boots(&busy().limit(RLIMIT_STACK, kilobytes << 10).run());
        boots(&staying().limit(RLIMIT_STACK, kilobytes << 10).run());
    }
    // Nested up to the parser's limit.
    let nested = "x = ".to_owned() + &"[".repeat(100_000);
    sandbox().config(nested).limit(RLIMIT_STACK, 128 << 10).run().refused(78, &["Max recursion depth exceeded"]);
    cases("small stacks", 9);
}

#[test]
fn limits_meant_for_the_app_do_not_affect_the_boot() {
    let limits = [
        (RLIMIT_FSIZE, 0),
        (RLIMIT_CORE, 0),
        (RLIMIT_CORE, u64::MAX),
        (RLIMIT_CPU, 1),
        (RLIMIT_MEMLOCK, 0),
        (libc::RLIMIT_SIGPENDING, 0),
    ];
    for (resource, limit) in limits {
        boots(&busy().limit(resource, limit).run());
        boots(&staying().limit(resource, limit).run());
    }
    let check = busy().limit(RLIMIT_FSIZE, 0).words(["--check=init", "witness"]).run();
    check.check(check.outcome.code == Some(1), "a failed check where no file can be written");
    check.check(check.stdout().contains("FAIL") && check.stdout().contains("EFBIG"), "the reason");
    cases("limits of the app", 13);
}
