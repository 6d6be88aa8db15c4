//! Capability sets and their names. `capabilities(7)`.

use std::fmt;

use caps::Capability;
use rustix::thread::CapabilitySet;

/// The capabilities with a name here. Not `caps::all()`, which fills a hash set at each call.
#[rustfmt::skip]
const KNOWN: [Capability; 41] = {
    use Capability::*;
    [
        CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER, CAP_FSETID, CAP_KILL, CAP_SETGID, CAP_SETUID,
        CAP_SETPCAP, CAP_LINUX_IMMUTABLE, CAP_NET_BIND_SERVICE, CAP_NET_BROADCAST, CAP_NET_ADMIN, CAP_NET_RAW,
        CAP_IPC_LOCK, CAP_IPC_OWNER, CAP_SYS_MODULE, CAP_SYS_RAWIO, CAP_SYS_CHROOT, CAP_SYS_PTRACE, CAP_SYS_PACCT,
        CAP_SYS_ADMIN, CAP_SYS_BOOT, CAP_SYS_NICE, CAP_SYS_RESOURCE, CAP_SYS_TIME, CAP_SYS_TTY_CONFIG, CAP_MKNOD,
        CAP_LEASE, CAP_AUDIT_WRITE, CAP_AUDIT_CONTROL, CAP_SETFCAP, CAP_MAC_OVERRIDE, CAP_MAC_ADMIN, CAP_SYSLOG,
        CAP_WAKE_ALARM, CAP_BLOCK_SUSPEND, CAP_AUDIT_READ, CAP_PERFMON, CAP_BPF, CAP_CHECKPOINT_RESTORE,
    ]
};

/// Their names without `CAP_`, by number. The crate's parser takes five times the space.
#[rustfmt::skip]
const NAMES: [&str; 41] = [
    "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
    "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
    "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
    "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
    "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF",
    "CHECKPOINT_RESTORE",
];

/// A set of capabilities, unknown ones of newer kernels included: bit `n` is capability number `n`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Set(u64);

impl Set {
    /// None.
    pub const EMPTY: Set = Set(0);
    /// To change the owner of files of root.
    pub const CHOWN: Set = Set(1 << Capability::CAP_CHOWN as u8);
    /// To become the group and set the supplementary groups.
    pub const SETGID: Set = Set(1 << Capability::CAP_SETGID as u8);
    /// To become the user.
    pub const SETUID: Set = Set(1 << Capability::CAP_SETUID as u8);
    /// To empty the bounding set and lock the securebits.
    pub const SETPCAP: Set = Set(1 << Capability::CAP_SETPCAP as u8);

    /// The set of a kernel's bits.
    pub fn from_bits(bits: u64) -> Set {
        Set(bits)
    }

    /// The set of one capability by its name, with or without `CAP_`.
    pub fn named(name: &str) -> Option<Set> {
        let upper = name.to_ascii_uppercase();
        let bare = upper.strip_prefix("CAP_").unwrap_or(&upper);
        NAMES.iter().position(|known| *known == bare).map(|number| Set(1 << number))
    }

    /// Whether it has none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether it contains the whole other set.
    pub fn contains(self, other: Set) -> bool {
        self.0 & other.0 == other.0
    }

    /// The union of both sets.
    #[must_use]
    pub fn with(self, other: Set) -> Set {
        Set(self.0 | other.0)
    }

    /// The capabilities of this set that are not in the other.
    #[must_use]
    pub fn without(self, other: Set) -> Set {
        Set(self.0 & !other.0)
    }

    /// Its capabilities one by one, in the kernel's order.
    pub fn each(self) -> impl Iterator<Item = Set> {
        (0..u64::BITS).map(|number| Set(1 << number)).filter(move |one| self.contains(*one))
    }

    /// Their names without `CAP_`; a number for a capability newer than the names here.
    pub fn names(self) -> impl Iterator<Item = String> {
        self.each().map(|one| {
            let number = one.0.trailing_zeros();
            let name = usize::try_from(number).ok().and_then(|number| NAMES.get(number));
            name.map_or_else(|| format!("number {number}"), |name| (*name).to_owned())
        })
    }

    /// The one capability that it is, as the crate knows it.
    pub(super) fn known(self) -> Option<Capability> {
        KNOWN.into_iter().find(|capability| capability.bitmask() == self.0)
    }

    /// As rustix has it, bits that it does not know included.
    pub(super) fn as_kernel(self) -> CapabilitySet {
        CapabilitySet::from_bits_retain(self.0)
    }

    /// From rustix.
    pub(super) fn from_kernel(set: CapabilitySet) -> Set {
        Set(set.bits())
    }
}

impl fmt::Display for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("none");
        }
        for (position, name) in self.names().enumerate() {
            write!(f, "{}{name}", if position == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_with_and_without_their_prefix() {
        assert_eq!(Set::named("SETPCAP"), Some(Set::SETPCAP));
        assert_eq!(Set::named("cap_chown"), Some(Set::CHOWN));
        assert_eq!((Set::named("EVERYTHING"), Set::named("")), (None, None));
    }

    #[test]
    fn every_known_capability_has_its_own_bit_and_none_is_left_out() {
        assert_eq!(KNOWN.iter().fold(0, |bits, one| bits | one.bitmask()), (1 << 41) - 1);
        assert!(caps::all().iter().all(|one| KNOWN.contains(one)));
    }

    #[test]
    fn every_name_is_the_one_of_its_number() {
        for one in KNOWN {
            let set = Set::from_bits(one.bitmask());
            assert_eq!((Set::named(&one.to_string()), format!("CAP_{set}")), (Some(set), one.to_string()));
        }
    }

    #[test]
    fn a_capability_newer_than_the_names_is_not_lost() {
        let set = Set::from_bits(1 | 1 << 62);
        assert_eq!(set.to_string(), "CHOWN number 62");
        assert_eq!(set.without(Set::CHOWN).each().count(), 1);
    }
}
