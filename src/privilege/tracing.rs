//! Keeps processes of the app's uid from reading or tracing this one.

use rustix::process::{DumpableBehavior, dumpable_behavior, set_dumpable_behavior};

use crate::error::{Error, Result, errno};

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
