//! The disturbed boots: each way in which a container starts the app or checks its health.

use crate::support::capability::{FOUR, NET_BIND_SERVICE};
use crate::support::gvisor;
use crate::support::protocol::{Content, Fault, Faults, Kind};
use crate::support::sandbox::{Sandbox, node, sandbox};

/// The app's exit code: not 0, so that it cannot be confused with another success.
pub const CODE: i32 = 42;

/// One way to boot.
pub struct Scene {
    pub name: &'static str,
    pub sandbox: Sandbox,
    /// Whether the app runs; otherwise `/init` prints a report, and exits with 0 or 1.
    pub starts_app: bool,
}

const HANDED_OVER: &str = "umask = '0027'\nworkdir = '/srv'\ngroups = ['video']\n[env]\nMARK = 'x'\n\
    [[require]]\nenv = 'TERM'\n[[tmpfs]]\npath = '/cache'\nmode = '0700'\n\
     [[directory]]\npath = '/cache/made/below'\nmode = '0770'\n\
    [[file]]\npath = '/cache/made/conf'\ntemplate = '/etc/group'\nvariables = ['MARK']\n\
    [[volume]]\npath = '/plain'\n[[volume]]\npath = '/data'\nrecursive = true\n";

const STEPS: &str = "[[tmpfs]]\npath = '/cache'\nmode = '0700'\n\
    [[root_step]]\nname = 'wall'\ncommand = ['/bin/witness', 'mkdir=/cache/wall']\ntimeout = '2s'\n\
    [[step]]\nname = 'collect'\ncommand = ['witness', 'mkdir=/cache/collected']\ntimeout = '2s'\n";

const HEALTH: &str = "[role]\ndefault = 'web'\n[roles.web]\ncommand = ['witness']\n";

pub fn all() -> Vec<Scene> {
    let ending = format!("exit={CODE}");
    let app = ["witness", ending.as_str()];
    let supervised = ["--supervise", "witness", ending.as_str()];
    let tmpfs = || {
        sandbox()
            .tmpfs("/cache")
            .config("[[tmpfs]]\npath = '/cache'\nmode = '0700'\n[[directory]]\npath = '/cache/made'\n")
    };
    let theirs = |start: Sandbox| start.owned("/cache", Kind::Tmpfs, (1001, 1001), 0o700);
    let health = |line: &str| sandbox().config(format!("{HEALTH}health = {line}\n")).words(["--health"]);
    let starts = |name, sandbox| Scene { name, sandbox, starts_app: true };
    let reports = |name, sandbox| Scene { name, sandbox, starts_app: false };
    vec![
        starts("exec", handed_over().words(app)),
        starts(
            "exec, no root",
            theirs(sandbox().user(1001, 1001, FOUR)).config("[[tmpfs]]\npath = '/cache'\n").words(app),
        ),
        starts("exec, capability kept", kept().words(app)),
        starts("exec, older gVisor", on(gvisor::older()).words(app)),
        starts("exec, newer gVisor", on(gvisor::newer()).words(app)),
        starts("supervise", tmpfs().words(supervised)),
        starts("supervise below", tmpfs().words(supervised).with(|spec| spec.pid_one = false)),
        starts(
            "supervise, no root",
            sandbox().user(1001, 1001, FOUR).words(supervised.into_iter().chain(["memory=1", "ptrace=1"])),
        ),
        starts("steps", sandbox().tmpfs("/cache").config(STEPS).words(app)),
        reports(
            "check=init",
            tmpfs()
                .config("home = '/cache'\n[[tmpfs]]\npath = '/cache'\nmode = '0700'\n")
                .words(["--check=init", "witness"]),
        ),
        reports("health, exec", health("{ exec = ['witness'], timeout = '2s' }")),
        reports("health, file", health("{ file = '/etc/group', max_age = '1m' }")),
    ]
}

/// All kinds of surfaces: a tmpfs with a mode, a volume, and a recursive volume that contains every type of file.
fn handed_over() -> Sandbox {
    let bytes = |text: &str| Kind::File(Content::Bytes(text.into()));
    let mut start = sandbox().tmpfs("/cache").tmpfs("/disk").config(HANDED_OVER);
    start.spec.tree.extend([
        node("/disk/plain", Kind::Directory),
        node("/disk/data", Kind::Directory),
        node("/disk/data/in", Kind::Directory),
        node("/disk/data/in/file", bytes("x")),
        node("/disk/data/one", bytes("x")),
        node("/disk/data/two", Kind::HardLink("/disk/data/one".into())),
        node("/disk/data/link", Kind::Symlink("/etc/passwd".into())),
        node("/plain", Kind::Bind("/disk/plain".into())),
        node("/data", Kind::Bind("/disk/data".into())),
    ]);
    start.with(|spec| spec.start.descriptors = vec![(5, "/etc/group".into())])
}

/// The scene on a kernel with these rules.
fn on(rules: Vec<Fault>) -> Sandbox {
    sandbox().with(|spec| spec.faults = Some(Faults { rules, ..Faults::default() }))
}

fn kept() -> Sandbox {
    sandbox().capabilities(FOUR | NET_BIND_SERVICE).config("keep_capabilities = ['NET_BIND_SERVICE']")
}
