//! Listens for `sd_notify(3)`, as a service manager does.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use super::scene::Scene;

pub struct Manager {
    socket: UnixDatagram,
    /// The value of NOTIFY_SOCKET.
    pub path: String,
}

impl Manager {
    /// With a socket of this row that the engine's account can write to.
    pub fn listen(scene: &Scene) -> Result<Manager, String> {
        let directory = scene.directory("notify");
        let path = format!("{directory}/socket");
        let socket = UnixDatagram::bind(&path).map_err(|error| error.to_string())?;
        for path in [&directory, &path] {
            fs::set_permissions(path, Permissions::from_mode(0o777)).map_err(|error| error.to_string())?;
        }
        Ok(Manager { socket, path })
    }

    /// Whether it receives `READY=1` within this time.
    pub fn hears_ready(&self, patience: Duration) -> Result<bool, String> {
        let deadline = Instant::now() + patience;
        let mut message = [0_u8; 4096];
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(false);
            }
            self.socket.set_read_timeout(Some(left)).map_err(|error| error.to_string())?;
            let Ok(length) = self.socket.recv(&mut message) else { return Ok(false) };
            if String::from_utf8_lossy(&message[..length]).lines().any(|line| line == "READY=1") {
                return Ok(true);
            }
        }
    }
}
