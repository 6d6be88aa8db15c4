//! Configuration and facts to [`Plan`]: everything that will be done.
//!
//! Planning reads the accounts and the files of `PATH` and changes nothing. Whatever can be refused is refused here,
//! before any change to the container.

mod capabilities;
mod command;
pub mod container;
mod environment;
pub mod exists;
pub mod expand;
pub mod files;
pub mod flags;
mod for_root;
pub mod health;
pub mod identity;
mod print;
mod resolve;
mod role;
pub mod root_steps;
mod scope;
pub mod seal;
mod secrets;
mod steps;
pub mod stop;
pub mod supervision;
mod surfaces;

use std::time::Duration;

use nix::errno::Errno;

use crate::error::{Error, Result, Undropped};
use crate::exec::App;
use crate::privilege::capability::Set;
use crate::privilege::{Held, Target};
pub use print::print;
pub use resolve::{Given, resolve, resolve_after};
pub use steps::StepPlan;
pub use supervision::Supervision;
pub use surfaces::{Surfaces, TmpfsPlan, VolumePlan};

/// The user that the engine started the process as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartedAs {
    /// Uid 0 of its user namespace.
    Root,
    /// Any other user.
    User,
}

impl StartedAs {
    fn of(held: &Held) -> StartedAs {
        if held.uid.effective == 0 { StartedAs::Root } else { StartedAs::User }
    }
}

/// Everything that will be done.
#[derive(Debug)]
pub struct Plan {
    /// The role and what selected it.
    pub role: Option<(String, String)>,
    /// The user at the start.
    pub started_as: StartedAs,
    /// The app's identity.
    pub target: Target,
    /// Notes for the operator, which a boot logs and a plan prints.
    pub notes: Vec<String>,
    /// The surfaces: root hands them over, or the user must be able to write to them.
    pub surfaces: Surfaces,
    /// The steps before the app.
    pub steps: Steps,
    /// The app.
    pub app: App,
    /// The selected role's health check.
    pub health: Option<health::HealthPlan>,
    /// How the container is stopped.
    pub stop: stop::StopPlan,
    /// The restrictions of the app.
    pub seal: seal::SealPlan,
    /// Supervision; none if the process executes the app itself.
    pub supervision: Option<Supervision>,
    /// The variables of `[env]` and of the role, for the printed plan.
    pub forced: Vec<String>,
    /// The entries that do not apply to this boot, each with the reason, for the printed plan.
    pub held_back: Vec<String>,
    /// The capabilities that the start needs, each with its purpose.
    pub needs: Vec<(Set, &'static str)>,
}

/// The steps before the app.
#[derive(Debug)]
pub struct Steps {
    /// Before the drop.
    pub as_root: Vec<StepPlan>,
    /// After it.
    pub as_user: Vec<StepPlan>,
}

impl Steps {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.as_root.is_empty() && self.as_user.is_empty()
    }

    /// Sets this timeout for every step without one: a check must end.
    pub fn end_within(&mut self, timeout: Duration) {
        for step in self.as_root.iter_mut().chain(&mut self.as_user) {
            step.timeout.get_or_insert(timeout);
        }
    }
}

impl Plan {
    /// Refuses a start that lacks what the plan needs, before anything is changed.
    ///
    /// # Errors
    /// [`Error::CapabilityMissing`] with the flags that add them; [`Error::SealUnavailable`].
    pub fn preflight(&self, held: &Held) -> Result<()> {
        // An ambient capability must be permitted and, for the proof, in the bounding set.
        let there = |need: Set| {
            held.permitted.contains(need) && (!self.target.keep.contains(need) || held.bounding.contains(need))
        };
        let wanted: Vec<_> = self
            .needs
            .iter()
            .filter(|(need, _)| !there(*need))
            .map(|(need, purpose)| (need.to_string(), *purpose))
            .collect();
        if !wanted.is_empty() {
            return Err(Error::CapabilityMissing { wanted, as_user: self.started_as == StartedAs::User });
        }
        if let Some(lines) = held.lacks().filter(|_| !self.target.keep.is_empty()) {
            return Err(Error::Drop {
                call: "keep_capabilities",
                object: format!("{}, without {lines} in /proc/self/status", self.target.keep),
                errno: Errno::EOPNOTSUPP,
                cause: Undropped::Kept,
            });
        }
        self.seal.refuse_unavailable()
    }
}
