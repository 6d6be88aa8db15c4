//! For steps, the stop, and processes that are left.

/// A boot was ended by a stop.
pub(super) const STOPPED_BEFORE_START: &str = "none needed: the container was stopped while it was starting";
/// A step failed, and has printed why.
pub(crate) const STEP_FAILED: &str = "see the step's output above";
/// A step was stopped (frozen) by a signal.
pub(crate) const STEP_FROZEN: &str =
    "let nothing stop it, and give its input in a variable or a file: a step cannot use the terminal";
pub(crate) const STEP_TIMED_OUT: &str = "find what it waits for, or raise its timeout";
/// A wait is over before its check passed.
pub(crate) const UNREACHED: &str =
    "start what it waits for, make it reachable from here, or raise the timeouts (step and wait)";
/// The output of a step is not the one line that a variable needs.
pub(crate) const NOT_A_LINE: &str = "let it print the value as one line, and everything else on standard error";
/// Another init is above `/init`.
pub const NO_INIT: &str = "drop --init, so that /init is PID 1; supervise = true reaps and forwards";
/// `SIGKILL` does not end a process.
pub(crate) const NOT_KILLED: &str =
    "a process of another user needs CAP_KILL: add KILL to the capabilities of the root step that starts it";
/// A step ends and leaves processes.
pub(crate) const STEP_LEAVES: &str = "let the step wait for what it starts";
/// The app ends and leaves processes.
pub(crate) const APP_LEAVES: &str =
    "start the app in the foreground: one that goes to the background is not supervised";
