//! The story, from the engine's exec to the app's.

#![no_main]

#[cfg(all(not(target_env = "musl"), not(debug_assertions)))]
compile_error!(
    "/init is one static binary: build it with --target x86_64-unknown-linux-musl, or the musl target of another architecture"
);

mod arena;
mod clock;
mod entry;

#[cfg(panic = "abort")]
mod no_backtrace;

use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use nix::errno::Errno;
use stepdown::check::{self, Extent};
use stepdown::config::args::{self, Action};
use stepdown::config::environment::Environment;
use stepdown::config::{control, file, schema};
use stepdown::error::{Error, Result, io_errno};
use stepdown::exec::App;
use stepdown::facts::accounts::{self, Accounts};
use stepdown::facts::{self_check, writable};
use stepdown::plan::{self, Plan, Supervision, container};
use stepdown::prepare::{self, descriptors};
use stepdown::privilege::{self, Dropped, Held, Start, Target};
use stepdown::sys::SignalMask;
use stepdown::{child, exec, health, logger, render, steps, supervise};

#[global_allocator]
static MEMORY: arena::Arena = arena::Arena::new();

/// What is left to do when everything is prepared, and everything that was needed for it is let go.
enum Next {
    /// Nothing: it was only to be told, with this exit code.
    Told(u8),
    /// Become the app.
    Become(Dropped, App, SignalMask),
    /// Stay with the app.
    Stay(Dropped, App, SignalMask, Supervision),
}

/// Tells it, and gives the exit code. Signals are blocked already; it returns if the app was not started, or has ended
/// under supervision.
pub(crate) fn story(handed: entry::Handed) -> u8 {
    MEMORY.end_by(logger::out_of_memory);
    let mut format = None;
    let told = boot(handed, &mut format).and_then(|next| match next {
        Next::Told(code) => Ok(code),
        Next::Become(dropped, app, mask) => Err(exec::exec_app(&dropped, &app, mask)),
        Next::Stay(dropped, app, mask, how) => {
            MEMORY.give_back();
            supervise::run(&dropped, app, how, mask)
        }
    });
    told.unwrap_or_else(|error| {
        logger::fatal(&error);
        if let Some(format) = format {
            // What reads the report must see that it ended here; that it cannot be written changes nothing any more.
            let _ = Out { open: true }.print(&check::failed(&error).print(format));
        }
        error.exit_code()
    })
}

/// Until there is nothing left to prepare. `format` is set once the boot is a check, for the report of its failure.
fn boot(handed: entry::Handed, format: &mut Option<check::Format>) -> Result<Next> {
    let started = Instant::now();
    let mask = handed.mask.map_err(|errno| Error::Signals { call: "rt_sigprocmask", errno })?;
    let environment = Environment::new(handed.environment);
    self_check::refuse_privileged()?;
    let out = Out { open: descriptors::put_in_order(&environment)? };

    let arguments = args::parse(handed.arguments.get(1..).unwrap_or(&[]))?;
    match arguments.action {
        Action::Help => return out.print(args::HELP),
        Action::Schema => return out.print(&schema::page()),
        Action::Version => return out.print(concat!("stepdown ", env!("CARGO_PKG_VERSION"), "\n")),
        Action::Boot | Action::Plan | Action::Render(_) | Action::Health | Action::Check { .. } => {}
    }
    logger::start(control::log_level(&environment)?);
    let action = control::action(&arguments, &environment)?;
    let json = control::json(&arguments, &environment)?;
    if let Action::Check { .. } = action {
        *format = Some(if json { check::Format::Json } else { check::Format::Text });
    }

    let loaded = file::load(arguments.config.as_deref())?;
    if let Action::Render(format) = action {
        // Before anything is read of how this process was started: the page is about another start.
        let containers = container::resolve(&loaded.config, &arguments, &environment, &Accounts::read()?, format)?;
        let rendered = render::render(format, &containers)?;
        logger::notes(&rendered.notes);
        return out.print(&rendered.page);
    }
    let held = Held::read()?;
    let mut plan = plan::resolve(&loaded.config, &arguments, environment, &Accounts::read()?, &held)?;
    if plan.as_root {
        let accounts = if plan.by_name { accounts::FILES.as_slice() } else { &[] };
        loaded
            .path
            .as_deref()
            .into_iter()
            .chain(accounts.iter().copied())
            .try_for_each(|path| refuse_if_writable(path, &plan.target))?;
    }
    let extent = match action {
        Action::Plan => return out.print(&if json { plan::json(&plan, &held) } else { plan::text(&plan, &held) }),
        Action::Health => return ask_health(&plan, &held, mask, json, &out),
        Action::Check { full } => {
            plan.steps.end_within(loaded.config.boot_check.timeout);
            Some(if full { Extent::Full } else { Extent::Init })
        }
        _ => None,
    };

    plan.preflight(&held)?;
    let has_children = plan.supervision.is_some() || extent.is_some() || !plan.steps.is_empty();
    if has_children {
        child::adopt_orphans(true);
    }
    let dropped = step_down(&plan, &held, mask)?;
    if has_children {
        // They have the app's uid, and this process is still to be trusted.
        child::keep_out_of_reach()?;
    }
    prepare::make_directories(&dropped, &plan.surfaces.directories, &plan.target)?;
    if extent != Some(Extent::Init) {
        steps::run_as_user(&dropped, &plan.steps.as_user, mask)?;
    }
    announce(&plan, started);
    if let Some(extent) = extent {
        let report = check::run(&dropped, &plan, &loaded.config, &held, extent, mask)?;
        let told = out.print(&report.print(format.unwrap_or(check::Format::Text)))?;
        return Ok(if report.passed() { told } else { Next::Told(1) });
    }
    Ok(match plan.supervision {
        Some(how) => Next::Stay(dropped, plan.app, mask, how),
        None => {
            if has_children {
                child::adopt_orphans(false);
            }
            // The app's exec takes all memory at once; piece by piece, a long configuration would take its time.
            std::mem::forget(loaded);
            Next::Become(dropped, plan.app, mask)
        }
    })
}

/// Everything as root, then never again; or, started without root, the same proof.
fn step_down(plan: &Plan, held: &Held, mask: SignalMask) -> Result<Dropped> {
    match privilege::take(held)? {
        Start::Root(root) => {
            steps::run_as_root(&root, &plan.steps.as_root, mask)?;
            let unmended = prepare::hand_over(&root, &plan.surfaces, &plan.target)?;
            let dropped = root.drop_to(&plan.target, held)?;
            prepare::mend(&dropped, unmended)?;
            Ok(dropped)
        }
        Start::User(user) => {
            let dropped = user.settle(&plan.target, held)?;
            prepare::refuse_unwritable(&dropped, &plan.surfaces, &plan.target)?;
            Ok(dropped)
        }
    }
}

/// Root obeys the configuration, and the accounts where names are in it: they must be files that the app of a previous
/// life could not have written.
fn refuse_if_writable(path: &str, target: &Target) -> Result<()> {
    match writable::writable_to(Path::new(path), target.uid, &target.groups) {
        Ok(None) | Err((_, Errno::ENOENT)) => Ok(()),
        Ok(Some(how)) => Err(Error::ConfigWritable { path: path.to_owned(), how, uid: target.uid }),
        Err((call, errno)) => Err(Error::ConfigRead { path: path.to_owned(), call, errno }),
    }
}

/// As the user, whoever the engine started the check as: the drop comes first, and nothing is handed over.
fn ask_health(plan: &Plan, held: &Held, mask: SignalMask, json: bool, out: &Out) -> Result<Next> {
    let role = plan.role.as_ref().map(|(name, _)| name.as_str());
    let health = plan.health.as_ref().ok_or_else(|| Error::NoHealth { role: role.map(str::to_owned) })?;
    let dropped = match privilege::take(held)? {
        Start::Root(root) => root.drop_to(&plan.target, held)?,
        Start::User(user) => user.settle(&plan.target, held)?,
    };
    child::keep_out_of_reach()?;
    let answer = health::ask_and_wait(&dropped, health, mask)?;
    let told = out.print(&health::report(role, &answer, json))?;
    Ok(if answer.is_ok() { told } else { Next::Told(1) })
}

fn announce(plan: &Plan, started: Instant) {
    let role = plan.role.as_ref().map(|(name, _)| format!("{name}: ")).unwrap_or_default();
    let target = &plan.target;
    log::info!(
        "{role}{} as {}:{}, capabilities {}, proved in {} µs",
        plan.app.programs.first().map(|program| program.to_string_lossy()).unwrap_or_default(),
        target.uid,
        target.gid,
        target.keep,
        started.elapsed().as_micros()
    );
}

/// Standard output, for what was asked for.
struct Out {
    /// Whether it was open when the engine started this process; if not, what is written to it now goes nowhere.
    open: bool,
}

impl Out {
    /// Prints it; a reader that is gone must not pass for success.
    fn print(&self, text: &str) -> Result<Next> {
        if !self.open {
            return Err(Error::Output { errno: Errno::EBADF });
        }
        let mut out = std::io::stdout();
        out.write_all(text.as_bytes())
            .and_then(|()| out.flush())
            .map(|()| Next::Told(0))
            .map_err(|error| Error::Output { errno: io_errno(&error) })
    }
}
