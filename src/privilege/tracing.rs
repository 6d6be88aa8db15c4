//! Keeps processes of the app's uid from reading or tracing this one.

use rustix::process::{DumpableBehavior, dumpable_behavior, set_dumpable_behavior};

use crate::error::{Error, Result, errno};

/// The first calls of a non-root start. Until this process is confined, the app, which has the same uid, could trace it
/// and gain the engine's bounding set. Returns whether the engine had set `no_new_privs`.
///
/// # Errors
/// As [`forbid_tracing`]; [`Error::Drop`].
pub fn shut_out() -> Result<bool> {
    forbid_tracing()?;
    let engines = rustix::thread::no_new_privs().unwrap_or(false);
    super::change::set_no_new_privs()?;
    Ok(engines)
}

/// Prevents processes of the same uid from tracing this process and its forks until they execute a program:
/// `PR_SET_DUMPABLE` of `prctl(2)`. A drop from root has the same effect if the kernel's `suid_dumpable` is 0.
///
/// # Errors
/// [`Error::Child`], [`Error::NotDone`].
pub fn forbid_tracing() -> Result<()> {
    let failed = |call| move |error| Error::Child { call, errno: errno(error) };
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(failed("prctl(PR_SET_DUMPABLE)"))?;
    match dumpable_behavior().map_err(failed("prctl(PR_GET_DUMPABLE)"))? {
        DumpableBehavior::NotDumpable => Ok(()),
        _ => Err(Error::NotDone { call: "prctl(PR_SET_DUMPABLE)", object: "this process apart from the app".into() }),
    }
}
