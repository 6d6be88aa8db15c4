//! The seal: what the app may no longer do, whatever the engine left it. Put on after the drop, by the user, and proved by
//! trying what must fail.
//!
//! Both parts hold for this process and all that it starts, over every exec, and nothing takes them off again. They need
//! `no_new_privs`, which the drop has set. It must never widen what the app could do without it, nor believe a call that
//! only reports success. `landlock(7)`, `seccomp(2)`.

mod namespaces;
mod writes;

use crate::error::Result;
use crate::plan::Plan;
use crate::privilege::Dropped;

/// What was put on.
#[derive(Debug, Default)]
pub struct Sealed {
    /// What holds, and was proved.
    pub holds: Vec<String>,
    /// What the kernel's version does not cover.
    pub gaps: Vec<String>,
    /// What does not hold or was left out, each with what to do about it.
    pub lacks: Vec<(String, String)>,
}

/// Puts the seal on, as far as one is configured, and proves it.
///
/// # Errors
/// [`crate::error::Error::SealUnavailable`], unless it is optional; [`crate::error::Error::SealPath`],
/// [`crate::error::Error::SealNotProved`].
pub fn apply(_dropped: &Dropped, plan: &Plan) -> Result<Sealed> {
    let mut sealed = Sealed::default();
    plan.seal.refuse_unavailable()?;
    for lacking in plan.seal.unavailable() {
        sealed.lacks.push((lacking.to_string(), lacking.fix()));
    }
    if let Some(Ok(version)) = plan.seal.writes.as_ref().map(|writes| writes.landlock) {
        writes::restrict(plan, version, &mut sealed)?;
    }
    if plan.seal.namespaces == Some(Ok(())) {
        namespaces::refuse(&mut sealed)?;
    }
    Ok(sealed)
}
