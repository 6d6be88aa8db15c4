//! `NOTIFY_SOCKET`: the address equals the given one, and a message to an abstract address arrives.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixDatagram;

use stepdown::supervise::manager::Manager;

pub fn check(data: &[u8]) {
    let Some(manager) = Manager::named(data) else { return assert!(data.is_empty()) };
    let Ok(address) = manager.address() else { return assert!(data.len() > 107 || data.contains(&0)) };
    let Some(name) = data.strip_prefix(b"@") else {
        return assert_eq!(address.as_pathname().map(|path| path.as_os_str().as_bytes()), Some(data));
    };
    assert_eq!(address.as_abstract_name(), Some(name));
    // An address in use belongs to another program.
    if let Ok(manager_end) = UnixDatagram::bind_addr(&address) {
        manager.tell("READY=1\n");
        let mut got = [0; 16];
        manager_end.set_nonblocking(true).unwrap();
        let length = manager_end.recv(&mut got).unwrap_or_else(|error| panic!("{data:?}: {error}"));
        assert_eq!(&got[..length], b"READY=1\n");
    }
}
