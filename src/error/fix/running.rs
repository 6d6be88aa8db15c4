//! For steps, the stop, and processes that are left.

/// A boot was ended by a stop.
pub(super) const STOPPED_BEFORE_START: &str = "none needed: the container was stopped while it was starting";
/// A step failed, and has printed why.
pub(crate) const STEP_FAILED: &str = "see the step's output above";
/// A step was stopped (frozen) by a signal.
pub(crate) const STEP_FROZEN: &str =
    "send it no signal that stops it, and give its input in a variable or a file: it cannot use the terminal";
pub(crate) const STEP_TIMED_OUT: &str = "find what it waits for, or raise its timeout";
/// A wait is over before its check passed.
pub(crate) const UNREACHED: &str =
    "start what it waits for, make it reachable from here, or raise the timeouts (step and wait)";
/// The output of a step is not the one line that a variable needs.
pub(crate) const NOT_A_LINE: &str = "let it print the value as one line, and everything else on standard error";
/// Another init is above `/init`.
pub const NO_INIT: &str = "leave --init out, so that /init is PID 1; set supervise = true if it must reap and forward";
/// `SIGKILL` does not end a process.
pub(crate) const NOT_KILLED: &str =
    "add KILL to the capabilities of the root step that starts it: a process of another user needs CAP_KILL";
/// A step ends and leaves processes.
pub(crate) const STEP_LEAVES: &str = "let the step wait for what it starts";
/// The app ends and leaves processes.
pub(crate) const APP_LEAVES: &str =
    "start the app in the foreground: one that goes to the background is not supervised";
