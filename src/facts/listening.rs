//! Which TCP ports of this network namespace are listened on: `proc_pid_net(5)`.

use crate::text::joined;

/// `::1`, in four little-endian words. `127.0.0.0/8` ends with its first byte, also as an IPv6 address.
const LOOPBACK: &str = "00000000000000000000000001000000";

/// Whether a port is listened on by the kernel's tables, and if so, whether on more than loopback addresses.
pub fn on(port: u16, tables: &str) -> Option<bool> {
    // The local address and its port, the remote one, which is zero, and the state TCP_LISTEN.
    let here = format!(":{port:04X} 00000000");
    let mut found = None;
    for (address, rest) in tables.lines().filter_map(|line| line.split_once(here.as_str())) {
        if rest.contains(":0000 0A ") {
            let beyond = !address.ends_with("7F") && !address.ends_with(LOOPBACK);
            found = Some(beyond || found == Some(true));
        }
    }
    found
}

/// The kernel's tables; empty if they cannot be read.
pub fn tables() -> String {
    joined(&["/proc/net/tcp", "/proc/net/tcp6"].map(|table| std::fs::read_to_string(table).unwrap_or_default()), "")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLES: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   1: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 2 1 0 100 0 0 10 0
   2: 0100007F:0051 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 3 1 0 100 0 0 10 0
  sl  local_address                         remote_address                        st
   0: 00000000000000000000000001000000:01BB 00000000000000000000000000000000:0000 0A 00000000:00000000
   1: 00000000000000000000000000000000:1F91 00000000000000000000000000000000:0000 0A 00000000:00000000
   2: 0000000000000000FFFF00000100007F:1F92 00000000000000000000000000000000:0000 0A 00000000:00000000
   3: 00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 06 00000000:00000000
";

    #[test]
    fn listeners_of_a_port_by_the_kernels_tables() {
        let ports = [8080, 80, 81, 443, 8081, 8082, 9, 0].map(|port| on(port, TABLES));
        let (loopback, network) = (Some(false), Some(true));
        assert_eq!(ports, [loopback, network, None, loopback, network, loopback, None, None]);
        assert_eq!((on(80, ""), on(80, "a\n:\n0: :0050 x\n")), (None, None));
    }
}
