//! The real binary on gVisor's kernel, by `runsc` alone: exec, supervision, a start as another user, the boot check,
//! the health check, and what is refused there. On both platforms that need no hardware virtualization.

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

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::json;

const FOUR: &[&str] = &["CAP_CHOWN", "CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP"];

/// The role `up` is checked, `web` asked for its health.
const CONFIG: &str = "user = 'app'\nhome = '/cache'\n[[tmpfs]]\npath = '/cache'\nmode = '0700'\n\
    [roles.web]\ncommand = ['/bin/witness', 'pause']\nhealth = { exec = ['/bin/witness', 'setuid0'] }\n\
    [roles.up]\ncommand = ['/bin/witness', 'pause']\nsupervise = true\n[role]\nenv = 'ROLE'\n";

/// The third one, kvm, needs `/dev/kvm`.
const PLATFORMS: [&str; 2] = ["systrap", "ptrace"];

const ATTEMPTS: [&str; 6] = ["setuid0", "setgid0", "setgroups0", "capset", "ambient", "bounding"];

/// A start in a container of its own.
struct Row {
    name: &'static str,
    uid: u32,
    capabilities: &'static [&'static str],
    words: Vec<&'static str>,
    environment: &'static [&'static str],
    /// The signal that is sent once the app runs.
    stop: Option<&'static str>,
    code: i32,
    /// Lines that begin like this are printed, in any order.
    printed: &'static [&'static str],
}

/// An exec by root.
const ROW: Row = Row {
    name: "",
    uid: 0,
    capabilities: FOUR,
    words: Vec::new(),
    environment: &[],
    stop: None,
    code: 0,
    printed: &[],
};

/// What the app finds of its privilege after a drop from root.
const DROPPED: &[&str] = &["Groups: 1001", "CapBnd: 0000000000000000"];

/// The same after any start: without `CAP_SETPCAP` the bounding set stays. gVisor prints no more.
const ANY: &[&str] = &[
    "Uid: 1001 1001 1001 1001",
    "Gid: 1001 1001 1001 1001",
    "CapInh: 0000000000000000",
    "CapPrm: 0000000000000000",
    "CapEff: 0000000000000000",
    "try: setuid0: EPERM",
    "try: setgid0: EPERM",
    "try: setgroups0: EPERM",
    "try: capset: EPERM",
    "try: ambient: E",
    "try: bounding: EPERM",
    "init: info: no CapAmb and NoNewPrivs in /proc/self/status, as on gVisor",
];

fn rows() -> Vec<Row> {
    boots().into_iter().chain(refusals()).chain([optional_seal()]).collect()
}

/// The app with the attempts to regain privilege, after these words.
fn app(before: &[&'static str]) -> Vec<&'static str> {
    [before, &["/bin/witness"], &ATTEMPTS].concat()
}

fn boots() -> Vec<Row> {
    vec![
        Row { name: "exec", words: [app(&["/init"]), vec!["exit=7"]].concat(), code: 7, printed: DROPPED, ..ROW },
        Row { name: "supervised", words: app(&["/init", "--supervise"]), printed: DROPPED, ..ROW },
        Row {
            name: "supervised, stopped",
            words: vec!["/init", "--supervise", "/bin/witness", "pause"],
            stop: Some("TERM"),
            code: 143,
            printed: &["witness: started"],
            ..ROW
        },
        // gVisor opens a program with the rights of its user, so that mode 0711 is not enough.
        Row { name: "non-root", uid: 1001, capabilities: &[], words: app(&["/init-readable"]), printed: &[], ..ROW },
        Row { name: "non-root with capabilities", uid: 1001, words: app(&["/init-readable"]), printed: &[], ..ROW },
        Row {
            name: "check",
            words: vec!["/init", "--check"],
            environment: &["ROLE=up"],
            printed: &["ok    drop: uid 1001 gid 1001, capabilities none", "ok    no_new_privs: "],
            ..ROW
        },
        Row {
            name: "health",
            words: vec!["/init", "--health"],
            environment: &["ROLE=web"],
            printed: &["ok    web: healthy"],
            ..ROW
        },
        Row {
            name: "plan",
            words: vec!["/init", "--plan", "/bin/witness"],
            printed: &["note          no CapAmb and NoNewPrivs in /proc/self/status"],
            ..ROW
        },
    ]
}

fn refusals() -> Vec<Row> {
    vec![
        Row {
            name: "without SETUID",
            capabilities: &["CAP_CHOWN", "CAP_SETGID", "CAP_SETPCAP"],
            words: vec!["/init", "/bin/witness"],
            code: 77,
            printed: &["init: fatal: "],
            ..ROW
        },
        Row {
            name: "a capability to keep",
            words: vec!["/init", "--config", "/etc/keep.toml", "/bin/witness"],
            code: 77,
            printed: &["init: fatal: cannot drop privilege: keep_capabilities of CHOWN"],
            ..ROW
        },
        // gVisor has no Landlock, and its seccomp cannot answer whether a filter is supported.
        Row {
            name: "sealed writes",
            words: vec!["/init", "--config", "/etc/writes.toml", "/bin/witness"],
            code: 77,
            printed: &[
                "init: fatal: cannot seal writes: landlock_create_ruleset: Function not implemented (ENOSYS); fix: ",
            ],
            ..ROW
        },
        Row {
            name: "sealed namespaces",
            words: vec!["/init", "--config", "/etc/namespaces.toml", "/bin/witness"],
            code: 77,
            printed: &["init: fatal: cannot seal namespaces: seccomp: Invalid argument (EINVAL); fix: "],
            ..ROW
        },
    ]
}

/// Warnings instead of the two refusals above.
fn optional_seal() -> Row {
    Row {
        name: "an optional seal",
        words: app(&["/init", "--config", "/etc/optional.toml"]),
        printed: &["init: warn: seal: cannot seal writes: ", "init: warn: seal: cannot seal namespaces: "],
        ..ROW
    }
}

fn expected(row: &Row) -> impl Iterator<Item = &'static &'static str> {
    let app = row.words.contains(&ATTEMPTS[0]);
    row.printed.iter().chain(ANY.iter().filter(move |_| app))
}

fn runsc() -> Command {
    let mut command = Command::new("timeout");
    command.args(["--kill-after=10", "90"]).arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab/runsc"));
    command
}

/// The image: two copies of `/init`, the witness, an account.
fn image(root: &Path) {
    for directory in ["etc", "bin", "proc", "sys", "dev", "tmp", "cache"] {
        fs::create_dir_all(root.join(directory)).unwrap();
    }
    for (from, to, mode) in [
        (support::init(), "init", 0o711),
        (support::init(), "init-readable", 0o755),
        (support::witness(), "bin/witness", 0o755),
    ] {
        fs::copy(from, root.join(to)).unwrap();
        fs::set_permissions(root.join(to), fs::Permissions::from_mode(mode)).unwrap();
    }
    fs::write(root.join("etc/passwd"), "root:x:0:0::/:\napp:x:1001:1001::/cache:\n").unwrap();
    fs::write(root.join("etc/group"), "root:x:0:\napp:x:1001:\n").unwrap();
    fs::write(root.join("etc/init.toml"), CONFIG).unwrap();
    fs::write(root.join("etc/keep.toml"), format!("keep_capabilities = ['CHOWN']\n{CONFIG}")).unwrap();
    for (name, seal) in [
        ("writes", "writes = true"),
        ("namespaces", "namespaces = false"),
        ("optional", "writes = true\nnamespaces = false\noptional = true"),
    ] {
        fs::write(root.join(format!("etc/{name}.toml")), format!("{CONFIG}[seal]\n{seal}\n")).unwrap();
    }
}

fn bundle(row: &Row, root: &Path) -> serde_json::Value {
    let mount = |to: &str, kind: &str, options: &[&str]| {
        let source = kind;
        json!({ "destination": to, "type": kind, "source": source, "options": options })
    };
    let owner = if row.uid == 0 { "mode=0755" } else { "mode=1777" };
    let variables = [&["PATH=/bin"], row.environment].concat();
    let sets = row.capabilities;
    json!({
        "ociVersion": "1.0.0",
        "process": {
            "user": { "uid": row.uid, "gid": row.uid },
            "args": row.words,
            "env": variables,
            "cwd": "/",
            "capabilities": { "bounding": sets, "effective": sets, "permitted": sets },
        },
        "root": { "path": root, "readonly": true },
        "mounts": [
            mount("/proc", "proc", &[]),
            mount("/dev", "tmpfs", &[]),
            mount("/sys", "sysfs", &["ro"]),
            mount("/cache", "tmpfs", &[owner, "size=8m", "nosuid", "nodev"]),
        ],
        "linux": { "namespaces": [{ "type": "pid" }, { "type": "mount" }, { "type": "ipc" }, { "type": "network" }] },
    })
}

/// Runs it, and gives the exit code with all that was printed.
fn run(row: &Row, platform: &str, number: usize, scene: &Path) -> (Option<i32>, String) {
    let directory = scene.join(format!("{platform}-{number}"));
    fs::create_dir(&directory).unwrap();
    fs::write(directory.join("config.json"), bundle(row, &scene.join("root")).to_string()).unwrap();
    let name = format!("stepdown-{}-{platform}-{number}", std::process::id());
    let log = fs::File::create(directory.join("stderr")).unwrap();
    let mut container = runsc()
        .env("STEPDOWN_PLATFORM", platform)
        .args(["run", "--bundle"])
        .args([directory.as_os_str(), name.as_ref()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(container.stdout.take().unwrap());
    let mut text = String::new();
    if let Some(signal) = row.stop {
        while !text.contains("witness: started") && stdout.read_line(&mut text).unwrap() > 0 {}
        let log = || fs::read_to_string(directory.join("stderr")).unwrap();
        assert!(runsc().args(["kill", &name, signal]).status().unwrap().success(), "runsc kill: {}", log());
    }
    stdout.read_to_string(&mut text).unwrap();
    let code = container.wait().unwrap().code();
    (code, text + &fs::read_to_string(directory.join("stderr")).unwrap())
}

/// The directory of all bundles, which ends with the test.
struct Scene(PathBuf);

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn gvisor_boots_drops_and_refuses() {
    if !runsc().arg("--version").output().is_ok_and(|told| told.status.success()) {
        support::skip("there is no runsc, or no root to run it");
    }
    let scene = Scene(std::env::temp_dir().join(format!("stepdown-gvisor-{}", std::process::id())));
    image(&scene.0.join("root"));
    let rows = rows();
    let cases = PLATFORMS
        .iter()
        .flat_map(|platform| rows.iter().enumerate().map(move |(number, row)| (*platform, number, row)));
    let mut wrong = Vec::new();
    for (platform, number, row) in cases {
        let (code, text) = run(row, platform, number, &scene.0);
        let missing: Vec<_> =
            expected(row).filter(|start| !text.lines().any(|line| line.starts_with(**start))).collect();
        if code != Some(row.code) || !missing.is_empty() {
            let Row { name, code: wanted, .. } = row;
            wrong.push(format!("{platform}, {name}: {code:?} instead of {wanted}, without {missing:?}\n{text}"));
        }
    }
    support::cases("gvisor", rows.len() * PLATFORMS.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
