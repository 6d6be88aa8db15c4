//! What refused a step of the drop, and what to do about it.

use nix::errno::Errno;

/// The cause of a refused step of the drop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Undropped {
    /// A call that changes capability sets, securebits or `no_new_privs`.
    Sets,
    /// The kernel cannot keep capabilities.
    Kept,
    /// The ids and groups of the user, which root takes on to read a secret.
    Borrowed,
    /// The user namespace does not map an id: the file of its map, and the map.
    Unmapped(&'static str, String),
    /// The user namespace denies `setgroups(2)` to everyone.
    NoGroups,
    /// A call that needs this capability.
    Needs(&'static str),
}

impl Undropped {
    pub(super) fn fix(&self, errno: Errno) -> String {
        let fixed = match self {
            Undropped::Sets if errno == Errno::EPERM => {
                "add --cap-add=SETPCAP, or let the seccomp profile allow the call"
            }
            Undropped::Sets => "let the seccomp profile allow the call; /init needs Linux 4.10 or newer",
            Undropped::Kept => "remove keep_capabilities, or run the container on Linux",
            // An engine's `exec` gives root the engine's capabilities; lxc-attach gives none after the drop of `/init`.
            Undropped::Borrowed => {
                "start this process with SETUID and SETGID (--cap-add=SETUID --cap-add=SETGID, lxc-attach \
                 --elevated-privileges=CAP), or let root read the secret (mode=0400, uid=0)"
            }
            Undropped::Unmapped(file, mapped) => {
                return format!(
                    "choose an id that the user namespace maps, or give it more sub-ids ({file}: {mapped})"
                );
            }
            Undropped::NoGroups => {
                "give the engine's user sub-gids in /etc/subgid: this user namespace denies setgroups to everyone"
            }
            Undropped::Needs(name) => return format!("add --cap-add={name}"),
        };
        fixed.to_owned()
    }
}
