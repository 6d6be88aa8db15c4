//! Maps the ids of the user namespace: directly as root, otherwise with newuidmap(1) and the sub-ids of `/etc/subuid`.

use std::fs;
use std::process::{Command, Stdio};

use nix::unistd::{Pid, Uid, User};

use super::{Try, because};

/// The ids that root, which has no sub-ids by default, uses: as many as an engine gives a user.
const FIRST: u32 = 100_000;
const COUNT: u32 = 65_536;

/// Maps the first 65536 ids of the process's user namespace.
pub fn ids(process: Pid, deny_setgroups: bool) -> Try<()> {
    if deny_setgroups {
        fs::write(format!("/proc/{process}/setgroups"), "deny").map_err(because("/proc/PID/setgroups"))?;
    }
    if Uid::effective().is_root() {
        let line = format!("0 {FIRST} {COUNT}");
        for file in ["gid_map", "uid_map"] {
            fs::write(format!("/proc/{process}/{file}"), &line).map_err(because(format!("/proc/PID/{file}")))?;
        }
        return Ok(());
    }
    with_helper("newgidmap", "/etc/subgid", process)?;
    with_helper("newuidmap", "/etc/subuid", process)
}

fn with_helper(program: &str, table: &str, process: Pid) -> Try<()> {
    let uid = Uid::current();
    let name = User::from_uid(uid).ok().flatten().map_or_else(String::new, |user| user.name);
    let text = fs::read_to_string(table).map_err(because(table))?;
    let range = text.lines().find_map(|line| {
        let mut fields = line.split(':');
        let owner = fields.next().filter(|owner| *owner == name || *owner == uid.to_string())?;
        let (first, count) = (fields.next()?.parse::<u32>().ok()?, fields.next()?.parse::<u32>().ok()?);
        (!owner.is_empty() && count >= COUNT).then_some(first)
    });
    let first = range.ok_or_else(|| format!("{table} gives uid {uid} no {COUNT} ids"))?;
    let words = [process.to_string(), "0".into(), first.to_string(), COUNT.to_string()];
    let done = Command::new(program).args(words).stdin(Stdio::null()).output().map_err(because(program))?;
    if done.status.success() {
        Ok(())
    } else {
        Err(format!("{program}: {}", String::from_utf8_lossy(&done.stderr).trim()))
    }
}
