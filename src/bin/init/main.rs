//! `/init` from the engine's exec to the app's: the stages of a boot in order.

#![no_main]

#[cfg(all(not(target_env = "musl"), not(debug_assertions)))]
compile_error!("/init is one static binary: build it for a musl target, such as --target x86_64-unknown-linux-musl");

#[cfg(from_registry)]
compile_error!(
    "cargo install would put a program named init on PATH: run make build in a checkout, or COPY --from the image"
);

mod arena;
mod clock;
mod entry;

#[cfg(panic = "abort")]
mod no_backtrace;

use std::time::{Duration, Instant};

use nix::errno::Errno;
use stepdown::check;
use stepdown::child::{self, Orphans};
use stepdown::config::args::ReportFormat;
use stepdown::config::args::{self, Action, Arguments, Extent};
use stepdown::config::environment::Environment;
use stepdown::config::{control, file, schema};
use stepdown::error::{Error, Result, errno, fix};
use stepdown::exec::{App, Launch};
use stepdown::facts::accounts::Accounts;
use stepdown::facts::id_maps::IdMaps;
use stepdown::facts::{processes, self_check};
use stepdown::plan::{self, Given, Plan, StartedAs, Supervision, container};
use stepdown::prepare::{self, descriptors};
use stepdown::privilege::{self, Dropped, Held, Start};
use stepdown::seal::{self, Sealed};
use stepdown::sys::SignalMask;
use stepdown::trust::Trust;
use stepdown::{exec, health, logger, render, steps, supervise};

#[global_allocator]
static MEMORY: arena::Arena = arena::Arena::new();

/// What is left to do after the preparation. Everything that only the preparation needs is freed by then.
enum Next {
    /// Exit with this code: the requested output has been printed.
    Exit(u8),
    /// Execute the app in place of this process.
    Become(Dropped, App, SignalMask),
    /// Start the app as a child and supervise it.
    Stay(Dropped, App, SignalMask, Supervision),
}

/// Runs a boot and returns its exit code. Signals are blocked already; it returns if the app was not started, or has
/// ended under supervision.
pub(crate) fn story(handed: entry::Handed) -> u8 {
    MEMORY.end_by(logger::out_of_memory);
    let mut report = None;
    let code = boot(handed, &mut report).and_then(|next| match next {
        Next::Exit(code) => Ok(code),
        Next::Become(dropped, app, mask) => Err(exec::exec_app(Launch::new(&dropped, mask), &app)),
        Next::Stay(dropped, app, mask, how) => {
            MEMORY.give_back();
            supervise::run(Launch::new(&dropped, mask), app, &how)
        }
    });
    code.unwrap_or_else(|error| {
        logger::fatal(&error);
        if let Some(format) = report {
            // The report must show that the check ended here. A failed write changes nothing: the check has failed
            // already.
            let _ = Out { open: true }.print(&check::failed(&error).print(format));
        }
        error.exit_code()
    })
}

/// The requested action and its inputs.
struct Request {
    arguments: Arguments,
    environment: Environment,
    mask: SignalMask,
    action: Action,
    format: ReportFormat,
    started: Instant,
}

/// Runs until there is nothing left to prepare. `report` is set once the boot is a check, for the report of its
/// failure.
fn boot(handed: entry::Handed, report: &mut Option<ReportFormat>) -> Result<Next> {
    let started = Instant::now();
    let mask = handed.mask.map_err(|errno| Error::Signals { call: "rt_sigprocmask", errno })?;
    let as_root = rustix::process::geteuid().is_root();
    let engines_no_new_privs = if as_root { None } else { Some(privilege::shut_out()?) };
    let environment = Environment::new(handed.environment);
    self_check::refuse_privileged()?;
    let out = Out { open: descriptors::put_in_order(&environment)? };

    let arguments = args::parse(handed.arguments.get(1..).unwrap_or(&[]))?;
    match arguments.action {
        Action::Help => return out.print(args::HELP),
        Action::Schema => return out.print(&schema::page()),
        Action::Version => return out.print(concat!("stepdown ", env!("CARGO_PKG_VERSION"), "\n")),
        Action::Boot | Action::Plan | Action::Render(_) | Action::Health | Action::Exec | Action::Check(_) => {}
    }
    logger::start(control::log_level(&environment)?);
    let action = control::action(&arguments, &environment)?;
    let format = control::report_format(&arguments, &environment)?;
    *report = matches!(action, Action::Check(_)).then_some(format);
    let request = Request { arguments, environment, mask, action, format, started };

    // Root does not act on rendered flags, so they may come from a file of any owner.
    let trust = Trust::new(as_root && !matches!(action, Action::Render(_)));
    let loaded = file::load(request.arguments.config.as_deref(), &trust)?;
    if let Action::Render(format) = request.action {
        // Before facts about this process are read: the output describes the start of another container.
        let Request { arguments, environment, .. } = &request;
        let containers = container::resolve(&loaded.config, arguments, environment, &Accounts::read(&trust)?, format)?;
        let rendered = render::render(format, &containers)?;
        logger::notes(&rendered.notes);
        return out.print(&rendered.page);
    }
    let mut held = Held::read()?;
    held.no_new_privs = engines_no_new_privs.unwrap_or(held.no_new_privs);
    let accounts = Accounts::read(&trust)?;
    let Request { arguments, environment, .. } = &request;
    // Only a start as root changes ids.
    let ids = if held.uid.effective == 0 { IdMaps::default() } else { IdMaps::everything() };
    let (config, accounts, held) = (&loaded.config, &accounts, &held);
    let given = Given { config, arguments, environment, accounts, held, ids: &ids };
    let plan = plan::resolve(&given)?;
    let next = match request.action {
        Action::Plan => return out.print(&plan::print(&plan, held, request.format)),
        Action::Health => return ask_health(&plan, held, &request, &out),
        Action::Exec => go_beside(plan, held, mask)?,
        Action::Check(extent) => run(plan, &given, &request, Some(extent), &out)?,
        _ => run(plan, &given, &request, None, &out)?,
    };
    if let Next::Become(..) = next {
        // An exec frees all memory at once; a PID 1 that stays has to free it here.
        std::mem::forget((loaded, request, trust));
    }
    Ok(next)
}

/// Hands over, drops, prepares as the user, and checks or leaves the app to be started.
fn run(mut plan: Plan, given: &Given<'_>, request: &Request, check: Option<Extent>, out: &Out) -> Result<Next> {
    let Given { config, held, .. } = *given;
    let mask = request.mask;
    let most = check.map(|_| config.boot_check.timeout);
    if let Some(timeout) = most {
        plan.steps.end_within(timeout);
    }
    plan.preflight(held)?;
    exec::stop_also_on(plan.stop.configured.unwrap_or(0));
    let has_children = plan.supervision.is_some() || check.is_some() || !plan.steps.is_empty();
    if has_children {
        child::set_subreaper(Orphans::Adopt);
    }
    let (dropped, as_root) = step_down(&plan, held, mask)?;
    if check.is_none()
        && let Some(parent) = processes::parent_that_cannot_signal(plan.target.uid)
    {
        log::warn!("{parent} cannot pass a stop on to uid {}; fix: {}", plan.target.uid, fix::running::NO_INIT);
    }
    if has_children {
        // Children have the app's uid, and this process must stay out of their reach.
        privilege::forbid_tracing()?;
    }
    prepare::make_directories(&dropped, &plan.surfaces.directories, &plan.target)?;
    prepare::files::write(&dropped, &plan.surfaces.files, &plan.target)?;
    let sealed = put_seal_on(&dropped, &plan)?;
    let as_user = match check {
        Some(Extent::Init) => Duration::ZERO,
        _ => steps::run_as_user(Launch::new(&dropped, mask), &mut plan, given, most)?,
    };
    announce(&plan, request.started.elapsed(), as_root + as_user);
    if let Some(extent) = check {
        let report = check::run(Launch::new(&dropped, mask), &plan, &sealed, config, held, extent)?;
        let printed = out.print(&report.print(request.format))?;
        return Ok(if report.passed() { printed } else { Next::Exit(1) });
    }
    if plan.app.programs.is_empty() {
        return Ok(Next::Exit(0));
    }
    Ok(match plan.supervision {
        Some(how) => Next::Stay(dropped, plan.app, mask, how),
        None => {
            if has_children {
                child::set_subreaper(Orphans::Leave);
            }
            Next::Become(dropped, plan.app, mask)
        }
    })
}

/// The root part of the boot and the drop; started as non-root, only the proof of the drop. Returns the time that the
/// root steps took.
fn step_down(plan: &Plan, held: &Held, mask: SignalMask) -> Result<(Dropped, Duration)> {
    let (dropped, took) = match privilege::take(held)? {
        Start::Root(root) => {
            let took = steps::run_as_root(Launch::new(&root, mask), &plan.steps.as_root)?;
            let left = prepare::hand_over(&root, &plan.surfaces, &plan.target, mask)?;
            let dropped = root.drop_to(&plan.target, held)?;
            prepare::finish(&dropped, left, &plan.target)?;
            (dropped, took)
        }
        Start::User(user) => (user.settle(&plan.target, held)?, Duration::ZERO),
    };
    prepare::refuse_unwritable(&dropped, &plan.surfaces, &plan.target)?;
    if plan.started_as == StartedAs::User {
        prepare::set_own_modes(&dropped, &plan.surfaces, &plan.target);
    }
    Ok((dropped, took))
}

/// Applies `[seal]`, before any program of the app's user runs.
fn put_seal_on(dropped: &Dropped, plan: &Plan) -> Result<Sealed> {
    let sealed = seal::apply(dropped, plan)?;
    sealed.holds.iter().for_each(|what| log::debug!("seal: {what}"));
    sealed.gaps.iter().for_each(|what| log::info!("seal: this kernel is too old for all of it: {what}"));
    sealed.lacks.iter().for_each(|(what, fix)| log::warn!("seal: {what}; fix: {fix}"));
    Ok(sealed)
}

/// The drop alone, for a process beside the app.
fn only_drop(plan: &Plan, held: &Held) -> Result<Dropped> {
    match privilege::take(held)? {
        Start::Root(root) => root.drop_to(&plan.target, held),
        Start::User(user) => user.settle(&plan.target, held),
    }
}

/// Becomes a command beside the running app, with its user, environment and limits, and without what a start prepares.
fn go_beside(plan: Plan, held: &Held, mask: SignalMask) -> Result<Next> {
    if rustix::process::getpid().is_init() {
        return Err(Error::NothingBeside);
    }
    plan.preflight(held)?;
    let dropped = only_drop(&plan, held)?;
    put_seal_on(&dropped, &plan)?;
    Ok(Next::Become(dropped, plan.app, mask))
}

/// The health check, as the app's user whichever user the engine ran it as: it drops first and hands nothing over.
fn ask_health(plan: &Plan, held: &Held, request: &Request, out: &Out) -> Result<Next> {
    let role = plan.role.as_ref().map(|(name, _)| name.as_str());
    let health = plan.health.as_ref().ok_or_else(|| Error::NoHealth { role: role.map(str::to_owned) })?;
    let dropped = only_drop(plan, held)?;
    privilege::forbid_tracing()?;
    seal::apply(&dropped, plan)?;
    let answer = health::ask_once(Launch::new(&dropped, request.mask), health)?;
    let printed = out.print(&health::report(role, &answer, request.format))?;
    Ok(if answer.is_ok() { printed } else { Next::Exit(1) })
}

/// Logs the app's user, the time of the boot without the steps, and the time of the steps.
fn announce(plan: &Plan, took: Duration, steps: Duration) {
    plan.notes.iter().for_each(|note| log::info!("{note}"));
    let role = plan.role.as_ref().map(|(name, _)| format!("{name}: ")).unwrap_or_default();
    let target = &plan.target;
    let program =
        plan.app.program().map_or("nothing, since only steps run,".into(), |program| program.to_string_lossy());
    let with_steps = if steps.is_zero() {
        String::new()
    } else {
        format!(" without its steps, {} ms with them", took.as_millis() as u64)
    };
    log::info!(
        "{role}{program} as {}:{}, capabilities {}, proved in {} µs{with_steps}",
        target.uid,
        target.gid,
        target.keep,
        took.saturating_sub(steps).as_micros() as u64
    );
}

/// Standard output, for the requested output.
struct Out {
    /// Whether it was open when the engine started this process; if not, writes to it are lost.
    open: bool,
}

impl Out {
    /// Prints the text. A closed pipe is an error, not success.
    fn print(&self, text: &str) -> Result<Next> {
        if !self.open {
            return Err(Error::Output { errno: Errno::EBADF });
        }
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            match rustix::io::write(rustix::stdio::stdout(), rest).map_err(errno) {
                // A write of zero bytes would be repeated for ever.
                Ok(0) => return Err(Error::Output { errno: Errno::EIO }),
                Ok(length) => rest = rest.get(length..).unwrap_or(&[]),
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(Error::Output { errno }),
            }
        }
        Ok(Next::Exit(0))
    }
}
