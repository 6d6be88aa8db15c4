//! The runtimes: how each starts a container, gets inside, and stops it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::support;

/// The calls of a seal, which the filter of systemd-nspawn 252 refuses.
const LANDLOCK: &str = "--system-call-filter=landlock_create_ruleset landlock_add_rule landlock_restrict_self";

static RUNTIMES: [(&str, Runtime); 9] = [
    ("bubblewrap, root", Runtime::Bubblewrap { user: false }),
    ("bubblewrap, unprivileged", Runtime::Bubblewrap { user: true }),
    ("systemd-nspawn", Runtime::Nspawn(&[])),
    ("systemd-nspawn --as-pid2", Runtime::Nspawn(&["--as-pid2", LANDLOCK])),
    (
        "systemd-nspawn --private-users",
        Runtime::Nspawn(&["--private-users=524288:65536", "--private-users-ownership=map", LANDLOCK]),
    ),
    ("containerd, ctr", Runtime::Ctr(&[])),
    ("containerd, ctr --seccomp", Runtime::Ctr(&["--seccomp"])),
    ("LXC, root", Runtime::Lxc("lxc.rootfs.options = ro\n")),
    (
        "LXC, user namespace",
        Runtime::Lxc(
            "lxc.rootfs.options = ro,idmap=container\nlxc.idmap = u 0 524288 65536\nlxc.idmap = g 0 524288 65536\n",
        ),
    ),
];

/// Those of Debian forky, in the lab's room, whose control groups have no controllers.
static NEWER: [(&str, Runtime); 10] = [
    ("bubblewrap, root", Runtime::Bubblewrap { user: false }),
    ("bubblewrap, unprivileged", Runtime::Bubblewrap { user: true }),
    ("systemd-nspawn", Runtime::Nspawn(&[])),
    ("systemd-nspawn --as-pid2", Runtime::Nspawn(&["--as-pid2"])),
    (
        "systemd-nspawn --private-users",
        Runtime::Nspawn(&["--private-users=524288:65536", "--private-users-ownership=map"]),
    ),
    ("containerd, ctr", Runtime::Ctr(&["--cpu-shares", "0"])),
    ("containerd, ctr --seccomp", Runtime::Ctr(&["--cpu-shares", "0", "--seccomp"])),
    ("LXC, root", Runtime::Lxc("lxc.rootfs.options = ro\n")),
    (
        "LXC, user namespace",
        Runtime::Lxc(
            "lxc.rootfs.options = ro,idmap=container\nlxc.idmap = u 0 524288 65536\nlxc.idmap = g 0 524288 65536\n",
        ),
    ),
    ("minijail -c", Runtime::Minijail),
];

/// Whether `STEPDOWN_NEWER` selects the runtimes of a newer Debian.
fn newer() -> bool {
    std::env::var_os("STEPDOWN_NEWER").is_some()
}

pub fn runtimes() -> &'static [(&'static str, Runtime)] {
    if newer() { &NEWER } else { &RUNTIMES }
}

pub enum Runtime {
    Bubblewrap {
        user: bool,
    },
    Nspawn(&'static [&'static str]),
    Ctr(&'static [&'static str]),
    /// With the part of the configuration that differs.
    Lxc(&'static str),
    Minijail,
}

impl Runtime {
    /// Bubblewrap has no command that enters a sandbox, and another user cannot enter the namespaces of an `/init` that
    /// is not dumpable.
    pub fn has_a_way_in(&self) -> bool {
        !matches!(self, Runtime::Bubblewrap { user: true })
    }

    /// Whether its seccomp filter allows the calls of a seal.
    pub fn can_seal(&self) -> bool {
        newer() || !matches!(self, Runtime::Nspawn(flags) if !flags.contains(&LANDLOCK))
    }
}

const CONFIG: &str = "user = 'app'\nhome = '/cache'\n[[tmpfs]]\npath = '/cache'\nmode = '0700'\n\
    [role]\nenv = 'ROLE'\ndefault = 'up'\n[supervise]\nexit_codes = { 143 = 0 }\n\
    [roles.up]\ncommand = ['/bin/witness', 'pause']\nsupervise = true\n";

/// A check that passes at any time, which the boot check refuses.
const HEALTH: &str = "health = { exec = ['/bin/witness'] }\n";

/// What LXC is told in each row.
const LXC: &str = "lxc.uts.name = stepdown\nlxc.cap.keep = chown setuid setgid setpcap\nlxc.autodev = 1\n\
    lxc.mount.auto = proc:mixed sys:ro\n\
    lxc.mount.entry = tmpfs cache tmpfs rw,mode=0755,nosuid,nodev 0 0\nlxc.net.0.type = empty\n\
    lxc.environment = PATH=/bin\nlxc.signal.halt = SIGTERM\nlxc.console.path = none\nlxc.tty.max = 0\n";

/// The directory of the root file system and of containerd, which ends with the test.
pub struct Scene {
    directory: PathBuf,
    containerd: Child,
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.containerd.id().to_string()).status();
        let _ = self.containerd.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

impl Scene {
    pub fn new() -> Scene {
        let directory = std::env::temp_dir().join(format!("stepdown-runtimes-{}", std::process::id()));
        let root = directory.join("root");
        // systemd-nspawn wants an os-release and mounts some of the others itself.
        for below in ["etc", "bin", "usr/lib", "proc", "sys", "dev", "tmp", "run", "var", "cache"] {
            fs::create_dir_all(root.join(below)).unwrap();
        }
        for (from, to, mode) in [(support::init(), "init", 0o755), (support::witness(), "bin/witness", 0o755)] {
            fs::copy(from, root.join(to)).unwrap();
            fs::set_permissions(root.join(to), fs::Permissions::from_mode(mode)).unwrap();
        }
        fs::create_dir(directory.join("lxc")).unwrap();
        fs::write(root.join("usr/lib/os-release"), "ID=stepdown\n").unwrap();
        fs::write(root.join("etc/passwd"), "root:x:0:0::/:\napp:x:1001:1001::/cache:\n").unwrap();
        fs::write(root.join("etc/group"), "root:x:0:\napp:x:1001:\n").unwrap();
        fs::write(root.join("etc/init.toml"), format!("{CONFIG}{HEALTH}")).unwrap();
        fs::write(root.join("etc/check.toml"), format!("{CONFIG}[boot_check]\nsettle = '200ms'\n")).unwrap();
        let sealed = format!("{CONFIG}[boot_check]\nsettle = '200ms'\n[seal]\nwrites = true\nnamespaces = false\n");
        fs::write(root.join("etc/seal.toml"), sealed).unwrap();
        fs::write(root.join("etc/keep.toml"), format!("keep_capabilities = ['SYS_TIME']\n{CONFIG}")).unwrap();
        let configuration = directory.join("containerd.toml");
        fs::write(&configuration, "version = 2\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n").unwrap();
        let log = fs::File::create(directory.join("containerd.log")).unwrap();
        if newer() {
            // It may have to create its root file system.
            assert!(in_room(&["true"]).status().unwrap().success(), "the lab's room");
        }
        let containerd = in_room(&["containerd"])
            .arg("--config")
            .arg(&configuration)
            .args([&"--root".into(), &directory.join("data")])
            .args([&"--state".into(), &directory.join("state")])
            .args([&"--address".into(), &directory.join("socket")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let scene = Scene { directory, containerd };
        let began = Instant::now();
        // ctr of containerd 2 does not wait for the socket.
        loop {
            let answer = scene.ctr().args(["--connect-timeout", "30s", "version"]).output().unwrap();
            if answer.status.success() {
                break;
            }
            let log = fs::read_to_string(scene.directory.join("containerd.log")).unwrap();
            assert!(began.elapsed() < Duration::from_secs(30), "{answer:?}\n{log}");
        }
        scene
    }

    fn ctr(&self) -> Command {
        let mut command = bounded("ctr");
        command.arg("--address").arg(self.directory.join("socket"));
        command
    }

    /// A command of LXC about this container.
    fn lxc(&self, program: &str, name: &str) -> Command {
        let mut command = bounded(program);
        command.arg("-P").arg(self.directory.join("lxc")).args(["-n", name]);
        command
    }

    fn lxc_file(&self, name: &str, kind: &str) -> PathBuf {
        self.directory.join("lxc").join(format!("{name}.{kind}"))
    }

    /// The start of these words, by the runtime's own flags.
    pub fn start(&self, runtime: &Runtime, name: &str, words: &[&str]) -> Command {
        let root = self.directory.join("root");
        let mut command;
        match runtime {
            Runtime::Bubblewrap { user } => {
                command = bounded(if *user { "setpriv" } else { "bwrap" });
                if *user {
                    command.args(["--reuid=1001", "--regid=1001", "--clear-groups", "bwrap", "--unshare-user"]);
                } else {
                    command.args(["--cap-drop", "ALL", "--cap-add", "CAP_CHOWN", "--cap-add", "CAP_SETUID"]);
                    command.args(["--cap-add", "CAP_SETGID", "--cap-add", "CAP_SETPCAP"]);
                }
                command.arg("--ro-bind").arg(root).args(["/", "--proc", "/proc", "--dev", "/dev", "--perms", "0755"]);
                command.args(["--tmpfs", "/cache", "--as-pid-1", "--unshare-pid", "--unshare-ipc", "--unshare-net"]);
                command.args(["--setenv", "ROW", name]).args(words);
            }
            Runtime::Nspawn(flags) => {
                // It wants control groups of version 2 alone, and none of the machine's managers.
                command = bounded("unshare");
                command.args(["--mount", "sh", "-ec"]);
                command.arg("umount -R /sys/fs/cgroup; mount -t cgroup2 cgroup2 /sys/fs/cgroup; exec \"$@\"");
                command.args(["sh", "systemd-nspawn", "--quiet", "--timezone=off", "--register=no", "--keep-unit"]);
                command.arg(format!("--machine={name}")).arg("--directory").arg(root).arg("--console=pipe");
                command.args(["--read-only", "--private-network", "--tmpfs=/cache:mode=0755,size=8m"]);
                command.args(["--setenv=PATH=/bin", "--drop-capability=CAP_SYS_TIME"]);
                command.arg(format!("--setenv=ROW={name}")).args(*flags).args(words);
            }
            Runtime::Ctr(flags) => {
                command = self.ctr();
                command.args(["run", "--rm", "--rootfs", "--read-only", "--env", "PATH=/bin"]).args(*flags);
                command.args(["--mount", "type=tmpfs,src=tmpfs,dst=/cache,options=mode=0755:nosuid:nodev"]);
                command.arg(root).arg(name).args(words);
            }
            Runtime::Lxc(own) => {
                let file = self.lxc_file(name, "conf");
                let root = root.display();
                let words = words.join(" ");
                fs::write(&file, format!("lxc.rootfs.path = dir:{root}\n{own}{LXC}lxc.init.cmd = {words}\n")).unwrap();
                // Without newuidmap, which needs ranges in /etc/subuid, root writes the maps itself.
                command = bounded("env");
                command.args(["PATH=/nowhere", "/usr/bin/lxc-start", "-P"]).arg(self.directory.join("lxc"));
                command
                    .args(["-n", name, "-F"])
                    .arg("-f")
                    .arg(file)
                    .args(["-l", "INFO", "-o"])
                    .arg(self.lxc_file(name, "log"));
            }
            Runtime::Minijail => {
                // It sets no variable for a static program, and keeps the root as it is mounted. -c locks securebits.
                command = bounded("unshare");
                command.args(["--mount", "sh", "-ec"]);
                command.arg("mount --bind $0 $0; mount -o remount,bind,ro $0; exec env -i PATH=/bin \"$@\"");
                command.arg(&root).arg(format!("ROW={name}")).args(["/usr/bin/minijail0", "-c", "1c1", "--ambient"]);
                command.args(["-v", "-p", "-I", "-e", "-l", "-d", "-P"]).arg(&root);
                command.args(["-k", "proc,/proc,proc,0xe", "-k", "tmpfs,/cache,tmpfs,6,mode=0755"]).args(words);
            }
        }
        clean(command)
    }

    /// The exit code of the container's first process.
    pub fn code(&self, runtime: &Runtime, name: &str, status: ExitStatus) -> Option<i32> {
        let Runtime::Lxc(_) = runtime else { return status.code() };
        // lxc-start itself ends with 0.
        let log = fs::read_to_string(self.lxc_file(name, "log")).unwrap();
        match log.split("ended on error (").nth(1).and_then(|rest| rest.split(')').next()) {
            Some(code) => code.parse().ok(),
            None => status.code(),
        }
    }

    /// Words that run beside the app, as root of the container.
    pub fn inside(&self, runtime: &Runtime, name: &str, words: &[&str]) -> Option<Command> {
        let mut command;
        match runtime {
            _ if !runtime.has_a_way_in() => return None,
            Runtime::Bubblewrap { .. } | Runtime::Nspawn(_) | Runtime::Minijail => {
                command = bounded("nsenter");
                command.args(["--all", "--target", &first_process(name).to_string()]).args(words);
            }
            Runtime::Ctr(_) => {
                command = self.ctr();
                command.args(["task", "exec", "--exec-id", "health", name]).args(words);
            }
            Runtime::Lxc(_) => {
                // Otherwise it gets the bounding set of the first process, which /init has emptied.
                command = self.lxc("lxc-attach", name);
                command.args(["--elevated-privileges=CAP", "--clear-env", "--"]).args(words);
            }
        }
        Some(clean(command))
    }

    /// The runtime's own stop; for those without one, the signal that a manager of services sends.
    pub fn stop(&self, runtime: &Runtime, name: &str) {
        let mut command = match runtime {
            Runtime::Bubblewrap { .. } | Runtime::Nspawn(_) => {
                let mut command = Command::new("kill");
                command.arg(first_process(name).to_string());
                command
            }
            // minijail0 passes it on.
            Runtime::Minijail => {
                let mut command = Command::new("kill");
                command.arg(parent(first_process(name)));
                command
            }
            Runtime::Ctr(_) => {
                let mut command = self.ctr();
                command.args(["task", "kill", "--signal", "SIGTERM", name]);
                command
            }
            Runtime::Lxc(_) => {
                let mut command = self.lxc("lxc-stop", name);
                command.args(["-t", "9", "--rcfile"]).arg(self.lxc_file(name, "conf"));
                command
            }
        };
        assert!(command.stdin(Stdio::null()).stderr(Stdio::null()).status().unwrap().success(), "{command:?}");
    }
}

/// The `/init` of the container whose variable `ROW` has this value, as this machine numbers it.
fn first_process(name: &str) -> u32 {
    let row = format!("ROW={name}");
    let is_it = |pid: &u32| {
        let read = |file: &str| fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
        read("cmdline").starts_with(b"/init\0")
            && read("environ").split(|byte| *byte == 0).any(|entry| entry == row.as_bytes())
    };
    let all = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    all.filter(is_it).min().unwrap_or_else(|| panic!("no running /init of {name}"))
}

fn parent(process: u32) -> String {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    status.lines().find_map(|line| line.strip_prefix("PPid:")).unwrap().trim().to_owned()
}

/// Without the test's variables; the lab's wrapper needs its own.
fn clean(mut command: Command) -> Command {
    let kept = std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("STEPDOWN_"));
    let kept: Vec<_> = if newer() { kept.collect() } else { Vec::new() };
    command.env_clear().envs(kept).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").stdin(Stdio::null());
    command
}

/// A command where the runtimes are: on this machine or in the lab's room.
fn in_room(words: &[&str]) -> Command {
    let mut all = words.to_vec();
    let wrapper = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lab/podman5");
    if newer() {
        all.splice(0..0, [wrapper, "--lab-root"]);
    }
    let mut command = Command::new(all[0]);
    command.args(&all[1..]);
    command
}

/// No container may outlive the test.
fn bounded(program: &str) -> Command {
    let inner = in_room(&[program]);
    let mut command = Command::new("/usr/bin/timeout");
    command.args(["--kill-after=10", "60"]).arg(inner.get_program()).args(inner.get_args());
    command
}

/// Whether the runtimes' programs are there.
pub fn missing() -> Option<&'static str> {
    let programs = ["bwrap", "systemd-nspawn", "containerd", "ctr", "lxc-start", "setpriv", "nsenter"];
    let is_there = |program| in_room(&[program, "--version"]).output().is_ok_and(|told| told.status.success());
    programs.into_iter().find(|program| !is_there(program))
}
