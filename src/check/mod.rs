//! The boot check: after a normal boot it writes to every surface, starts the app, runs its health check, stops it, and
//! reports each result on one line.
//!
//! It runs after the drop, as the user. It leaves no process and no file behind, and every wait has a deadline.

mod app;
mod limits;
mod mounted;
mod ports;
mod report;
mod stop;
mod surfaces;

use rustix::fs::{Access, StatVfsMountFlags, access, statvfs};

use crate::config::args::Extent;
use crate::config::{BootCheck, Config};
use crate::error::{Error, Result, fix};
use crate::exec::Launch;
use crate::facts::processes;
use crate::plan::{Plan, StartedAs, flags};
use crate::privilege::{Dropped, Held};
use crate::seal::Sealed;
use crate::text::joined;
pub use report::Report;

/// Runs the checks. `held` is what the container was started with.
///
/// # Errors
/// [`crate::error::Error::Child`], [`crate::error::Error::Stopped`].
pub fn run(
    launch: Launch<'_, Dropped>,
    plan: &Plan,
    sealed: &Sealed,
    config: &Config,
    held: &Held,
    extent: Extent,
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
    no_new_privileges(plan, held, &mut report);
    readable_init(&mut report);
    seal(sealed, &mut report);
    limits::check(&config.limits, &mut report);
    mounted::check(plan, &mut report);
    surfaces::check(plan, &mut report);
    init_above(plan, &mut report);
    if plan.app.programs.is_empty() {
        report.ok("app", "none: this role only runs steps".into());
    } else if extent == Extent::Full {
        app::check(launch, plan, how, ports(plan, config), &mut report)?;
    }
    Ok(report)
}

/// The ports that the app opens itself: those of an activated role belong to the host's systemd.
fn ports<'a>(plan: &Plan, config: &'a Config) -> &'a [u16] {
    let role = plan.role.as_ref().and_then(|(name, _)| config.role(name));
    role.filter(|(_, role)| !role.activation).map_or(&[], |(_, role)| &role.ports)
}

/// The report of a boot that failed before the checks.
pub fn failed(error: &Error) -> Report {
    let mut report = Report::default();
    report.fail("boot", error.to_string(), &error.fix());
    report
}

fn root_file_system(how: &BootCheck, report: &mut Report) {
    let fix = fix::check::WRITABLE_ROOT;
    match statvfs("/") {
        Ok(facts) if facts.f_flag.contains(StatVfsMountFlags::RDONLY) => {
            report.ok("root file system", "read-only".into())
        }
        Ok(_) if how.require_read_only_root => report.fail("root file system", "writable".into(), fix),
        Ok(_) => report.warn("root file system", "writable".into(), fix),
        Err(error) => report.fail("root file system", format!("statvfs: {error}"), fix::check::STATFS),
    }
}

/// Warns about capabilities that the plan does not need. `/init` drops them, but root holds them until then.
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
            &fix::check::run_with(&joined(&[flags::DROP_ALL, &add], "")),
        );
    }
}

/// Fails if the parent cannot signal the app: a stop would not reach it, and the engine would kill it.
fn init_above(plan: &Plan, report: &mut Report) {
    if let Some(parent) = processes::parent_that_cannot_signal(plan.target.uid) {
        report.fail(
            "stop signals",
            format!("{parent} cannot pass a stop on to uid {}", plan.target.uid),
            fix::running::NO_INIT,
        );
    }
}

/// Reports what the seal enforces and what it cannot.
fn seal(sealed: &Sealed, report: &mut Report) {
    sealed.holds.iter().for_each(|what| report.ok("seal", what.clone()));
    sealed.gaps.iter().for_each(|what| report.ok("seal", format!("with this kernel, {what}")));
    sealed.lacks.iter().for_each(|(what, fix)| report.warn("seal", what.clone(), fix));
}

/// Reports whether the engine set `no_new_privs`. `/init` sets it too, but in a container started as another user the
/// engine runs health checks and `exec` beside the app, with the app's uid and the engine's bounding set.
fn no_new_privileges(plan: &Plan, held: &Held, report: &mut Report) {
    let fix = fix::check::run_with(flags::NO_NEW_PRIVILEGES);
    match plan.started_as {
        _ if held.no_new_privs => report.ok("no_new_privs", "set from the start".into()),
        StartedAs::Root => report.warn("no_new_privs", "not set by the engine".into(), &fix),
        StartedAs::User => report.fail("no_new_privs", "not set by the engine".into(), &fix),
    }
}

/// Warns if the app can read `/init`: then it can trace the next `/init` that the engine starts with the app's uid,
/// until that one has made itself undumpable.
fn readable_init(report: &mut Report) {
    match access("/proc/self/exe", Access::READ_OK) {
        Ok(()) => {
            report.warn("/init", "the app could trace another /init from its exec on".into(), fix::check::READABLE_INIT)
        }
        Err(_) => report.ok("/init", "not readable to the app, so nobody can trace it".into()),
    }
}
