//! For users, capabilities, the drop and the seal.

use std::path::Path;

use nix::errno::Errno;

use crate::error::{Decides, Denied, Undropped, Whose};
use crate::text::joined;

pub(super) const INSTALL: &str = "install it as root's, with mode 0711, without set-user-ID, set-group-ID and file \
    capabilities (chown 0:0 /init; chmod 0711 /init; setcap -r /init)";
pub(super) const IDENTITY: &str = "give a number from 1 to 4294967294, or a name that is in the image's /etc/passwd \
    (user) or /etc/group (group)";
pub(super) const ROOT_STEPS: &str =
    "start the container as root of its user namespace (USER 0, no --user): /init drops to the user itself";
pub(super) const PROOF_UNREADABLE: &str =
    "mount /proc in the container, and let the seccomp profile allow capget, prctl and getres*id";
pub(super) const NOT_PROVED: &str =
    "report it with the engine's version, its seccomp profile and the output of /init --plan: nothing was started";
pub(super) const THREADS: &str = "let the engine execute /init directly, as its own process";
pub(super) const SEAL_NOT_PROVED: &str = "mount /proc writable in the container, and let the seccomp profile allow the \
    calls of landlock(7) and seccomp(2)";

impl Undropped {
    pub(super) fn fix(&self, errno: Errno) -> String {
        let fixed = match self {
            Undropped::Locked => "start it without locked securebits (setpriv, capsh, SecureBits= of systemd)",
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

pub(super) fn not_roots(decides: &Decides, cause: &Denied) -> String {
    let how = match decides {
        Decides::Boot => "(COPY --chown=0:0 --chmod=0644)",
        Decides::User => "(COPY --chown=0:0 --chmod=0644), or give user and groups as numbers (uid:gid)",
        Decides::Step(_) => "(off volumes, or in a script of root's own)",
    };
    let fix = match cause {
        Denied::NotRoots { place, whose } => {
            let fix = roots_alone(place, *whose);
            return format!(
                "let only root own and write it: {fix} {how}; anyone else could control root at the next start"
            );
        }
        Denied::Call(..) => "let root read it, and enter every directory above it",
        // Only of what a root step names.
        Denied::CannotJudge(_) => "name only the files that it needs, or put the command into a script of root's own",
    };
    fix.to_owned()
}

/// What makes it writable to root alone.
fn roots_alone(place: &Path, whose: Whose) -> String {
    let place = place.display();
    match whose {
        Whose::Owner(_) => format!("chown root {place}"),
        Whose::Unmapped => format!("put {place} into the image, or mount it from a user whom the user namespace maps"),
        Whose::Group(_) => format!("chmod g-w {place}"),
        Whose::Listed => format!("setfacl -b {place}"),
        Whose::Everyone => format!("chmod go-w {place}"),
        Whose::Sticky => format!("use a place outside of {place}"),
    }
}

pub(super) fn add(wanted: &[(String, &str)], as_user: bool) -> String {
    let names: Vec<&str> = wanted.iter().map(|(name, _)| name.as_str()).collect();
    // Only Podman gives capabilities to another user than root.
    let root = if as_user { ", and with Docker or Kubernetes start the container as root" } else { "" };
    let flags = joined(&names, " --cap-add=");
    format!("add --cap-add={flags} (Kubernetes: capabilities.add: [{}]){root}", joined(&names, ", "))
}

pub(super) fn unmapped(file: &str, mapped: &str) -> String {
    format!(
        "choose an id that {file} maps ({mapped}), or give the engine's user more sub-ids (/etc/subuid, /etc/subgid)"
    )
}

pub(super) fn accounts(path: &str, errno: Errno) -> String {
    match errno {
        Errno::EFBIG => format!("make {path} a file of at most 16 MiB"),
        _ => format!("make {path} a file that everyone can read, or remove it and give users and groups as numbers"),
    }
}

/// Depends on the errno: the kernel lacks the feature, or a seccomp filter refuses it.
pub(super) fn seal(what: &str, errno: Errno) -> String {
    let fix = match (what, errno) {
        ("writes", Errno::EOPNOTSUPP) => "boot the host with landlock among the names of lsm=",
        ("writes", Errno::ENOSYS) => {
            "run it on Linux 5.13 or newer with Landlock, with a seccomp profile that knows it"
        }
        ("writes", _) => {
            "let the seccomp profile allow landlock_create_ruleset, landlock_add_rule, landlock_restrict_self and \
             openat2"
        }
        (_, Errno::EINVAL) => "run it on Linux 4.17 or newer with seccomp filters",
        _ => "let the seccomp profile allow the seccomp call",
    };
    format!("{fix}; or set seal.optional = true")
}
