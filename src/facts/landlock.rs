//! The kernel's version of Landlock: `landlock(7)`.

use landlock::{LandlockStatus, RestrictSelf};
use nix::errno::Errno;

/// The version (ABI) of the kernel's Landlock.
///
/// # Errors
/// `ENOSYS` if the kernel has none, `EOPNOTSUPP` if it was disabled at boot, `EPERM` from a seccomp filter.
pub fn version() -> Result<i32, Errno> {
    // Without a ruleset this only queries the version; the failed call's errno is still the thread's.
    match RestrictSelf::default().no_new_privs(false).apply().map(|status| status.landlock) {
        Ok(LandlockStatus::Available { effective_abi, kernel_abi }) => Ok(kernel_abi.unwrap_or(effective_abi as i32)),
        _ => Err(Errno::last()),
    }
}
