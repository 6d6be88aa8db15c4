//! Failing steps, full surfaces, unusable secrets, and a stop during the check.

use std::time::Duration;

use crate::apps::{HTTP, SMALL, app, broken, patient, small};
use crate::broken::ends;
use crate::scene::{BOTH, BROKEN, GATE, MARK, PODMAN, Row, Scene, Told, app_file};

/// A step of this kind that runs `app.py`.
fn step(kind: &str, way: &str, more: &str) -> String {
    let words: String = way.split(' ').map(|word| format!(", \"{word}\"")).collect();
    format!("[[{kind}]]\nname = \"the step\"\ncommand = [\"python3\", \"/srv/app.py\"{words}]\n{more}\n")
}

fn health() -> String {
    format!("health = {HTTP}")
}

pub fn rows() -> Vec<Row> {
    let with = |entries: &str| small(&health(), entries);
    let mut rows = vec![
        quiet("a root step fails", with(&step("root_step", "exit 9", "")), 70, "step 'the step' exited with 9"),
        quiet("a step fails", with(&step("step", "exit 9", "")), 70, "step 'the step' exited with 9"),
        quiet("a step crashes", with(&step("step", "crash", "")), 70, "step 'the step' was ended by signal 6"),
        quiet(
            "a root step hangs",
            with(&step("root_step", "idle", "timeout = \"1s\"")),
            70,
            "step 'the step' did not end within 1s",
        ),
        quiet(
            "a root step hangs and ignores SIGTERM",
            with(&step("root_step", "deaf-step", "timeout = \"1s\"")),
            70,
            "did not end within 1s",
        ),
        // In a check, a step without a timeout gets the whole time that the app has to become healthy.
        quiet(
            "a step hangs, and has no timeout",
            with(&step("step", "idle", "")),
            70,
            "step 'the step' did not end within 4s",
        ),
        broken(
            "a step's daemon that the app needs",
            PODMAN,
            small("health = { tcp = \"127.0.0.1:9000\", timeout = \"1s\" }", &step("step", "fork-daemon", "")),
            &["serve"],
            ends(1, "connect to 127.0.0.1:9000: "),
        ),
        broken("a step's program missing", PODMAN, with("[[step]]\nname = \"a\"\ncommand = [\"psql\"]"), &["serve"], {
            ends(127, "command 'psql' not found")
        }),
        broken(
            "a variable of a step unset",
            PODMAN,
            with("[[step]]\nname = \"a\"\ncommand = [\"true\", \"${DATABASE_URL}\"]"),
            &["serve"],
            { ends(78, "${DATABASE_URL} is unset") },
        ),
        broken(
            "the disk of HOME is full",
            BOTH,
            patient(&health(), &step("step", "fill /home/app/cache", "")),
            &["serve"],
            ends(1, "FAIL  tmpfs /home/app: /home/app: write: No space left on device (ENOSPC)"),
        ),
        broken(
            "a directory below a read-only one",
            PODMAN,
            with("[[directory]]\npath = \"/opt/cache\""),
            &["serve"],
            { ends(71, "cannot create the directory /opt/cache: mkdir: Read-only file system (EROFS)") },
        ),
    ];
    rows.extend([script_of_the_app(), configuration_of_the_app()]);
    rows.extend(secrets());
    rows.extend(stopped());
    rows
}

fn script_of_the_app() -> Row {
    Row::new("a root step's script that the app can write", PODMAN, |scene| {
        let entry = "[[root_step]]\nname = \"the step\"\ncommand = [\"/usr/local/libexec/script\"]";
        let script = scene.file("script", "#!/bin/sh\n", 0o777);
        let options = format!(
            "{SMALL} {GATE} {} --volume {script}:/usr/local/libexec/script",
            scene.configuration(&small("", entry))
        );
        ends(78, "refusing the root step 'the step': /usr/local/libexec/script").judge(&scene.run(&options, &["true"])?)
    })
    .of(BROKEN)
}

fn configuration_of_the_app() -> Row {
    Row::new("a configuration that the app can write", BOTH, |scene| {
        let options =
            format!("{SMALL} {GATE} --volume {}:/etc/init.toml", scene.file("init.toml", &small("", ""), 0o666));
        ends(78, "/etc/init.toml is writable to everyone; fix: ").judge(&scene.run(&options, &["true"])?)
    })
    .of(BROKEN)
}

/// A row whose step also runs `app.py`, so its output does not show whether the app started.
fn quiet(name: &str, configuration: String, code: i32, line: &'static str) -> Row {
    Row::new(name, PODMAN, move |scene| {
        let options = format!("{SMALL} {GATE} {} {}", scene.configuration(&configuration), app_file(scene));
        let mut outcome = scene.run(&options, &app(&["serve"]))?;
        outcome.stderr = of_init(&outcome.stderr);
        ends(code, line).judge(&outcome)
    })
    .of(BROKEN)
}

/// What is not a step's.
fn of_init(log: &str) -> String {
    log.lines().filter(|line| !line.starts_with("init: step: ")).map(|line| format!("{line}\n")).collect()
}

fn secrets() -> Vec<Row> {
    let secret = |name: &str, text: &'static str, mode: u32, options: &'static str, line: &'static str| {
        Row::new(name, PODMAN, move |scene: &Scene| {
            let file = scene.file("secret", text, mode);
            let configuration = scene.configuration(&small("", "[secrets]\nPASSWORD = \"/run/password\""));
            let options = format!("{SMALL} {GATE} {configuration} --volume {file}:/run/password:ro {options}");
            let outcome = scene.run(&options, &["python3", "-c", "print('app: started')"])?;
            outcome.check(
                !outcome.stdout.contains("hunter2") && !outcome.stderr.contains("hunter2"),
                "no secret in the output",
            )?;
            ends(78, line).judge(&outcome)
        })
        .of(BROKEN)
    };
    vec![
        // Root of a user namespace does not own the host's file.
        secret(
            "a secret that cannot be read",
            "hunter2",
            0o000,
            "",
            "secret PASSWORD from /run/password: uid 1001 cannot read it: open: Permission denied (EACCES)",
        ),
        secret("a secret that is empty", "\n", 0o644, "", "secret PASSWORD from /run/password: it is empty"),
        secret(
            "a secret whose file is missing",
            "hunter2",
            0o644,
            "--env PASSWORD_FILE=/run/none",
            "secret PASSWORD from /run/none: open: No such file or directory (ENOENT)",
        ),
        secret(
            "a secret from two sources",
            "hunter2",
            0o644,
            "--env PASSWORD=a --env PASSWORD_FILE=/run/password",
            "both PASSWORD and PASSWORD_FILE are set",
        ),
    ]
}

/// A container stopped during a boot ends before the engine would kill it.
fn stopped() -> Vec<Row> {
    let stopped = |name: &str, configuration: String, way: &'static [&'static str], code: i32, line: &'static str| {
        Row::new(name, PODMAN, move |scene| {
            let options = format!("{SMALL} {GATE} {} {}", scene.configuration(&configuration), app_file(scene));
            let mut running = scene.start(&options, &app(way))?;
            running.until(MARK)?;
            let stop = scene.ask("stop --time 30")?.ended(0)?;
            stop.check(stop.took < Duration::from_secs(10), "a stop that does not wait for SIGKILL")?;
            let mut outcome = running.finish()?;
            outcome.check(!outcome.stdout.contains("ok    health"), "no health")?;
            outcome.stderr = outcome.stderr.replace(MARK, "");
            let told = ends(code, line).judge(&outcome)?;
            Ok(Told { took: Some(stop.took), ..told })
        })
        .of(BROKEN)
    };
    let health = health();
    vec![
        stopped(
            "podman stop during a root step",
            patient(&health, &step("root_step", "idle", "")),
            &["serve"],
            143,
            "stopped by signal 15 during the step",
        ),
        stopped(
            "podman stop during a step",
            patient(&health, &step("step", "idle", "")),
            &["serve"],
            143,
            "stopped by signal 15 during the step",
        ),
        stopped("podman stop while the app gets healthy", patient(&health, ""), &["idle"], 143, "stopped by signal 15"),
    ]
}
