//! Reports: JSON, a check that ends after the drop, and the cleanup after a check.

use crate::apps::{HTTP, SMALL, app, patient, small};
use crate::scene::{
    BOTH, DROPPED, FLAGS, GATE, MARK, PODMAN, PROBE, Row, Scene, THROW_AWAY, Verdict, app_file, expect,
};

pub fn rows() -> Vec<Row> {
    vec![
        Row::new("BOOT_CHECK_ONLY=init: root steps, drop, probes", BOTH, ends_after_the_probes),
        Row::new("BOOT_CHECK_ONLY=0 and empty start the app", PODMAN, starts_the_app),
        Row::new("--check --json: parses, and the app is on stderr", BOTH, |scene| {
            json(scene, "", &["--check", "--json"])
        }),
        Row::new("BOOT_CHECK_ONLY=1 and BOOT_CHECK_FORMAT=json", PODMAN, |scene| {
            json(scene, &format!("{GATE} --env BOOT_CHECK_FORMAT=json"), &[])
        }),
        Row::new("a refusal as JSON", PODMAN, refusal_as_json),
        Row::new("a check leaves no process and no file", PODMAN, leaves_nothing),
        Row::new("a gate on the real volume keeps the steps' files", PODMAN, keeps_the_files_of_steps),
        Row::new("a step runs as the user; a root step gets only PATH", PODMAN, root_steps_get_only_path),
        Row::new("a step that floods the log and prints a fake record", PODMAN, escapes_and_splits_a_flood),
        Row::new("a writable / is a warning where it is allowed", PODMAN, warns_about_a_writable_root),
        Row::new(
            "a capability too many and a tmpfs without a size are warnings",
            PODMAN,
            warns_about_capability_and_size,
        ),
    ]
}

fn ends_after_the_probes(scene: &Scene) -> Verdict {
    let outcome = scene.run(&format!("{FLAGS} {THROW_AWAY} --env BOOT_CHECK_ONLY=init"), &[])?.ended(0)?;
    outcome.check(outcome.stderr.contains("step egress verified"), "the root steps")?;
    outcome.check(
        !outcome.stderr.contains("step store") && !outcome.stderr.contains("gunicorn 2"),
        "neither step nor app",
    )?;
    outcome.check(
        outcome.stdout.contains("ok    HOME: ") && !outcome.stdout.contains("health"),
        "the probes, and no health check",
    )?;
    Ok(format!("{} checks, no step, no app", outcome.stdout.lines().count()).into())
}

fn starts_the_app(scene: &Scene) -> Verdict {
    for value in ["0", ""] {
        let options = format!("{SMALL} --env BOOT_CHECK_ONLY={value} {}", scene.configuration(&small("", "")));
        let outcome = scene.run(&options, &["python3", "-c", "print('app: started')"])?.ended(0)?;
        outcome.check(outcome.stdout == format!("{MARK}\n"), "the app, and nothing else on standard output")?;
    }
    Ok("the app, twice".into())
}

fn refusal_as_json(scene: &Scene) -> Verdict {
    let options = format!(
        "{SMALL} {GATE} --env BOOT_CHECK_FORMAT=json --env ROLE=nothing {}",
        scene.configuration(&small("", ""))
    );
    let outcome = scene.run(&options, &["true"])?.ended(78)?;
    let report: serde_json::Value =
        serde_json::from_str(&outcome.stdout).map_err(|error| format!("{error}\n{}", outcome.shown()))?;
    let check = &report["checks"][0];
    outcome
        .check(report["passed"] == false && check["status"] == "fail" && check["check"] == "boot", "the failed boot")?;
    outcome.check(check["fix"].as_str().is_some_and(|fix| fix.len() > 5), "its fix")?;
    Ok(format!("78, and {}", outcome.stdout.trim_end()).into())
}

fn keeps_the_files_of_steps(scene: &Scene) -> Verdict {
    let volume = scene.volume()?;
    let list = format!("--volume {volume}:/app/runtime --entrypoint find");
    let list = || scene.run(&list, &["/app/runtime", "-mindepth", "1"]);
    let before = list()?.ended(0)?;
    before.check(before.stdout.is_empty(), "an empty volume")?;
    let gate = format!("{FLAGS} {GATE} --volume {volume}:/app/runtime");
    scene.run(&gate, &[])?.ended(0)?;
    let after = list()?.ended(0)?;
    after.check(after.stdout == "/app/runtime/store.sqlite\n", "the store, and nothing else")?;
    Ok("store.sqlite, and nothing else".into())
}

fn root_steps_get_only_path(scene: &Scene) -> Verdict {
    let root = "[[root_step]]\nname = \"root\"\ncommand = [\"/usr/bin/env\"]";
    let user =
        format!("[[step]]\nname = \"user\"\ncommand = [\"python3\", \"-c\", '''{PROBE}''']\n\n[env]\nOWN = \"1\"");
    let options = format!(
        "{SMALL} --env LD_PRELOAD= --env FOREIGN=1 {}",
        scene.configuration(&small("", &format!("{root}\n\n{user}")))
    );
    let mut outcome = scene.run(&options, &["true"])?.ended(0)?;
    let seen = |step: &str| {
        let prefix = format!("init: step: {step}: ");
        outcome
            .stderr
            .lines()
            .filter_map(|line| line.strip_prefix(&prefix))
            .map(|line| format!("{line}\n"))
            .collect::<String>()
    };
    let (root, user) = (seen("root"), seen("user"));
    let names: Vec<&str> = root.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
    outcome.check(names == ["PATH"], format!("a clean environment, not {names:?}"))?;
    outcome.stdout = user;
    expect(&outcome, DROPPED)?;
    Ok(format!("uid 1001, no capabilities, no_new_privs; root's has {}", names.join(", ")).into())
}

fn escapes_and_splits_a_flood(scene: &Scene) -> Verdict {
    let step = "[[step]]\nname = \"the step\"\ncommand = [\"python3\", \"/srv/app.py\", \"floods\"]";
    let options = format!("{SMALL} {} {}", scene.configuration(&small("", step)), app_file(scene));
    let outcome = scene.run(&options, &["true"])?.ended(0)?;
    outcome.check(outcome.stderr.contains("init: step: the step: init: fatal: forged\n"), "the line, as the step's")?;
    let clean = !outcome.stderr.contains(['\x1b', '\x07'])
        && !outcome.stderr.lines().any(|line| line.starts_with("init: fatal"));
    if !clean || outcome.stderr.len() < 3_000_000 || outcome.stderr.lines().any(|line| line.len() > 5000) {
        return Err(format!(
            "{} bytes of log, with escapes, a fake record or a line that is too long",
            outcome.stderr.len()
        ));
    }
    Ok("3 MB in lines of 4 KB, each with the step's name; escapes escaped".into())
}

fn warns_about_a_writable_root(scene: &Scene) -> Verdict {
    let configuration = small("", "").replace("[boot_check]", "[boot_check]\nrequire_read_only_root = false");
    let options = format!(
        "{} {GATE} {} {}",
        SMALL.replace("--read-only ", ""),
        scene.configuration(&configuration),
        app_file(scene)
    );
    let outcome = scene.run(&options, &app(&["serve"]))?.ended(0)?;
    outcome.check(outcome.stdout.contains("warn  root file system: writable; fix: add --read-only"), "the warning")?;
    Ok("warn, 0".into())
}

fn warns_about_capability_and_size(scene: &Scene) -> Verdict {
    let flags = SMALL.replace("--cap-add=", "--cap-add=NET_RAW,").replace("size=16m,", "");
    let options = format!("{flags} {GATE} {} {}", scene.configuration(&small("", "")), app_file(scene));
    let outcome = scene.run(&options, &app(&["serve"]))?.ended(0)?;
    outcome.check(outcome.stdout.contains("warn  capabilities: given beyond the plan: NET_RAW; fix: "), "the first")?;
    outcome.check(outcome.stdout.contains("warn  tmpfs /home/app: without a size"), "the second")?;
    Ok("two warnings, 0".into())
}

fn json(scene: &Scene, options: &str, before: &[&str]) -> Verdict {
    let configuration = patient(&format!("health = {HTTP}"), "");
    let options = format!("{SMALL} {options} {} {}", scene.configuration(&configuration), app_file(scene));
    let words: Vec<&str> = before.iter().copied().chain(app(&["serve"])).collect();
    let outcome = scene.run(&options, &words)?.ended(0)?;
    let report: serde_json::Value =
        serde_json::from_str(&outcome.stdout).map_err(|error| format!("{error}\n{}", outcome.shown()))?;
    let checks = report["checks"].as_array().ok_or("no checks")?;
    outcome.check(report["passed"] == true && checks.iter().all(|check| check["status"] == "ok"), "that all passed")?;
    outcome.check(checks.iter().any(|check| check["check"] == "health"), "the health")?;
    outcome.check(outcome.stdout.lines().count() == 1, "one line on standard output")?;
    outcome.check(outcome.stderr.contains(MARK), "the app's own output on standard error")?;
    Ok(format!("{} checks passed, in one line of JSON", checks.len()).into())
}

/// A check inside a running container: the processes of its steps and app, and the files of its probes, are gone when
/// it ends.
fn leaves_nothing(scene: &Scene) -> Verdict {
    let daemon = "[[step]]\nname = \"a step\"\ncommand = [\"python3\", \"/srv/app.py\", \"fork-daemon\"]";
    let root = "[[root_step]]\nname = \"a root step\"\ncommand = [\"python3\", \"/srv/app.py\", \"fork-daemon\"]";
    let configuration = patient(&format!("health = {HTTP}"), &format!("{daemon}\n\n{root}"));
    let options = format!(
        "{SMALL} --tmpfs /tmp:rw,size=8m,mode=1777 --entrypoint python3 {} {}",
        scene.configuration(&configuration),
        app_file(scene)
    );
    let mut container = scene.start(&options, &["/srv/app.py", "idle"])?;
    container.until(MARK)?;
    // Lists all processes of all users: a zombie is an empty line. `podman top` needs a cgroup.
    let list = "for process in /proc/[0-9]*; do tr '\\0' ' ' <$process/cmdline; echo; done";
    let processes = || {
        let outcome = scene.exec("", &["sh", "-c", list])?.ended(0)?;
        let mut lines: Vec<String> = outcome.stdout.lines().map(str::to_owned).collect();
        lines.sort();
        Ok::<_, String>(lines)
    };
    let files = || {
        scene
            .exec("", &["find", "/home/app", "/tmp", "/run", "/dev/shm"])
            .and_then(|outcome| outcome.ended(0))
            .map(|it| it.stdout)
    };
    let before = (processes()?, files()?);
    let check = scene.exec("", &["/init", "--check", "python3", "/srv/app.py", "litters"])?.ended(0)?;
    check.check(
        check.stdout.contains("ok    health: ") && check.stderr.contains("app: started, fork-daemon"),
        "the whole check",
    )?;
    let after = (processes()?, files()?);
    check.check(before == after, format!("{before:?} before and after, found {after:?}"))?;
    Ok("daemons of both kinds of steps and of the app: gone; no file".into())
}
