//! stepdown: deploys a release tag to Podman's Quadlets, or changes nothing.
//!
//! The image that serves was verified and checked under the unit's own flags. This program runs Podman, Quadlet,
//! systemd, skopeo and cosign, and replaces none of them.
//!
//! | level | modules | purpose |
//! | --- | --- | --- |
//! | 0 | `failure`, `tag`, `span`, `interrupt` | errors, the tag's grammar, durations, signals |
//! | 1 | `tool`, `argv`, `config`, `place`, `parallel`, `state` | child processes, command lines, settings, paths |
//! | 2 | `output`, `trigger`, `quadlet`, `podman`, `registry`, `verify`, `gate` | one subject each |
//! | 3 | `store`, `report`, `systemd` | the state's file, what is printed, the units |
//! | 4 | `drift`, `memory` | what a unit lacks, and how many gates the memory allows |
//! | 5 | `job` | what the steps of a deploy have in common |
//! | 6 | `cutover` | from the first restart to the end of the soak, and back |
//! | 7 | `deploy` | the steps before the cutover |
//! | 8 | `requests`, `check`, `status`, `install`, `manual`, `cli` | the service, other commands, the command line |
//! | 9 | `main` | runs the command |

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

mod argv;
mod check;
mod cli;
mod config;
mod cutover;
mod deploy;
mod drift;
mod failure;
mod gate;
mod install;
mod interrupt;
mod job;
mod manual;
mod memory;
mod output;
mod parallel;
mod place;
mod podman;
mod quadlet;
mod registry;
mod report;
mod requests;
mod span;
mod state;
mod status;
mod store;
mod systemd;
mod tag;
mod tool;
mod trigger;
mod verify;

use std::{
    io::{IsTerminal, Write, stderr, stdout},
    process::ExitCode,
    thread,
    time::Duration,
};

use clap::{CommandFactory, Parser};

use crate::{
    cli::{Cli, Command, SchemaOf},
    config::Config,
    deploy::{Kind, Order},
    failure::{CONFIGURATION, Failure, REFUSED, USAGE},
    job::Job,
    place::Place,
    report::{Report, Style},
    requests::Service,
    state::Release,
    store::{Lock, Store},
    tag::Tag,
};

/// The path unit restarts the service immediately while a request waits. This pause keeps a service that cannot claim
/// the request from using all of the processor.
const BEFORE_NEXT_START: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    // Fails only if a hook is set already.
    let _ = miette::set_hook(Box::new(|_| Box::new(miette::NarratableReportHandler::new())));
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS };
        }
    };
    run(&cli).unwrap_or_else(|failure| {
        let code = failure.exit();
        report::fatal(failure, cli.json);
        if matches!(cli.command, Command::Deploy { trigger: true, .. }) && !stderr().is_terminal() {
            thread::sleep(BEFORE_NEXT_START);
        }
        code
    })
}

fn run(cli: &Cli) -> Result<ExitCode, Failure> {
    match &cli.command {
        Command::Schema { of: SchemaOf::Configuration } => return print(&config::schema()?),
        Command::Schema { of: SchemaOf::Output } => return print(&output::schema()?),
        Command::Completions { shell } => {
            clap_complete::generate(*shell, &mut Cli::command(), "stepdown", &mut stdout());
            return Ok(ExitCode::SUCCESS);
        }
        Command::Manual => return print(manual::page(Cli::command()).trim_end()),
        Command::Install { dir } => return install::install(dir.as_deref(), cli.app.as_deref()),
        _ => {}
    }
    let place = Place::find(cli.app.as_deref())?;
    match &cli.command {
        Command::Status => return print(&status::status(&place, cli.json)?),
        Command::History => return print(&status::history(&store::history(&place.state)?, cli.json)),
        _ => {}
    }
    if rustix::process::geteuid().is_root() {
        return Err(Failure::new("stepdown", "it runs as root").fix("run it as the user that runs the containers"));
    }
    let report = Report::new(Style::choose(cli.json));
    if matches!(cli.command, Command::Deploy { trigger: true, .. }) {
        return Service::new(&place, &report).run();
    }
    let config = Config::read(&place.config)?;
    let job = Job { place: &place, config: &config, report: &report };
    match &cli.command {
        Command::Check => Ok(ExitCode::from(if check::check(&job) { 0 } else { REFUSED })),
        Command::Deploy { tag: Some(tag), gate_only, wait, .. } => {
            one(&job, *wait, |_| Ok((tag.clone(), Kind::Deploy { gate_only: *gate_only })))
        }
        Command::Rollback { tag, now } => one(&job, false, |store| {
            let to = target(&job, store, tag.as_ref())?;
            let tag = to.tag.clone().ok_or_else(|| {
                Failure::new("roll back", "the previous image was not deployed by stepdown, and has no tag")
                    .fix("deploy its tag: stepdown deploy TAG")
            })?;
            Ok((tag, Kind::Rollback { to: Box::new(to), now: *now }))
        }),
        _ => Ok(ExitCode::from(CONFIGURATION)),
    }
}

fn print(text: &str) -> Result<ExitCode, Failure> {
    let _ = writeln!(stdout(), "{text}");
    Ok(ExitCode::SUCCESS)
}

fn under_way(job: &Job) -> Failure {
    let run = store::read(&job.place.state).ok().and_then(|state| state.run);
    let what = run.map_or("another stepdown is at work".to_owned(), |run| {
        format!("a deploy of {} is under way, in state {}", run.tag, run.phase.name())
    });
    Failure::new(format!("deploy {}", job.place.app), what)
        .fix("wait until stepdown status shows no run, or deploy with --wait")
}

/// A run that was started on the command line.
fn one(job: &Job, wait: bool, order: impl FnOnce(&Store) -> Result<(Tag, Kind), Failure>) -> Result<ExitCode, Failure> {
    let lock = Lock::take(&job.place.state, wait)?.ok_or_else(|| under_way(job))?;
    let mut store = lock.store()?;
    if let Some(ended) = deploy::recover(job, &mut store)?.filter(|ended| ended.later) {
        return Ok(ended.exit());
    }
    let (tag, kind) = order(&store)?;
    let ended = deploy::run(job, &mut store, &Order { tag, request: None, kind })?;
    job.report.answer(&ended.answer, ended.stuck);
    Ok(ended.exit())
}

fn target(job: &Job, store: &Store, tag: Option<&Tag>) -> Result<Release, Failure> {
    let mut served = store.state.previous.iter();
    let found = match tag {
        Some(tag) => served.find(|release| release.tag.as_ref() == Some(tag)),
        None => served.next(),
    };
    let kept: Vec<String> = store.state.previous.iter().map(Release::name).collect();
    found.cloned().ok_or_else(|| {
        Failure::new(format!("roll back {}", job.place.app), "it did not serve before, or is retired").fix(format!(
            "what can be gone back to: {}",
            if kept.is_empty() { "nothing".into() } else { kept.join(", ") }
        ))
    })
}
