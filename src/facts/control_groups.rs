//! The limits of this container's control group: `cgroups(7)`.

/// The files of each limit: control groups version 2, then version 1.
const PIDS: [&str; 2] = ["/sys/fs/cgroup/pids.max", "/sys/fs/cgroup/pids/pids.max"];
const MEMORY: [&str; 2] = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];

/// The limit of processes, as the kernel prints it; none where no control group is mounted.
pub fn pids() -> Option<String> {
    first(&PIDS)
}

/// The memory limit, in the same way.
pub fn memory() -> Option<String> {
    first(&MEMORY)
}

fn first(files: &[&str]) -> Option<String> {
    files.iter().find_map(|file| std::fs::read_to_string(file).ok()).map(|text| text.trim().to_owned())
}
