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
