//! `sd_notify(3)`: ready means healthy, by a socket in the file system and by an abstract one.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::fs;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Long enough for a busy machine; nothing waits for it to pass but a failure.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the app's own end waits for: its standard input, which the test holds.
const APP: &str =
    "[roles.app]\ncommand = [\"sh\", \"-c\", \"echo up $${NOTIFY_SOCKET-nothing}; read line\"]\nsupervise = true\n";

struct Scene {
    directory: PathBuf,
    manager: UnixDatagram,
    init: Child,
}

impl Scene {
    /// Starts the app with this socket for its manager; `healthy` is the file that makes it so.
    fn start(name: &str, abstract_socket: bool, health: bool) -> Scene {
        let directory = Path::new("/tmp").join(format!("stepdown-notify-{}-{name}", std::process::id()));
        fs::create_dir(&directory).unwrap();
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
        let healthy = directory.join("healthy");
        let check = if health { format!("health = {{ file = \"{}\" }}\n", healthy.display()) } else { String::new() };
        let configuration = directory.join("init.toml");
        fs::write(&configuration, format!("{APP}{check}")).unwrap();
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
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
        Scene { directory, manager, init }
    }

    /// What the manager is told next; nothing when the time is over.
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

    /// SIGTERM, what the manager hears of it, and the exit code.
    fn stop(mut self) -> (Option<String>, Option<i32>) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.init.id()).unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
        // Held, since waiting closes it, and the app would end by itself.
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
    assert_eq!(scene.line(), "up nothing\n", "the app could say ready before it is");
    assert_eq!(scene.told(Duration::from_millis(700)), None, "told before the health check passed");
    fs::write(scene.directory.join("healthy"), "").unwrap();
    let main = format!("MAINPID={}", scene.init.id());
    let told = scene.told(PATIENCE).expect("nothing was told");
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
