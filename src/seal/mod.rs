//! The seal: restrictions of the app beyond those of the engine. Applied after the drop, as the user, and proved by
//! trying what must fail.
//!
//! Both parts apply to this process and its children, across every exec, and cannot be removed. They need
//! `no_new_privs`, which the drop has set. The seal must never allow the app more than without it, nor trust a call
//! that reports false success. `landlock(7)`, `seccomp(2)`.

mod namespaces;
mod writes;

use crate::error::Result;
use crate::plan::Plan;
use crate::privilege::Dropped;

/// The applied seal.
#[derive(Debug, Default)]
pub struct Sealed {
    /// The restrictions that were proved.
    pub holds: Vec<String>,
    /// The kinds of access that this kernel's version cannot restrict.
    pub gaps: Vec<String>,
    /// The restrictions that are missing, each with its fix.
    pub lacks: Vec<(String, String)>,
}

/// Applies the configured seal, and proves it.
///
/// # Errors
/// [`crate::error::Error::SealUnavailable`], unless it is optional; [`crate::error::Error::Linked`],
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
