//! The real binary under runtimes without images: bubblewrap, systemd-nspawn, containerd by `ctr`, LXC and minijail.
//! Each gets the same root file system and its own flags, for a boot, a refusal, the boot check, a health check from
//! outside, and the runtime's own stop.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "../support/mod.rs"]
mod support;

mod runtime;

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write as _};
use std::process::Stdio;
use std::time::Instant;

use runtime::{Runtime, Scene};

const BOOT: &[&str] = &["/init", "/bin/witness", "setuid0", "exit=7"];
const REFUSAL: &[&str] = &["/init", "--config", "/etc/keep.toml", "/bin/witness"];
const SEALED: &[&str] = &["/init", "--config", "/etc/seal.toml", "--check"];
const CHECK: &[&str] = &["/init", "--config", "/etc/check.toml", "--check"];

/// What the witness prints after the drop, with the start of each line.
const DROPPED: &[&str] = &[
    "Uid: 1001 1001 1001 1001",
    "CapPrm: 0000000000000000",
    "CapEff: 0000000000000000",
    "CapBnd: 0000000000000000",
    "CapAmb: 0000000000000000",
    "NoNewPrivs: 1",
    "try: setuid0: E",
];

/// One start that ends by itself: the exit code, and what is printed.
fn starts(
    scene: &Scene,
    runtime: &Runtime,
    name: &str,
    words: &[&str],
    code: i32,
    printed: &[&str],
) -> Result<(), String> {
    let output = scene.start(runtime, name, words).output().unwrap();
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    let found = scene.code(runtime, name, output.status);
    let missing = printed.iter().find(|start| !text.lines().any(|line| line.trim_end().starts_with(**start)));
    match (found == Some(code), missing) {
        (true, None) => Ok(()),
        (_, missing) => Err(format!("{words:?} ended with {found:?} instead of {code}, without {missing:?}\n{text}")),
    }
}

/// A supervised app, asked for its health from outside and then stopped by the runtime.
fn runs(scene: &Scene, runtime: &Runtime, name: &str) -> (Result<(), String>, Result<(), String>) {
    let mut container = scene.start(runtime, name, &["/init"]);
    let mut container = container.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut stdout = BufReader::new(container.stdout.take().unwrap());
    let mut text = String::new();
    while !text.contains("witness: started") && stdout.read_line(&mut text).unwrap() > 0 {}
    if !text.contains("witness: started") {
        let status = container.wait().unwrap();
        return (Err(format!("not started: {status}\n{text}")), Err("not started".into()));
    }
    let healthy = match scene.inside(runtime, name, &["/init", "--health"]) {
        None => Ok(()),
        Some(mut command) => {
            let output = command.output().unwrap();
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            let is_healthy = output.status.success() && said.starts_with("ok    up: healthy");
            if is_healthy { Ok(()) } else { Err(format!("health: {said}{}", String::from_utf8_lossy(&output.stderr))) }
        }
    };
    let began = Instant::now();
    scene.stop(runtime, name);
    stdout.read_to_string(&mut text).unwrap();
    let status = container.wait().unwrap();
    let (found, took) = (scene.code(runtime, name, status), began.elapsed());
    // The end by SIGTERM is configured as a success; a stop that is not passed on ends by SIGKILL after ten seconds.
    let stopped = found == Some(0) && took.as_secs() < 8;
    (healthy, if stopped { Ok(()) } else { Err(format!("the stop: {found:?} after {took:?}\n{text}")) })
}

#[test]
fn runtimes_without_images_boot_refuse_check_and_stop() {
    if let Some(program) = runtime::missing() {
        support::skip(&format!("there is no {program}"));
    }
    let scene = Scene::new();
    let mut table = String::from("| runtime | boot | refusal | boot check | health | stop | seal | seconds |\n");
    table.push_str("| --- | --- | --- | --- | --- | --- | --- | --- |\n");
    let (mut wrong, mut cases) = (Vec::new(), 0);
    for (number, (title, runtime)) in runtime::runtimes().iter().enumerate() {
        let began = Instant::now();
        let name = |part: &str| format!("stepdown-{}-{number}-{part}", std::process::id());
        let refused = ["init: fatal: missing capability SYS_TIME (to keep it); fix: "];
        let passed = ["ok    drop: uid 1001 gid 1001, capabilities none", "ok    stop: "];
        let (healthy, stopped) = runs(&scene, runtime, &name("run"));
        let sealed = match runtime.can_seal() {
            true => starts(&scene, runtime, &name("seal"), SEALED, 0, &["ok    seal: "]),
            false => starts(&scene, runtime, &name("seal"), SEALED, 77, &["init: fatal: cannot seal writes: "]),
        };
        let cells = [
            starts(&scene, runtime, &name("boot"), BOOT, 7, DROPPED),
            starts(&scene, runtime, &name("refusal"), REFUSAL, 77, &refused),
            starts(&scene, runtime, &name("check"), CHECK, 0, &passed),
            healthy,
            stopped,
            sealed,
        ];
        cases += cells.len();
        let _ = write!(table, "| {title} |");
        for (number, cell) in cells.into_iter().enumerate() {
            let shown = match &cell {
                Ok(()) if number == 3 && !runtime.has_a_way_in() => "no way in",
                Ok(()) if number == 5 && !runtime.can_seal() => "refused",
                Ok(()) => "ok",
                Err(_) => "WRONG",
            };
            let _ = write!(table, " {shown} |");
            wrong.extend(cell.err().map(|what| format!("{title}: {what}")));
        }
        let _ = writeln!(table, " {:.1} |", began.elapsed().as_secs_f64());
    }
    support::cases("runtimes", cases);
    // Not by a macro, whose output the harness keeps.
    let _ = writeln!(std::io::stderr(), "{table}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
