//! A network namespace for the container: the loopback interface, and services that accept connections.

use std::net::TcpListener;

use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};

use super::{Try, because};

/// Creates it for this process and its children. The kernel accepts connections while the listeners are open.
pub fn own(ports: &[u16], ephemeral: Option<u16>) -> Try<Vec<TcpListener>> {
    unshare(CloneFlags::CLONE_NEWNET).map_err(because("unshare of the network"))?;
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").map_err(because("socket"))?;
    // SAFETY: an all-zero request has an empty name.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (at, byte) in request.ifr_name.iter_mut().zip(*b"lo") {
        *at = byte.try_into().unwrap();
    }
    request.ifr_ifru.ifru_flags = libc::IFF_UP as libc::c_short;
    // SAFETY: the request lives until the end of the call.
    let answer =
        unsafe { libc::ioctl(std::os::fd::AsRawFd::as_raw_fd(&socket), libc::SIOCSIFFLAGS as _, &raw mut request) };
    Errno::result(answer).map_err(because("SIOCSIFFLAGS"))?;
    // Engines do the same.
    std::fs::write("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0").map_err(because("port 80"))?;
    if let Some(port) = ephemeral {
        let range = format!("{port} {port}");
        std::fs::write("/proc/sys/net/ipv4/ip_local_port_range", range).map_err(because("ephemeral ports"))?;
    }
    ports.iter().map(|port| TcpListener::bind(("127.0.0.1", *port)).map_err(because("bind"))).collect()
}
