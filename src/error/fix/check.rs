//! For what the boot check finds.

/// Another process answers for the app.
pub(crate) const OWN_NETWORK: &str = "check in a network namespace of its own (neither --network=host nor a pod), and \
    let the health check ask this app only";
/// A file or socket of another run or container answers for the app.
pub(crate) const OWN_FILES: &str = "put it on a [[tmpfs]] of its own, or let the health check ask this app only";

pub(crate) const LOOPBACK_ONLY: &str = "let the app listen on 0.0.0.0";
pub(crate) const PORT_CLOSED: &str = "correct ports of the role, or let the app listen on that port";

/// The start of the app was refused, which has its own record.
pub(crate) const NOT_STARTED: &str = "follow the fix of the line above on standard error";
pub(crate) const NOT_HEALTHY: &str = "see the app's own lines on standard error, or raise boot_check.timeout";
pub(crate) const ENDED_EARLY: &str = "see its own lines on standard error";
pub(crate) const IN_BACKGROUND: &str = "start it in the foreground: an app that goes to the background looks ended";
/// The app was stopped (frozen) by a signal.
pub(crate) const FROZEN: &str =
    "send it no signal that stops it; start an app that uses the terminal in its foreground";

/// Supervision drops the stop signal.
pub(crate) const STOP_DROPPED: &str =
    "take it out of supervise.signals, or name the signal that stops the app in [stop] signal";
pub(crate) const STOP_IGNORED: &str =
    "let the app end on that signal, name the one that it ends on in [stop] signal, or raise grace in [stop]";
/// PID 1 would not end by a signal that it raises itself.
pub(crate) const SIGNAL_RAISED: &str =
    "set supervise = true in the role, or let the app exit instead of raising the signal again";
/// PID 1 would not end by a signal that it does not catch.
pub(crate) const SIGNAL_NOT_CAUGHT: &str = "set supervise = true in the role, or let the app catch the signal";

pub(crate) const WRITABLE_ROOT: &str =
    "add --read-only (and --tmpfs for what must be written), or set boot_check.require_read_only_root = false";
/// `statvfs(2)` of `/` is refused.
pub(crate) const STATFS: &str = "let the seccomp profile allow statfs";
/// The app can read `/init`.
pub(crate) const READABLE_INIT: &str = "install it with mode 0711 (chmod 0711 /init)";
/// The mount table cannot be read.
pub(crate) const MOUNT_TABLE: &str = super::surface::NO_PROC;

/// The home directory is unset.
pub(crate) const NO_HOME: &str = "set home in the configuration";
/// The home directory cannot be used.
pub(crate) const OTHER_HOME: &str =
    "set home to a directory of its own, such as home = \"/home/app\" with a [[tmpfs]] of that path";
/// A surface cannot be used.
pub(crate) const OTHER_PATH: &str = "configure a path of its own below a writable mount";
pub(crate) const SEALED: &str =
    "the seal keeps the app from writing there: list it in seal.also, or as [[tmpfs]] or [[volume]]";
pub(crate) const FULL: &str = "mount it with a larger size, or delete files in it";
pub(crate) const ABSENT: &str = "create it in the image, mount it, or configure another";
/// A tmpfs is writable to everyone.
pub(crate) const NOT_STICKY: &str = "set mode = \"0755\", \"0700\" or \"1777\" in its [[tmpfs]]";
/// The engine copied files of the image into a tmpfs.
pub(crate) const COPIED_FILES: &str = "set recursive = true in its [[tmpfs]]; a start as root then hands them over";
/// A volume holds files of another user.
pub(crate) const RESTORED_FILES: &str = "set recursive = \"always\" in its [[volume]]";

/// The container was started without this flag.
pub(crate) fn run_with(flag: &str) -> String {
    format!("run with {flag}")
}

/// No control group is mounted.
pub(crate) fn run_with_control_groups(flag: &str) -> String {
    format!("run with {flag}, in an engine that uses control groups")
}

/// An empty directory is read-only.
pub(crate) fn read_only(mount: &str) -> String {
    format!("mount something writable there (--tmpfs {mount})")
}

/// A directory with files is read-only.
pub(crate) fn read_only_with_files(elsewhere: &str) -> String {
    format!("{elsewhere}: a mount here would hide what the image has")
}

/// An empty directory belongs to another user.
pub(crate) fn of_others(uid: u32) -> String {
    format!("list it as [[tmpfs]] or [[volume]], so that /init hands it over, or let uid {uid} own it")
}

/// A directory with files belongs to another user.
pub(crate) fn of_others_with_files(uid: u32, elsewhere: &str) -> String {
    format!("let uid {uid} own it in the image (COPY --chown), or {elsewhere}")
}
