//! The proof: reads the kernel's state back and attempts to regain root. Only it creates a [`Dropped`].
//!
//! A call that reports success may have had no effect: setresuid of −1 succeeds and stays root, and a seccomp filter
//! can report anything. So ids and sets are read by system call and from `/proc`, and then each way back to root is
//! tried. Any difference is refused, never corrected.

use rustix::process::{Gid, Uid, getgroups};
use rustix::thread::{
    CapabilitiesSecureBits as SecureBits, CapabilitySets, capabilities, capabilities_secure_bits,
    capability_is_in_ambient_set, capability_is_in_bounding_set, configure_capability_in_ambient_set, no_new_privs,
    remove_capability_from_bounding_set, set_capabilities, set_capabilities_secure_bits, set_thread_groups,
    set_thread_res_gid, set_thread_res_uid,
};

use super::capability::Set;
use super::change::locked_securebits;
use super::{Dropped, Held, Target, sorted};
use crate::error::{Error, Result, errno};
use crate::sys;

/// The expected state.
pub(super) struct Expected<'a> {
    /// Ids, groups, and the only capabilities in the five sets.
    pub(super) target: &'a Target,
    /// The expected bounding set; None if `/init` had no right to change it.
    pub(super) bounding: Option<Set>,
    /// The state before the drop: its bounding set may only retain the kept capabilities.
    pub(super) before: &'a Held,
    /// Whether the securebits must be locked.
    pub(super) locked: bool,
}

/// Reads everything back, then tries to regain it.
pub(super) fn prove(expected: &Expected<'_>) -> Result<Dropped> {
    by_system_call(expected)?;
    as_printed(expected)?;
    by_regaining(expected.target)?;
    Ok(Dropped(()))
}

/// Refuses unless the found value equals the expected one.
fn same<T: PartialEq + std::fmt::Display>(what: &str, found: T, wanted: T) -> Result<()> {
    if found == wanted {
        Ok(())
    } else {
        Err(Error::NotProved { what: format!("{what} is {found} instead of {wanted}") })
    }
}

fn unreadable(call: &'static str, object: &str, errno: nix::errno::Errno) -> Error {
    Error::ProofUnreadable { call, object: object.to_owned(), errno }
}

fn by_system_call(expected: &Expected<'_>) -> Result<()> {
    let Target { uid, gid, groups, keep } = expected.target;
    let users = nix::unistd::getresuid().map_err(|reason| unreadable("getresuid", "the user ids", reason))?;
    for (what, found) in
        [("the real uid", users.real), ("the effective uid", users.effective), ("the saved uid", users.saved)]
    {
        same(what, found.as_raw(), *uid)?;
    }
    let all = nix::unistd::getresgid().map_err(|reason| unreadable("getresgid", "the group ids", reason))?;
    for (what, found) in
        [("the real gid", all.real), ("the effective gid", all.effective), ("the saved gid", all.saved)]
    {
        same(what, found.as_raw(), *gid)?;
    }
    let found = getgroups().map_err(|error| unreadable("getgroups", "the supplementary groups", errno(error)))?;
    same_groups(found.into_iter().map(|group| group.as_raw()).collect(), groups)?;
    let sets = capabilities(None).map_err(|error| unreadable("capget", "the capability sets", errno(error)))?;
    same("the permitted set", Set::from_kernel(sets.permitted), *keep)?;
    same("the effective set", Set::from_kernel(sets.effective), *keep)?;
    same("the inheritable set", Set::from_kernel(sets.inheritable), *keep)?;
    let set = no_new_privs().map_err(|error| unreadable("prctl(PR_GET_NO_NEW_PRIVS)", "no_new_privs", errno(error)))?;
    same("no_new_privs", set, true)?;
    if let Some(bounding) = expected.bounding {
        for one in expected.before.bounding.without(bounding).each() {
            let is_in = capability_is_in_bounding_set(one.as_kernel())
                .map_err(|error| unreadable("prctl(PR_CAPBSET_READ)", "the bounding set", errno(error)))?;
            if is_in {
                return Err(Error::NotProved { what: format!("{one} is in the bounding set") });
            }
        }
    }
    if expected.locked {
        let bits = capabilities_secure_bits()
            .map_err(|error| unreadable("prctl(PR_GET_SECUREBITS)", "the securebits", errno(error)))?;
        // Only these bits, since newer kernels have more. KEEP_CAPS must be off.
        let locked = bits.contains(locked_securebits()) && !bits.contains(SecureBits::KEEP_CAPS);
        if !locked {
            return Err(Error::NotProved {
                what: format!("the securebits are {:#x} instead of {:#x}", bits.bits(), locked_securebits().bits()),
            });
        }
    }
    Ok(())
}

fn as_printed(expected: &Expected<'_>) -> Result<()> {
    let Target { uid, gid, groups, keep } = expected.target;
    let held = expected.before.again()?;
    if held.lacks() != expected.before.lacks() {
        return Err(Error::NotProved { what: "the kernel does not print the same lines as at the start".into() });
    }
    if !held.uid.all_are(*uid) || !held.gid.all_are(*gid) {
        return Err(Error::NotProved {
            what: format!(
                "the kernel prints the uids {} and the gids {} instead of {uid} and {gid}",
                held.uid, held.gid
            ),
        });
    }
    same_groups(held.groups, groups)?;
    same("the inheritable set as printed", held.inheritable, *keep)?;
    same("the permitted set as printed", held.permitted, *keep)?;
    same("the effective set as printed", held.effective, *keep)?;
    match held.ambient {
        Some(ambient) => same("the ambient set", ambient, *keep)?,
        None => by_asking_for_ambient()?,
    }
    if let Some(bounding) = expected.bounding {
        same("the bounding set", held.bounding, bounding)?;
    }
    if held.lacks_no_new_privs {
        by_trying_a_filter(*keep)?;
    }
    same("no_new_privs as printed", held.no_new_privs, true)?;
    same("the number of threads", held.threads, 1)
}

/// For a kernel that does not print the ambient set: `prctl(2)` reports that it is empty or does not exist. It is also
/// a subset of the permitted and the inheritable set, which were both read twice and are empty.
fn by_asking_for_ambient() -> Result<()> {
    for one in Set::from_bits(u64::MAX).each() {
        match capability_is_in_ambient_set(one.as_kernel()) {
            Ok(true) => return Err(Error::NotProved { what: format!("{one} is in the ambient set") }),
            Ok(false) => {}
            // The number is above the kernel's last capability.
            Err(rustix::io::Errno::INVAL) => break,
            Err(error) => return Err(unreadable("prctl(PR_CAP_AMBIENT)", "the ambient set", errno(error))),
        }
    }
    Ok(())
}

/// For a kernel that does not print `no_new_privs`: Linux refuses a seccomp filter to a process that has neither it nor
/// `CAP_SYS_ADMIN`. On such a kernel `keep_capabilities` is refused, since it does not print the ambient set either.
fn by_trying_a_filter(keep: Set) -> Result<()> {
    same("the set to keep", keep, Set::EMPTY)?;
    sys::try_filter_without_privilege().map_err(|errno| unreadable("seccomp", "no_new_privs", errno))
}

fn same_groups(found: Vec<u32>, wanted: &[u32]) -> Result<()> {
    let found = sorted(found);
    if found == wanted {
        Ok(())
    } else {
        Err(Error::NotProved { what: format!("the supplementary groups are {found:?} instead of {wanted:?}") })
    }
}

/// Each way back to root must fail. Ids that the target has are not tried: OpenShift's arbitrary uid has gid 0, and
/// setting it again gains nothing.
fn by_regaining(target: &Target) -> Result<()> {
    let refused = |what: &str, succeeded: bool| {
        if succeeded { Err(Error::NotProved { what: format!("{what} was allowed after the drop") }) } else { Ok(()) }
    };
    let (root, group) = (Uid::from_raw(0), Gid::from_raw(0));
    refused("setresuid to 0", set_thread_res_uid(root, root, root).is_ok())?;
    if target.gid != 0 {
        refused("setresgid to 0", set_thread_res_gid(group, group, group).is_ok())?;
    }
    refused("setgroups to 0", set_thread_groups(&[group]).is_ok())?;
    // SETUID and SETPCAP are never kept, so raising them is always a gain.
    let more = target.keep.with(Set::SETUID).with(Set::SETPCAP).as_kernel();
    let sets = CapabilitySets { effective: more, permitted: more, inheritable: more };
    refused("capset of SETUID and SETPCAP", set_capabilities(None, sets).is_ok())?;
    refused("raising SETUID as ambient", configure_capability_in_ambient_set(Set::SETUID.as_kernel(), true).is_ok())?;
    refused("changing the securebits", set_capabilities_secure_bits(SecureBits::empty()).is_ok())?;
    refused("dropping from the bounding set", remove_capability_from_bounding_set(Set::SETUID.as_kernel()).is_ok())
}
