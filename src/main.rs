//! The story, from the engine's exec to the app's.

#![no_main]

#[path = "sys/entry.rs"]
mod entry;

#[cfg(panic = "abort")]
#[path = "sys/no_backtrace.rs"]
mod no_backtrace;

use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use log::LevelFilter;
use stepdown::config::args::{self, Action};
use stepdown::config::environment::Environment;
use stepdown::config::file;
use stepdown::error::{Error, Result, io_errno};
use stepdown::facts::accounts::Accounts;
use stepdown::facts::{guard, installed};
use stepdown::launch::App;
use stepdown::plan::{self, Plan, Supervision};
use stepdown::prepare::{self, descriptors};
use stepdown::privilege::{self, Dropped, Held, Start, Target};
use stepdown::sys::SignalMask;
use stepdown::{child, health, launch, record, steps, supervise};

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
    let told = boot(handed).and_then(|next| match next {
        Next::Told(code) => Ok(code),
        Next::Become(dropped, app, mask) => Err(launch::exec(&dropped, &app, mask)),
        Next::Stay(dropped, app, mask, how) => supervise::run(&dropped, app, how, mask),
    });
    told.unwrap_or_else(|error| {
        record::fatal(&error);
        error.exit_code()
    })
}

fn boot(handed: entry::Handed) -> Result<Next> {
    let clock = Instant::now();
    let mask = handed.mask.map_err(|errno| Error::Signals { call: "rt_sigprocmask", errno })?;
    let environment = Environment::new(handed.environment);
    installed::refuse_privileged()?;
    descriptors::put_in_order(&environment)?;

    let arguments = args::parse(handed.arguments.get(1..).unwrap_or(&[]))?;
    match arguments.action {
        Action::Help => return print(args::HELP),
        Action::Version => return print(concat!("stepdown ", env!("CARGO_PKG_VERSION"), "\n")),
        Action::Boot | Action::Plan | Action::Health => {}
    }
    record::start(log_level(&environment)?);
    refuse_a_check(&environment)?;

    let loaded = file::load(arguments.config.as_deref())?;
    let held = Held::read()?;
    let accounts = Accounts::read()?;
    let plan = plan::resolve(&loaded.config, &arguments, environment, &accounts, &held)?;
    if let (true, Some(path)) = (plan.as_root, &loaded.path) {
        refuse_if_writable(path, &plan.target)?;
    }
    match arguments.action {
        Action::Plan => return print(&if arguments.json { plan::json(&plan, &held) } else { plan::text(&plan, &held) }),
        Action::Health => return ask_health(&plan, &held, mask, arguments.json),
        _ => {}
    }

    plan.preflight(&held)?;
    let has_steps = !plan.steps.as_root.is_empty() || !plan.steps.as_user.is_empty();
    if has_steps || plan.supervision.is_some() {
        child::adopt_orphans(true);
    }
    let dropped = step_down(&plan, &held, mask)?;
    prepare::make_directories(&dropped, &plan.surfaces.directories, &plan.target)?;
    steps::run_as_user(&dropped, &plan.steps.as_user, mask)?;
    if has_steps && plan.supervision.is_none() {
        child::adopt_orphans(false);
    }
    announce(&plan, clock);
    Ok(match plan.supervision {
        None => Next::Become(dropped, plan.app, mask),
        Some(how) => Next::Stay(dropped, plan.app, mask, how),
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

/// Root obeys the configuration: it must be one that the app of a previous life could not have written.
fn refuse_if_writable(path: &str, target: &Target) -> Result<()> {
    match guard::writable_to(Path::new(path), target.uid, &target.groups) {
        Ok(None) => Ok(()),
        Ok(Some(how)) => Err(Error::ConfigWritable { path: path.to_owned(), how, uid: target.uid }),
        Err((call, errno)) => Err(Error::ConfigRead { path: path.to_owned(), call, errno }),
    }
}

/// As the user, whoever the engine started the check as: the drop comes first, and nothing is handed over.
fn ask_health(plan: &Plan, held: &Held, mask: SignalMask, json: bool) -> Result<Next> {
    let role = plan.role.as_ref().map(|(name, _)| name.as_str());
    let health = plan.health.as_ref().ok_or_else(|| Error::NoHealth { role: role.map(str::to_owned) })?;
    let dropped = match privilege::take(held)? {
        Start::Root(root) => root.drop_to(&plan.target, held)?,
        Start::User(user) => user.settle(&plan.target, held)?,
    };
    let answer = health::ask_and_wait(&dropped, health, mask)?;
    let told = print(&health::report(role, &answer, json))?;
    Ok(if answer.is_ok() { told } else { Next::Told(1) })
}

fn announce(plan: &Plan, clock: Instant) {
    let role = plan.role.as_ref().map(|(name, _)| format!("{name}: ")).unwrap_or_default();
    let target = &plan.target;
    log::info!(
        "{role}{} as {}:{}, capabilities {}, proved in {} µs",
        plan.app.programs.first().map(|program| program.to_string_lossy()).unwrap_or_default(),
        target.uid,
        target.gid,
        target.keep,
        clock.elapsed().as_micros()
    );
}

fn log_level(environment: &Environment) -> Result<LevelFilter> {
    let name = "INIT_LOG";
    let wrong = |what: String| Error::OwnVariable { name, what, allowed: "error, warn, info, debug or trace" };
    match environment.get(name) {
        _ if environment.count(name) > 1 => Err(wrong("is set more than once".into())),
        None | Some(b"" | b"info") => Ok(LevelFilter::Info),
        Some(b"error") => Ok(LevelFilter::Error),
        Some(b"warn") => Ok(LevelFilter::Warn),
        Some(b"debug") => Ok(LevelFilter::Debug),
        Some(b"trace") => Ok(LevelFilter::Trace),
        Some(other) => Err(wrong(format!("is '{}'", String::from_utf8_lossy(other)))),
    }
}

/// A boot check is in no released version yet: whoever asks for one must not get the app instead.
fn refuse_a_check(environment: &Environment) -> Result<()> {
    let name = "BOOT_CHECK_ONLY";
    match environment.get(name) {
        _ if environment.count(name) > 1 => Err(Error::Gate { value: "set more than once".into() }),
        None | Some(b"" | b"0") => Ok(()),
        Some(b"1" | b"init") => Err(Error::NotBuilt { what: "the boot check".into(), place: stepdown::error::Place::Variable(name.into()) }),
        Some(other) => Err(Error::Gate { value: String::from_utf8_lossy(other).into_owned() }),
    }
}

/// To standard output; a reader that is gone must not pass for success.
fn print(text: &str) -> Result<Next> {
    let mut out = std::io::stdout();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map(|()| Next::Told(0)).map_err(|error| Error::Output { errno: io_errno(&error) })
}
