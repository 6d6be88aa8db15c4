//! The private memory of a waiting PID 1: its anonymous pages, `proc_pid_smaps(5)`.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::stage::Stage;

pub fn measure(stage: &Stage) {
    let configuration =
        stage.configuration("memory.toml", &format!("{}[roles.web]\ncommand = [\"sleep\", \"60\"]\n", stage.mounts()));
    let mut init = stage.command(&stage.inits[0]);
    init.arg("-c").arg(&configuration).arg("--supervise");
    let waiting = |program: &str, words: &[&str]| {
        let mut command = stage.command(program);
        command.args(words).args(["--", "sleep", "60"]);
        command
    };
    println!("\nPrivate memory while waiting\n\n| | KiB |\n| --- | --- |");
    for (name, command) in [
        ("/init --supervise", init),
        ("tini-static", waiting("/usr/bin/tini-static", &["-s"])),
        ("catatonit", waiting("/usr/bin/catatonit", &[])),
        ("dumb-init", waiting("/usr/bin/dumb-init", &[])),
    ] {
        stage.reset();
        println!("| {name} | {} |", anonymous(command));
    }
}

/// In KiB, after it has started `sleep`.
fn anonymous(mut command: Command) -> u64 {
    let mut waits = command.spawn().unwrap();
    let children = format!("/proc/{0}/task/{0}/children", waits.id());
    let deadline = Instant::now() + Duration::from_secs(10);
    let child = loop {
        let child = fs::read_to_string(&children).unwrap_or_default().trim().to_owned();
        if fs::read_to_string(format!("/proc/{child}/comm")).is_ok_and(|name| name == "sleep\n") {
            break child;
        }
        assert!(Instant::now() < deadline, "no sleep was started");
        std::thread::yield_now();
    };
    let smaps = fs::read_to_string(format!("/proc/{}/smaps_rollup", waits.id())).unwrap();
    let line = smaps.lines().find_map(|line| line.strip_prefix("Anonymous:")).unwrap();
    let kib = line.trim().trim_end_matches(" kB").parse().unwrap();
    // It dropped to another user, or forwards: in both cases the child must be ended.
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(waits.id().cast_signed()), nix::sys::signal::Signal::SIGTERM)
        .unwrap();
    drop(child);
    drop(waits.wait());
    kib
}
