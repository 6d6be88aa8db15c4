//! For what a format of `--render` cannot express.

/// An engine's syntax would split the path.
pub(crate) const PATH: &str = "choose an absolute path without ':', ',' and control characters";
/// Two roles publish one port of the machine.
pub(crate) const SAME_PORT: &str = "give the roles different ports, or render one by --role";
/// Two paths would have one name.
pub(crate) const SAME_NAME: &str = "choose paths that differ in letters and digits: names are made from them";
/// Kubernetes has no limit of processes.
pub(crate) const PIDS: &str = "leave limits.pids out of the configuration for Kubernetes (--config FILE), and limit \
    processes by the kubelet's podPidsLimit";
/// The name of a Kubernetes object is too long.
pub(crate) const LONG_PATH: &str = "choose a shorter path";
/// Names of Kubernetes objects are made from the roles'.
pub(crate) const ROLE_NAME: &str =
    "give roles names that begin with a letter, differ in letters and digits, and have at most 57 characters";
/// A shell would read a word of the health check's command.
pub(crate) const HEALTH_WORD: &str = "give --config and --user without blanks, quotes and other signs of a shell";
