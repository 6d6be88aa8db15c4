//! Keeps processes of the app's uid from reading or tracing this one.

use rustix::process::{DumpableBehavior, dumpable_behavior, set_dumpable_behavior};

use crate::error::{Error, Result, errno};

/// The first acts of a start as another user than root. The app has the same uid, and could trace this process, whose
/// exec gave it whatever the engine's bounding set holds, until it is confined. Whether the engine had set
/// `no_new_privs`.
///
/// # Errors
/// As [`forbid_tracing`]; [`Error::Drop`].
pub fn shut_out() -> Result<bool> {
    forbid_tracing()?;
    let engines = rustix::thread::no_new_privs().unwrap_or(false);
    super::change::set_no_new_privs()?;
    Ok(engines)
}

/// Makes this process, and what it forks until that executes a program, untraceable for processes of the same uid:
/// `PR_SET_DUMPABLE` of `prctl(2)`. A drop from root does the same where the kernel's `suid_dumpable` is 0.
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
