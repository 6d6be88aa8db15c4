//! Planted setuid and setgid programs and programs with file capabilities, on a volume without `nosuid`: they give no
//! privilege, and the hand-over removes their bits and capabilities.

use super::volume::{nothing_outside_is_touched, volume};
use crate::support::capability::{CHOWN, SETUID};
use crate::support::cases;
use crate::support::protocol::{Content, Kind, Node};
use crate::support::run::Run;
use crate::support::sandbox::{Sandbox, node};

/// Name, owner, mode and file capabilities.
type Trap = (&'static str, (u32, u32), u32, Option<(u64, bool)>);

const TRAPS: [Trap; 8] = [
    ("setuid", (0, 0), 0o4755, None),
    ("setuid-other", (2000, 2000), 0o4755, None),
    ("setgid", (0, 0), 0o2755, None),
    ("both", (0, 0), 0o6755, None),
    ("locking", (0, 0), 0o2644, None),
    ("permitted", (0, 0), 0o755, Some((SETUID | CHOWN, false))),
    ("effective", (0, 0), 0o755, Some((SETUID | CHOWN, true))),
    ("users-own", (1001, 1001), 0o6755, None),
];

fn planted() -> Sandbox {
    volume(|base| {
        base.with(|spec| {
            spec.tree.extend(TRAPS.map(|(name, owner, mode, capabilities)| Node {
                owner,
                mode: Some(mode),
                capabilities,
                ..node(&format!("/disk/data/{name}"), Kind::File(Content::Witness))
            }));
        })
    })
}

/// Runs it and checks the ids and capabilities it reports.
fn gains_nothing(sandbox: &Sandbox, name: &str) -> Run {
    let word = format!("run=/data/{name}");
    let run = sandbox.clone().words(["witness", &word]).run();
    let attempt = run.app().attempt(&word).to_owned();
    if attempt == "exit status: 0" {
        let child = run.child();
        child.is("Uid", "1001 1001 1001 1001");
        child.is("Gid", "1001 1001 1001 1001");
        child.is("Groups", "1001");
        child.is("NoNewPrivs", "1");
        run.check(child.sets() == [0; 5], "five empty sets");
    } else {
        run.check(["EACCES", "EPERM"].contains(&attempt.as_str()), "a refusal to run it");
    }
    nothing_outside_is_touched(&run);
    run
}

#[test]
fn handed_over_programs_lose_their_privilege_bits() {
    for (name, owner, mode, capabilities) in TRAPS {
        let run = gains_nothing(&planted(), name);
        if owner == (1001, 1001) {
            run.untouched(&format!("/data/{name}"));
            continue;
        }
        let path = format!("/data/{name}");
        if owner != (0, 0) && mode & 0o6000 != 0 {
            // Without CAP_FOWNER root cannot clear the bit of a file that it does not own.
            run.untouched(&path);
            continue;
        }
        // Without group execute permission, the set-group-ID bit means mandatory locking and changes no id.
        run.owns(&path, 1001, 1001, if mode & 0o010 == 0 { mode } else { mode & 0o1777 });
        // With an empty bounding set the kernel refuses to run a file with effective capabilities.
        run.check(
            capabilities.is_none() || run.stdout().contains("child witness: started"),
            "that the change of owner removes its capabilities",
        );
        run.check(
            run.stderr().contains("set-group-ID files of other users stay as they are: 1"),
            "a warning about what is left unchanged",
        );
    }
    cases("traps handed over", TRAPS.len());
}

#[test]
fn unchanged_setuid_programs_give_no_privilege() {
    let unwalked = planted().config("[[volume]]\npath = '/data'\n");
    for (name, ..) in TRAPS {
        let run = gains_nothing(&unwalked, name);
        run.untouched(&format!("/data/{name}"));
    }
    // A step, and a supervised app.
    for option in ["--supervise", "--"] {
        let step = "[[volume]]\npath = '/data'\n[[step]]\nname = 'x'\ncommand = ['/data/setuid', 'aside']\n";
        let run = planted().config(step).words([option, "witness"]).run();
        let ids = run
            .stderr()
            .lines()
            .filter(|line| line.starts_with("init: step: x: Uid: "))
            .map(str::to_owned)
            .collect::<Vec<_>>();
        assert_eq!(ids, ["init: step: x: Uid: 1001 1001 1001 1001"], "{}", run.shown());
    }
    cases("traps left alone", TRAPS.len() + 2);
}
