//! `sd_notify(3)`: ready means healthy, and alive means that the health check passes.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The time limit on a busy machine; only a failing test waits that long.
const PATIENCE: Duration = Duration::from_secs(30);

/// The app ends when its standard input closes, which the test holds open.
const APP: &str =
    "[roles.app]\ncommand = [\"sh\", \"-c\", \"echo up $${NOTIFY_SOCKET-nothing}; read line\"]\nsupervise = true\n";

struct Scene {
    directory: PathBuf,
    manager: UnixDatagram,
    init: Child,
}

impl Scene {
    /// Starts the app with this socket for its manager; the file `healthy` makes it healthy.
    fn start(name: &str, abstract_socket: bool, health: bool) -> Scene {
        Scene::of(APP, name, abstract_socket, health, &[])
    }

    fn of(app: &str, name: &str, abstract_socket: bool, health: bool, variables: &[(&str, &str)]) -> Scene {
        let directory = Path::new("/tmp").join(format!("stepdown-notify-{}-{name}", std::process::id()));
        fs::create_dir(&directory).unwrap();
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
        let healthy = directory.join("healthy");
        let check = if health { format!("health = {{ file = \"{}\" }}\n", healthy.display()) } else { String::new() };
        let configuration = directory.join("init.toml");
        fs::write(&configuration, format!("{app}{check}")).unwrap();
        let (manager, address) = if abstract_socket {
            let name = format!("stepdown-{}-{name}", std::process::id());
            (UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap(), format!("@{name}"))
        } else {
            let path = directory.join("socket");
            let manager = UnixDatagram::bind(&path).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
            (manager, path.display().to_string())
        };
        let init = Command::new(
            std::env::var_os("STEPDOWN_INIT").map_or_else(|| env!("CARGO_BIN_EXE_init").into(), PathBuf::from),
        )
        .args(["--config", configuration.to_str().unwrap(), "--role", "app"])
        .env("NOTIFY_SOCKET", address)
        .current_dir(&directory)
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
        Scene { directory, manager, init }
    }

    /// The next notification to the manager; none at the deadline.
    fn told(&self, patience: Duration) -> Option<String> {
        self.manager.set_read_timeout(Some(patience)).unwrap();
        let mut message = [0_u8; 1024];
        self.manager.recv(&mut message).ok().map(|length| String::from_utf8_lossy(&message[..length]).into_owned())
    }

    /// The first line that the app prints.
    fn line(&mut self) -> String {
        use std::io::{BufRead, BufReader};
        let mut line = String::new();
        BufReader::new(self.init.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        line
    }

    /// Sends SIGTERM. Returns the notifications and the exit code.
    fn stop(mut self) -> (Option<String>, Option<i32>) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.init.id()).unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
        // Kept open, since waiting closes it and the app would end.
        let _input = self.init.stdin.take();
        let code = self.init.wait().unwrap().code();
        (self.told(Duration::from_millis(100)), code)
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = self.init.kill();
        let _ = self.init.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn ready_means_healthy(name: &str, abstract_socket: bool) {
    let mut scene = Scene::start(name, abstract_socket, true);
    let line = scene.line();
    assert!(line.starts_with("up @stepdown/"), "the app reports to /init, not to the manager: {line}");
    let status = scene.told(PATIENCE).expect("no status");
    assert!(
        status.starts_with("STATUS=waiting for the health check: ") && status.contains("healthy: No such"),
        "{status}"
    );
    assert_eq!(scene.told(Duration::from_millis(700)), None, "a report before the health check passed");
    fs::write(scene.directory.join("healthy"), "").unwrap();
    let main = format!("MAINPID={}", scene.init.id());
    let told = scene.told(PATIENCE).expect("no report");
    assert!(told.lines().any(|line| line == "READY=1") && told.lines().any(|line| line == main), "{told}");
    assert_eq!(scene.stop(), (Some("STOPPING=1\n".into()), Some(143)));
}

#[test]
fn ready_means_healthy_by_a_socket_in_the_file_system() {
    ready_means_healthy("path", false);
}

#[test]
fn ready_means_healthy_by_an_abstract_socket() {
    ready_means_healthy("abstract", true);
}

#[test]
fn without_a_health_check_the_socket_is_the_apps() {
    let mut scene = Scene::start("none", false, false);
    let wanted = format!("up {}\n", scene.directory.join("socket").display());
    assert_eq!(scene.line(), wanted);
    assert_eq!(scene.told(Duration::from_millis(700)), None);
}

/// Reads its standard input to the end, and before that reports in several ways.
const REPORTER: &str = r#"
[roles.app]
supervise = true
command = ["/usr/bin/python3", "-uc", """
import os, socket, sys
name = os.environ['NOTIFY_SOCKET']
def tell(text): socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(text.encode(), '\\0' + name[1:])
tell('READY=1')
tell('WATCHDOG=1')
tell('READY=1\\nMAINPID=7\\nSTATUS=warming up')
print(os.environ.get('WATCHDOG_PID') == str(os.getpid()), flush=True)
sys.stdin.readline()
tell('READY=1')
sys.stdin.readline()
"""]
"#;

#[test]
fn notifications_are_passed_on_but_readiness_only_once_healthy() {
    let mut scene = Scene::of(REPORTER, "reporter", true, true, &[]);
    assert_eq!(scene.line(), "False\n");
    // The health check's status may come first.
    let status = std::iter::from_fn(|| scene.told(PATIENCE)).find(|told| !told.contains("waiting for"));
    assert_eq!(status.as_deref(), Some("STATUS=warming up\n"));
    fs::write(scene.directory.join("healthy"), "").unwrap();
    let ready = std::iter::from_fn(|| scene.told(PATIENCE)).find(|told| !told.contains("waiting for"));
    assert!(ready.as_ref().is_some_and(|told| told.contains("MAINPID=")), "{ready:?}");
    scene.init.stdin.as_mut().unwrap().write_all(b"go\n").unwrap();
    assert_eq!(scene.told(PATIENCE).as_deref(), Some("READY=1\n"));
}

#[test]
fn the_watchdog_is_notified_as_long_as_the_health_check_passes() {
    let scene = Scene::of(APP, "watchdog", true, true, &[("WATCHDOG_USEC", "900000")]);
    let healthy = scene.directory.join("healthy");
    fs::write(&healthy, "").unwrap();
    let next = || scene.told(PATIENCE).expect("no report");
    while !next().contains("READY=1") {}
    assert_eq!([next(), next()], ["WATCHDOG=1\n"; 2]);
    fs::remove_file(&healthy).unwrap();
    while !next().starts_with("STATUS=unhealthy: ") {}
    assert_eq!(scene.told(Duration::from_millis(900)), None, "a report while the health check fails");
    fs::write(&healthy, "").unwrap();
    assert_eq!([next(), next(), next()], ["WATCHDOG=1\n", "STATUS=healthy\n", "WATCHDOG=1\n"]);
    assert_eq!(scene.stop().1, Some(143));
}

#[test]
fn the_status_shows_the_last_failure_and_a_hanging_check_before_the_watchdog_ends_the_app() {
    let health = "health = { exec = ['sh', '-c', 'test -e state || exit 0; . ./state'], timeout = '60s' }\n";
    // An attempt that hangs ends at half of the watchdog's time.
    let scene = Scene::of(&format!("{APP}{health}"), "last", true, false, &[("WATCHDOG_USEC", "3000000")]);
    let state = |text: &str| {
        fs::write(scene.directory.join("new"), text).unwrap();
        fs::rename(scene.directory.join("new"), scene.directory.join("state")).unwrap();
    };
    let next = |wanted: &str| scene.told(PATIENCE).unwrap_or_else(|| panic!("no {wanted}"));
    let told = |wanted: &str| -> Vec<String> {
        std::iter::repeat_with(|| next(wanted)).take_while(|told| !told.contains(wanted)).collect()
    };
    told("READY=1");
    state("exit 3\n");
    told("STATUS=unhealthy: exited with 3\n");
    state("exit 4\n");
    assert!(told("STATUS=unhealthy: exited with 4\n").is_empty(), "other reports of a failing check");
    state("exit 0\n");
    told("STATUS=healthy\n");
    state("exec sleep 30\n");
    let last = told("STATUS=unhealthy: no answer within 1.5s\n");
    assert!(last.iter().all(|told| told == "WATCHDOG=1\n"), "{last:?}");
    assert_eq!(scene.told(Duration::from_millis(900)), None, "a report while the check hangs");
    assert_eq!(scene.stop().1, Some(143));
}

#[test]
fn a_watchdog_of_another_process_is_not_served() {
    let words = "echo $${WATCHDOG_USEC-none} $${WATCHDOG_PID-none}; read line";
    let app = format!("[roles.app]\ncommand = [\"sh\", \"-c\", \"{words}\"]\nsupervise = true\n");
    let mut scene = Scene::of(&app, "foreign", true, true, &[("WATCHDOG_USEC", "90000"), ("WATCHDOG_PID", "1")]);
    assert_eq!(scene.line(), "none none\n");
    fs::write(scene.directory.join("healthy"), "").unwrap();
    while !scene.told(PATIENCE).expect("no report").contains("READY=1") {}
    assert_eq!(scene.told(Duration::from_millis(300)), None);
}

/// An HTTP server at this socket that answers every request with 200 as soon as the file exists.
fn serve(socket: PathBuf, healthy: PathBuf) {
    let server = UnixListener::bind(&socket).unwrap();
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o777)).unwrap();
    std::thread::spawn(move || {
        for asked in server.incoming() {
            let status = if healthy.exists() { "200 OK" } else { "503 Starting" };
            let mut asked = asked.unwrap();
            let _ = asked.read(&mut [0; 1024]);
            let _ = write!(asked, "HTTP/1.1 {status}\r\n\r\n");
        }
    });
}

#[test]
fn a_relative_health_check_is_asked_in_the_working_directory_of_the_app() {
    for (name, health) in [
        ("exec", "exec = ['test', '-e', 'healthy']"),
        ("file", "file = 'healthy'"),
        ("unix", "http = 'http://localhost/', unix = 'app.sock'"),
    ] {
        let scene = Scene::of(&format!("{APP}health = {{ {health} }}\n"), name, true, false, &[]);
        let healthy = scene.directory.join("healthy");
        if name == "unix" {
            serve(scene.directory.join("app.sock"), healthy.clone());
        }
        let status = scene.told(PATIENCE).expect("no status");
        assert!(status.starts_with("STATUS=waiting for the health check: "), "{name}: {status}");
        fs::write(&healthy, "").unwrap();
        let ready = std::iter::from_fn(|| scene.told(PATIENCE)).find(|told| !told.contains("waiting for"));
        assert!(ready.as_ref().is_some_and(|told| told.contains("READY=1")), "{name}: {ready:?}");
    }
}
