//! The system calls of the drop, in an order that needs only `CHOWN`, `SETUID`, `SETGID` and `SETPCAP`. The proof reads
//! their results back.

use caps::CapSet;
use nix::errno::Errno;
use rustix::io::Errno as KernelErrno;
use rustix::process::{Gid, Uid};
use rustix::thread::{
    CapabilitiesSecureBits as SecureBits, CapabilitySets, capabilities_secure_bits, capability_is_in_ambient_set,
    set_capabilities, set_capabilities_secure_bits, set_no_new_privs as set_nnp, set_thread_groups, set_thread_res_gid,
    set_thread_res_uid,
};

use super::capability::Set;
use super::{Held, Target, sorted};
use crate::error::{Error, Result, Undropped, errno};
use crate::text::joined;

/// The final securebits: `NOROOT`, `NO_SETUID_FIXUP`, `NO_CAP_AMBIENT_RAISE`, without `KEEP_CAPS`, and all four locked.
pub(super) fn locked_securebits() -> SecureBits {
    without_ambient_lock() | SecureBits::NO_CAP_AMBIENT_RAISE | SecureBits::NO_CAP_AMBIENT_RAISE_LOCKED
}

fn without_ambient_lock() -> SecureBits {
    SecureBits::NO_ROOT
        | SecureBits::NO_ROOT_LOCKED
        | SecureBits::NO_SETUID_FIXUP
        | SecureBits::NO_SETUID_FIXUP_LOCKED
        | SecureBits::KEEP_CAPS_LOCKED
}

/// Sets `no_new_privs`: it needs no capability and does not affect the later steps.
pub(super) fn set_no_new_privs() -> Result<()> {
    set_nnp(true).map_err(|error| refused("prctl(PR_SET_NO_NEW_PRIVS)", "no_new_privs", errno(error)))
}

/// Empties the ambient set, which would survive the app's exec. A kernel that does not print the set may not have it;
/// the proof decides.
pub(super) fn clear_ambient(held: &Held) -> Result<()> {
    // The crate's error is a text, but errno is still set.
    match caps::clear(None, CapSet::Ambient).map_err(|_| Errno::last()) {
        Err(Errno::EINVAL) if held.ambient.is_none() => Ok(()),
        done => done.map_err(|reason| refused("prctl(PR_CAP_AMBIENT_CLEAR_ALL)", "the ambient set", reason)),
    }
}

/// `no_new_privs`, the ambient set and the bounding set.
pub(super) fn give_up_bounding_set(keep: Set, held: &Held) -> Result<()> {
    set_no_new_privs()?;
    clear_ambient(held)?;
    // Only those in the set: without SETPCAP, dropping one that is not in it fails too.
    for one in held.bounding.without(keep).each() {
        let done = match one.known() {
            Some(capability) => caps::drop(None, CapSet::Bounding, capability).map_err(|_| Errno::last()),
            None => rustix::thread::remove_capability_from_bounding_set(one.as_kernel()).map_err(errno),
        };
        done.map_err(|reason| refused("prctl(PR_CAPBSET_DROP)", &format!("{one} from the bounding set"), reason))?;
    }
    Ok(())
}

/// Locks the securebits; with capabilities to keep, the ambient lock follows when they have been raised. Returns false
/// if the kernel has no securebits, which is safe when all sets are empty and `no_new_privs` is set.
pub(super) fn lock_securebits(keep: Set, held: &Held) -> Result<bool> {
    match set_securebits(if keep.is_empty() { locked_securebits() } else { without_ambient_lock() }) {
        Err(_) if keep.is_empty() && are_absent(held) => Ok(false),
        done => done.map(|()| true),
    }
}

/// Whether the kernel has no securebits, like gVisor: older versions have neither these calls nor an ambient set, newer
/// ones accept only `KEEP_CAPS`. A seccomp filter on Linux is not mistaken for this, since Linux prints all lines.
fn are_absent(held: &Held) -> bool {
    match (held.lacks(), held.ambient) {
        (None, _) => false,
        (Some(_), None) => {
            capabilities_secure_bits() == Err(KernelErrno::INVAL)
                && capability_is_in_ambient_set(Set::CHOWN.as_kernel()) == Err(KernelErrno::INVAL)
        }
        (Some(_), Some(_)) => {
            set_capabilities_secure_bits(SecureBits::empty()).is_ok()
                && capabilities_secure_bits() == Ok(SecureBits::empty())
        }
    }
}

/// The securebits that `/init` sets or clears: all that Linux had before 6.14.
const OWN_SECUREBITS: SecureBits = SecureBits::from_bits_retain(0xff);

/// The locks of those. Each is the bit above the one that it locks.
const ALL_LOCKS: SecureBits = SecureBits::from_bits_retain(0xaa);

/// A sandbox may have locked other bits, as minijail does with those of Linux 6.14: these stay.
fn set_securebits(bits: SecureBits) -> Result<()> {
    let others = || capabilities_secure_bits().unwrap_or(bits) - OWN_SECUREBITS;
    set_capabilities_secure_bits(bits)
        .or_else(|error| match others() {
            others if others.is_empty() => Err(error),
            others => set_capabilities_secure_bits(bits | others),
        })
        .map_err(|error| {
            let now = capabilities_secure_bits().unwrap_or(bits).bits();
            let locked = now & ALL_LOCKS.bits();
            let differ = locked & !bits.bits() | (now ^ bits.bits()) & (locked >> 1);
            let cause = if differ == 0 { Undropped::Sets } else { Undropped::Locked };
            drop_error("prctl(PR_SET_SECUREBITS)", "the securebits", errno(error), cause)
        })
}

/// Groups, gid, uid, in this order: after setresuid the others are not permitted. Groups that are already right are not
/// set, since a user namespace may deny `setgroups(2)` to everyone.
///
/// These are raw system calls, which change only the calling thread. There is only one; the C library's functions would
/// signal all threads.
pub(super) fn become_user(target: &Target, held: &Held) -> Result<()> {
    let Target { uid, gid, groups, .. } = target;
    if sorted(held.groups.clone()) != *groups {
        let list: Vec<Gid> = groups.iter().copied().map(Gid::from_raw).collect();
        set_thread_groups(&list).map_err(|error| ids_refused("setgroups", format!("{groups:?}"), errno(error)))?;
    }
    let group = Gid::from_raw(*gid);
    set_thread_res_gid(group, group, group)
        .map_err(|error| ids_refused("setresgid", format!("gid {gid}"), errno(error)))?;
    let user = Uid::from_raw(*uid);
    set_thread_res_uid(user, user, user).map_err(|error| ids_refused("setresuid", format!("uid {uid}"), errno(error)))
}

/// Empties the permitted, effective and inheritable sets except for the kept capabilities, which are raised as ambient
/// so that they survive the app's exec. setresuid does not empty them, because of `NO_SETUID_FIXUP`.
///
/// `until_then` is kept until the ambient set is locked.
pub(super) fn give_up_capabilities(keep: Set, until_then: Set) -> Result<()> {
    if !keep.is_empty() {
        let usable = keep.with(until_then);
        set_sets(usable, keep)?;
        for one in keep.each() {
            let raised = one.known().map(|capability| caps::raise(None, CapSet::Ambient, capability));
            if !matches!(raised, Some(Ok(()))) {
                return Err(refused(
                    "prctl(PR_CAP_AMBIENT_RAISE)",
                    &format!("{one} to the ambient set"),
                    Errno::last(),
                ));
            }
        }
        if until_then.contains(Set::SETPCAP) {
            set_securebits(locked_securebits())?;
        }
    }
    set_sets(keep, keep)
}

fn set_sets(usable: Set, inheritable: Set) -> Result<()> {
    let sets = CapabilitySets {
        effective: usable.as_kernel(),
        permitted: usable.as_kernel(),
        inheritable: inheritable.as_kernel(),
    };
    set_capabilities(None, sets)
        .map_err(|error| refused("capset", "the permitted, effective and inheritable sets", errno(error)))
}

fn refused(call: &'static str, object: &str, errno: Errno) -> Error {
    drop_error(call, object, errno, Undropped::Sets)
}

fn drop_error(call: &'static str, object: &str, errno: Errno, cause: Undropped) -> Error {
    Error::Drop { call, object: object.to_owned(), errno, cause }
}

/// The kernel returns EINVAL for an id that is not mapped, and EPERM if the namespace denies setgroups to everyone.
fn ids_refused(call: &'static str, object: String, errno: Errno) -> Error {
    let map = if call == "setresuid" { "/proc/self/uid_map" } else { "/proc/self/gid_map" };
    let cause = match errno {
        Errno::EINVAL => {
            let mapped = std::fs::read_to_string(map).unwrap_or_default();
            let mapped: Vec<String> =
                mapped.lines().map(|line| joined(&line.split_whitespace().collect::<Vec<_>>(), " ")).collect();
            Undropped::Unmapped(map, joined(&mapped, ", "))
        }
        Errno::EPERM
            if call == "setgroups"
                && std::fs::read_to_string("/proc/self/setgroups").is_ok_and(|word| word.trim() == "deny") =>
        {
            Undropped::NoGroups
        }
        _ => Undropped::Needs(if call == "setresuid" { "SETUID" } else { "SETGID" }),
    };
    Error::Drop { call, object, errno, cause }
}
