//! The ways in which an engine can start `/init`, and the expected state of the app for each.

use crate::expect::{App, MARK, app, facts, usual};
use crate::row::{BOTH, DOCKER, FOUR, PODMAN, Row, USUAL, starts};

/// What the probe looks at.
const HOME: &str = "stat:/home/app write:/home/app";

/// The usual state, with the home directory handed over.
fn handed() -> App {
    usual().finds("/home/app", "drwxr-xr-x 1001:1001").finds("write /home/app", "ok").finds("USER", "default")
}

pub fn rows() -> Vec<Row> {
    let more = [a_second_start(), exit_code(), plan_as_text(), plan_without_capabilities()];
    as_root().into_iter().chain(not_root()).chain(more).collect()
}

fn as_root() -> Vec<Row> {
    let not_first = |parent| handed().whatever("pid").finds("parent", parent);
    vec![
        starts("the four capabilities, --read-only", BOTH, USUAL, HOME, handed()),
        starts(
            "… and --security-opt=no-new-privileges",
            BOTH,
            format!("{USUAL} --security-opt=no-new-privileges"),
            HOME,
            handed(),
        ),
        starts(
            "… and --security-opt=seccomp=unconfined",
            BOTH,
            format!("{USUAL} --security-opt=seccomp=unconfined"),
            HOME,
            handed(),
        ),
        // catatonit leaves three signals blocked in what it starts, and the app gets the mask that /init got.
        starts(
            "--init: not PID 1",
            PODMAN,
            format!("{USUAL} --init"),
            HOME,
            not_first("podman-init").whatever("SigBlk"),
        ),
        starts("--init: not PID 1 (docker-init)", DOCKER, format!("{USUAL} --init"), HOME, not_first("docker-init")),
        starts("the engine's own capabilities", BOTH, "--tmpfs /home/app:rw,mode=0755", HOME, handed()),
        starts("--privileged", PODMAN, "--privileged --tmpfs /home/app:rw,mode=0755", HOME, handed()),
        starts(
            "… and two more (SYS_ADMIN, NET_ADMIN)",
            BOTH,
            format!("{USUAL} --cap-add=SYS_ADMIN,NET_ADMIN"),
            HOME,
            handed(),
        ),
        starts("--read-only-tmpfs=false", PODMAN, format!("{USUAL} --read-only-tmpfs=false"), HOME, handed()),
        starts("a tmpfs with the engine's own mode", BOTH, format!("{FOUR} --tmpfs /home/app"), HOME, handed()),
        starts("a terminal (-t)", BOTH, format!("{USUAL} --tty"), HOME, handed().finds("terminal", "True")),
        starts(
            "--log-driver=passthrough, as Quadlet",
            PODMAN,
            format!("{USUAL} --log-driver=passthrough --sdnotify=conmon"),
            HOME,
            {
                // The streams are the caller's, outside of the user namespace: not root's here to hand over.
                handed().whatever("open /dev/stdout").whatever("open /dev/stderr")
            },
        ),
        starts("--userns=keep-id", PODMAN, format!("{USUAL} --userns=keep-id"), HOME, handed()),
        starts(
            "--userns=keep-id:uid=1001,gid=1001",
            PODMAN,
            format!("{USUAL} --userns=keep-id:uid=1001,gid=1001"),
            HOME,
            handed(),
        ),
        starts("--group-add 44: only its own groups are left", BOTH, format!("{USUAL} --group-add 44"), HOME, handed()),
        starts(
            "--env HOME=/data: a configured home wins",
            BOTH,
            format!("{USUAL} --env HOME=/data --env NEWS=kept"),
            HOME,
            handed().finds("NEWS", "kept"),
        ),
    ]
}

/// Started as non-root: nothing is handed over, and the drop is proved in the same way.
fn not_root() -> Vec<Row> {
    let open = "--tmpfs /home/app:rw,mode=1777";
    // The image's user 1001 is in group 0; an engine goes by that.
    let image_user = || app(1001, 0, "0").finds("/home/app", "drwxrwxrwt 0:0").finds("write /home/app", "ok");
    vec![
        starts(
            "--user 1001, --cap-drop=ALL",
            BOTH,
            format!("--user 1001 --cap-drop=ALL --read-only {open}"),
            HOME,
            image_user(),
        ),
        // Without SETPCAP the bounding set is the engine's; no_new_privs makes it useless.
        starts(
            "--user 1001, the engine's own capabilities",
            BOTH,
            format!("--user 1001 {open}"),
            HOME,
            image_user().whatever("CapBnd"),
        ),
        starts(
            "--user 1001 with the four capabilities",
            BOTH,
            format!("--user 1001 {FOUR} {open}"),
            HOME,
            image_user().whatever("CapBnd"),
        ),
        starts(
            "--user 1001:1001, no-new-privileges",
            BOTH,
            format!("--user 1001:1001 --security-opt=no-new-privileges {FOUR} {open}"),
            HOME,
            { app(1001, 1001, "1001").whatever("CapBnd").finds("write /home/app", "ok") },
        ),
        starts(
            "--user 54321:0, as OpenShift",
            BOTH,
            format!("--user 54321:0 --cap-drop=ALL --read-only {open}"),
            HOME,
            { app(54321, 0, "0").finds("USER", "54321").finds("write /home/app", "ok") },
        ),
        starts(
            "--userns=keep-id:uid=1001 --user 1001:1001",
            PODMAN,
            format!("--userns=keep-id:uid=1001,gid=1001 --user 1001:1001 {FOUR} {open}"),
            HOME,
            app(1001, 1001, "1001").finds("write /home/app", "ok"),
        ),
    ]
}

/// A restart of a container starts the same container again.
fn a_second_start() -> Row {
    Row::new("a container that is started again", BOTH, |scene| {
        scene.create(USUAL, &["python3", "-c", crate::row::PROBE, "stat:/home/app", "write:/home/app"])?;
        let expected = usual().finds("/home/app", "drwxr-xr-x 1001:1001").finds("write /home/app", "ok");
        for _ in 0..2 {
            expected.judge(&scene.start_again()?)?;
        }
        Ok("the app, twice".into())
    })
}

fn exit_code() -> Row {
    Row::new("the exit code is the app's own", BOTH, |scene| {
        let outcome = scene.probe(USUAL, &["exit:42"])?.ended(42)?;
        outcome.check(facts(&outcome).contains_key("Uid"), "that the app runs")?;
        Ok("the app, 42".into())
    })
}

fn plan_as_text() -> Row {
    Row::new("--plan", BOTH, |scene| {
        let plan = scene.run(&format!("{USUAL} --env ROLE=worker"), &["--plan"])?.ended(0)?;
        for line in [
            "role          worker (by ROLE)",
            "start         root: hand over, drop, prove",
            "tmpfs         /home/app mode 0755 size 16m",
        ] {
            plan.check(plan.stdout.lines().any(|found| found == line), format!("the line '{line}'"))?;
        }
        plan.check(
            plan.stdout.lines().filter(|line| line.starts_with("capability ")).count() == 4,
            "four lines of capabilities",
        )?;
        plan.check(
            !plan.stdout.contains("MISSING") && plan.stderr.is_empty(),
            "nothing missing, nothing on standard error",
        )?;
        Ok("the plan, as text".into())
    })
}

/// The plan shows what is missing, so it must not need it.
fn plan_without_capabilities() -> Row {
    Row::new("--plan --json with no capability and no tmpfs", BOTH, |scene| {
        let plan = scene.run("--cap-drop=ALL --read-only --env ROLE=web", &["--plan", "--json"])?.ended(0)?;
        let json: serde_json::Value =
            serde_json::from_str(&plan.stdout).map_err(|error| format!("{error}\n{}", plan.shown()))?;
        let needs: Vec<&str> = json["capabilities"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|need| need["held"] == false)
            .filter_map(|need| need["name"].as_str())
            .collect();
        plan.check(needs == ["CHOWN", "SETUID", "SETGID", "SETPCAP"], "the four capabilities, none of them held")?;
        plan.check(
            json["uid"] == 1001 && json["role"] == "web" && !plan.stdout.contains(MARK),
            "the plan of the web role",
        )?;
        Ok("the plan, naming the four".into())
    })
}
