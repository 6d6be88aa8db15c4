//! Older and newer versions of Landlock. The test answers the version query; the kernel then only enforces that
//! version's rights, because `/init` requests no others.

use libc::SYS_landlock_create_ruleset;

use crate::container;
use crate::support::cases;
use crate::support::protocol::{Answer, Fault, Faults, Kind};
use crate::support::sandbox::Sandbox;

/// `LANDLOCK_CREATE_RULESET_VERSION`, with no attributes and their size.
const VERSION: [u32; 3] = [0, 0, 1];

const MOVES: &str = "files cannot be moved or linked from one directory to another";
const TRUNCATES: &str = "truncate(2) of files outside is not refused";
const DEVICES: &str = "ioctl(2) on devices outside of /dev is not refused";

/// A version and its missing rights: <https://docs.kernel.org/userspace-api/landlock.html>.
const VERSIONS: [(i64, &[&str]); 8] = [
    (1, &[MOVES, TRUNCATES, DEVICES]),
    (2, &[TRUNCATES, DEVICES]),
    (3, &[DEVICES]),
    (4, &[DEVICES]),
    (5, &[]),
    (6, &[]),
    (7, &[]),
    // A version that this program does not know yet.
    (99, &[]),
];

/// Those whose rights this kernel knows; newer ones than 5 add none that `/init` requests.
fn known() -> impl Iterator<Item = (i64, &'static [&'static str])> {
    let kernel = i64::from(crate::version());
    VERSIONS.into_iter().filter(move |(version, _)| (*version).min(5) <= kernel)
}

fn of_version(version: i64) -> Sandbox {
    let fault = Fault {
        child: false,
        call: SYS_landlock_create_ruleset,
        arguments: VERSION.to_vec(),
        nth: None,
        answer: Answer::Value(version),
    };
    container("writes = true\n[boot_check]\nrequire_read_only_root = false")
        .node("/opt/zero", Kind::HostBind("/dev/zero".into()))
        .with(|spec| spec.faults = Some(Faults { rules: vec![fault], ..Faults::default() }))
}

#[test]
fn older_version_lacks_exactly_the_reported_rights() {
    for (version, lacks) in known() {
        let attempts = [
            ("create=/data/file", "ok"),
            ("mkdir=/data/below", "ok"),
            ("rename=/data/file:/data/below/file", if lacks.contains(&MOVES) { "EXDEV" } else { "ok" }),
            ("truncate=/opt/app/file", if lacks.contains(&TRUNCATES) { "ok" } else { "EACCES" }),
            ("tcgets=/opt/zero", if lacks.contains(&DEVICES) { "ENOTTY" } else { "EACCES" }),
            ("write=/opt/app/file", "EACCES"),
            ("create=/tmp/new", "EACCES"),
            ("unlink=/opt/app/file", "EACCES"),
        ];
        let run = crate::trying(&of_version(version), attempts.map(|(attempt, _)| attempt));
        crate::ends(&run, &attempts);
        let said = run.stderr();
        for gap in [MOVES, TRUNCATES, DEVICES] {
            let line = format!("seal: this kernel is too old for all of it: {gap}");
            run.check(said.contains(&line) == lacks.contains(&gap), &format!("version {version}: {gap}"));
        }
    }
    cases("versions of Landlock", known().count());
}

#[test]
fn check_and_plan_report_the_version_and_its_gaps() {
    for (version, lacks) in known() {
        let shown = format!("(Landlock {version})");
        let plan = of_version(version).words(["--plan", "witness"]).run();
        plan.check(plan.stdout().contains(&shown), &shown);
        let check = of_version(version).words(["--check=init", "witness"]).run();
        check.check(check.stdout().contains(&shown), &shown);
        for gap in [MOVES, TRUNCATES, DEVICES] {
            let line = format!("ok    seal: with this kernel, {gap}\n");
            check.check(check.stdout().contains(&line) == lacks.contains(&gap), &line);
        }
    }
}
