//! The boot check: what the very same boot cannot show by itself. Every surface is written to, the app is started,
//! asked and stopped, and one line tells each result.
//!
//! It runs after the drop, as the user. It leaves no process and no file, and it ends: every wait has a deadline.

mod app;
mod limits;
mod mounted;
mod report;
mod surfaces;

use rustix::fs::{StatVfsMountFlags, statvfs};

use crate::config::args::Extent;
use crate::config::{BootCheck, Config};
use crate::error::{Error, Result};
use crate::plan::{Plan, flags};
use crate::privilege::{Dropped, Held};
use crate::sys::SignalMask;
pub use report::Report;

/// Checks, and gives the report. `held` is what the container was started with.
///
/// # Errors
/// [`crate::error::Error::Child`], [`crate::error::Error::Stopped`].
pub fn run(
    dropped: &Dropped,
    plan: &Plan,
    config: &Config,
    held: &Held,
    extent: Extent,
    mask: SignalMask,
) -> Result<Report> {
    let how = &config.boot_check;
    let mut report = Report::default();
    let target = &plan.target;
    report.ok(
        "drop",
        format!("uid {} gid {}, capabilities {}, read back from the kernel", target.uid, target.gid, target.keep),
    );
    root_file_system(how, &mut report);
    capabilities_beyond(plan, held, &mut report);
    no_new_privileges(held, &mut report);
    limits::check(&config.limits, &mut report);
    mounted::check(plan, &mut report);
    surfaces::check(plan, &mut report);
    if extent == Extent::Full {
        app::check(dropped, plan, how, mask, &mut report)?;
    }
    Ok(report)
}

/// The report of a boot that did not come to the checks.
pub fn failed(error: &Error) -> Report {
    let mut report = Report::default();
    report.fail("boot", error.to_string(), &error.fix());
    report
}

fn root_file_system(how: &BootCheck, report: &mut Report) {
    let flag = flags::READ_ONLY;
    let fix =
        &format!("add {flag} (and --tmpfs for what must be written), or set boot_check.require_read_only_root = false");
    match statvfs("/") {
        Ok(facts) if facts.f_flag.contains(StatVfsMountFlags::RDONLY) => {
            report.ok("root file system", "read-only".into())
        }
        Ok(_) if how.require_read_only_root => report.fail("root file system", "writable".into(), fix),
        Ok(_) => report.warn("root file system", "writable".into(), fix),
        Err(error) => {
            report.fail("root file system", format!("statvfs: {error}"), "let the seccomp profile allow statfs")
        }
    }
}

/// What the engine gave beyond the plan is root's for half a millisecond only, but it need not be there at all.
fn capabilities_beyond(plan: &Plan, held: &Held, report: &mut Report) {
    let needed = plan.needs.iter().fold(plan.target.keep, |all, (one, _)| all.with(*one));
    let beyond = held.permitted.with(held.bounding).without(needed);
    if beyond.is_empty() {
        report.ok("capabilities", format!("no more than the plan's: {needed}"));
    } else {
        // One flag each: Docker takes no list.
        let add: String = needed.names().map(|name| format!(" --cap-add={name}")).collect();
        report.warn(
            "capabilities",
            format!("given beyond the plan: {beyond}"),
            &format!("run with {}{add}", flags::DROP_ALL),
        );
    }
}

/// `/init` sets it, but what the engine runs before, and root steps, would have it too.
fn no_new_privileges(held: &Held, report: &mut Report) {
    if held.no_new_privs {
        report.ok("no_new_privs", "set from the start".into());
    } else {
        report.warn("no_new_privs", "not set by the engine".into(), &format!("run with {}", flags::NO_NEW_PRIVILEGES));
    }
}
