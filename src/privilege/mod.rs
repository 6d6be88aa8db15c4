//! The two tokens: [`Root`], for work as root, and [`Dropped`], which the start of the app requires.
//!
//! Only this module changes credentials, capabilities and securebits, and only its private verification creates a
//! [`Dropped`]. A function with a `&Root` may change ownership, one with a `&Dropped` may run the app. The drop
//! consumes the first, and the proof returns the second. No code can construct a token, copy one, or use one twice:
//!
//! ```compile_fail,E0423
//! // Its field is private.
//! let forged = stepdown::privilege::Dropped(());
//! ```
//! ```compile_fail,E0423
//! let forged = stepdown::privilege::Root(());
//! ```
//! ```compile_fail,E0599
//! // It is not Clone: a copy would outlive the drop.
//! fn twice(root: &stepdown::privilege::Root) -> stepdown::privilege::Root {
//!     stepdown::privilege::Root::clone(root)
//! }
//! ```
//! ```compile_fail,E0382
//! // The drop consumes it.
//! use stepdown::privilege::{Held, Root, Target};
//! fn reuse(root: Root, target: &Target, held: &Held) {
//!     let _ = root.drop_to(target, held);
//!     let _ = root.drop_to(target, held);
//! }
//! ```
//! ```compile_fail,E0308
//! // The app's start requires the other token.
//! use stepdown::exec::{App, Launch, exec_app};
//! fn as_root(root: &stepdown::privilege::Root, app: &App, mask: stepdown::sys::SignalMask) {
//!     let _ = exec_app(Launch::new(root, mask), app);
//! }
//! ```
//! The same with the right token compiles:
//! ```no_run
//! use stepdown::exec::{App, Launch, exec_app};
//! fn dropped(dropped: &stepdown::privilege::Dropped, app: &App, mask: stepdown::sys::SignalMask) {
//!     let _ = exec_app(Launch::new(dropped, mask), app);
//! }
//! ```
//!
//! `capabilities(7)`, `credentials(7)`, `user_namespaces(7)`, `no_new_privs` in `prctl(2)`.

mod borrowed;
pub mod capability;
mod change;
mod proof;
pub mod status;
mod tracing;

use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Error, Result};
pub use borrowed::{as_owner, takes_ids, with_rights_of};
use capability::Set;
pub use status::Held;
pub use tracing::{forbid_tracing, shut_out};

/// The credentials of the app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The user id, never 0.
    pub uid: u32,
    /// The group id.
    pub gid: u32,
    /// The supplementary groups, in order, the group id among them.
    pub groups: Vec<u32>,
    /// Capabilities to keep, as ambient ones.
    pub keep: Set,
}

/// The initial credentials of the process.
#[derive(Debug)]
pub enum Start {
    /// Effective uid 0.
    Root(Root),
    /// Any other.
    User(User),
}

/// The process is root and single-threaded, and this is the only token.
#[derive(Debug)]
pub struct Root(());

/// The process was not started as root. It may still have capabilities to clear: an engine's `--user` with `--cap-add`
/// fills all five sets.
#[derive(Debug)]
pub struct User(());

/// The kernel's state was read back: the user is the configured one, no privilege is left, and each attempt to regain
/// root failed.
#[derive(Debug)]
pub struct Dropped(());

/// The groups in order.
pub fn sorted(mut groups: Vec<u32>) -> Vec<u32> {
    groups.sort_unstable();
    groups
}

/// Takes the initial privilege of the process. Possible once.
///
/// # Errors
/// [`Error::Threads`]; [`Error::NotProved`] the second time.
pub fn take(held: &Held) -> Result<Start> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    if TAKEN.swap(true, Ordering::SeqCst) {
        return Err(Error::NotProved { what: "the privilege of this process was taken already".into() });
    }
    // Credentials and capabilities are per thread: another thread would keep what this one drops.
    if held.threads != 1 {
        return Err(Error::Threads { count: held.threads });
    }
    Ok(if held.uid.effective == 0 { Start::Root(Root(())) } else { Start::User(User(())) })
}

impl Root {
    /// Becomes the target irrevocably: ids, groups, capability sets, `no_new_privs`, locked securebits. Then runs the
    /// proof.
    ///
    /// # Errors
    /// [`Error::Drop`], [`Error::ProofUnreadable`], [`Error::NotProved`].
    pub fn drop_to(self, target: &Target, held: &Held) -> Result<Dropped> {
        change::give_up_bounding_set(target.keep, held)?;
        let locked = change::lock_securebits(target.keep, held)?;
        change::become_user(target, held)?;
        change::give_up_capabilities(target.keep, Set::SETPCAP)?;
        proof::prove(&proof::Expected { target, bounding: Some(target.keep), before: held, locked })
    }
}

impl User {
    /// Gives up the privilege that a non-root start may have, without changing ids, then runs the same proof.
    ///
    /// Without `CAP_SETPCAP` the bounding set and the securebits cannot be changed. Then `no_new_privs` prevents
    /// set-user-ID programs and file capabilities from giving privilege, and the boot logs this.
    ///
    /// # Errors
    /// As [`Root::drop_to`]; [`Error::CapabilityMissing`] if a capability to keep is missing.
    pub fn settle(self, target: &Target, held: &Held) -> Result<Dropped> {
        let missing = target.keep.without(held.permitted);
        if !missing.is_empty() {
            let wanted = missing.names().map(|name| (name, "to keep it")).collect();
            return Err(Error::CapabilityMissing { wanted, as_user: true });
        }
        let may_lock = held.effective.contains(Set::SETPCAP);
        let mut locked = false;
        if may_lock {
            change::give_up_bounding_set(target.keep, held)?;
            locked = change::lock_securebits(target.keep, held)?;
        } else {
            change::set_no_new_privs()?;
            change::clear_ambient(held)?;
            let left = held.bounding.without(target.keep);
            if !left.is_empty() {
                log::debug!("without CAP_SETPCAP the bounding set keeps {left}; no_new_privs makes it useless");
            }
        }
        change::give_up_capabilities(target.keep, if may_lock { Set::SETPCAP } else { Set::EMPTY })?;
        proof::prove(&proof::Expected { target, bounding: may_lock.then_some(target.keep), before: held, locked })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Takes the privilege of the test process, which only one test may do.
    #[test]
    fn a_process_with_a_second_thread_is_refused() {
        let held = Held { threads: 2, ..Held::default() };
        assert!(matches!(take(&held), Err(Error::Threads { count: 2 })));
    }
}
