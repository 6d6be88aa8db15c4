//! The plan as text and as JSON, without the values of secrets.

use std::ffi::CString;
use std::fmt::Write as _;
use std::path::Path;

use serde::Serialize;

use super::exists::Exists;
use super::health::Question;
use super::{Plan, StartedAs, StepPlan};
use crate::config::args::ReportFormat;
use crate::logger;
use crate::privilege::{Held, with_rights_of};
use crate::text::{Time, joined};

/// The JSON document. Its keys are an interface and are never renamed.
#[derive(Serialize)]
struct Shown<'a> {
    role: Option<&'a str>,
    role_from: Option<&'a str>,
    start: &'static str,
    mode: &'static str,
    uid: u32,
    gid: u32,
    groups: &'a [u32],
    program: String,
    command: Vec<String>,
    workdir: Option<&'a str>,
    umask: Option<String>,
    home: Option<String>,
    tmpfs: Vec<Place<'a>>,
    volumes: Vec<VolumeShown>,
    directories: Vec<DirectoryShown>,
    files: Vec<FileShown<'a>>,
    root_steps: Vec<StepShown<'a>>,
    steps: Vec<StepShown<'a>>,
    env: &'a [String],
    health: Option<String>,
    held_back: &'a [String],
    capabilities: Vec<Need>,
    capabilities_kept: Vec<String>,
    notes: &'a [String],
    seal: Option<SealShown>,
}

#[derive(Serialize)]
struct Place<'a> {
    path: &'a str,
    mode: String,
    size: Option<&'a str>,
    recursive: bool,
}

#[derive(Serialize)]
struct VolumeShown {
    path: String,
    recursive: bool,
    always: bool,
}

#[derive(Serialize)]
struct DirectoryShown {
    path: String,
    mode: String,
}

#[derive(Serialize)]
struct FileShown<'a> {
    path: String,
    template: String,
    variables: Vec<&'a str>,
    mode: String,
    when_exists: Option<String>,
    unless_exists: Option<String>,
}

#[derive(Serialize)]
struct StepShown<'a> {
    name: &'a str,
    command: Vec<String>,
    wait: Option<String>,
    output: Option<&'a str>,
    timeout: Option<String>,
    optional: bool,
    when_exists: Option<String>,
    unless_exists: Option<String>,
}

#[derive(Serialize)]
struct Need {
    name: String,
    purpose: &'static str,
    held: bool,
}

#[derive(Serialize)]
struct SealShown {
    writes: bool,
    below: Vec<String>,
    landlock: Option<i32>,
    namespaces: bool,
    optional: bool,
    missing: Vec<String>,
}

impl Place<'_> {
    fn line(&self) -> String {
        let size = self.size.map(|size| format!(" size {size}")).unwrap_or_default();
        let walk = if self.recursive { " recursive" } else { "" };
        format!("{} mode {}{size}{walk}", self.path, self.mode)
    }
}

impl StepShown<'_> {
    fn line(&self) -> String {
        let mut line = match &self.wait {
            Some(object) => format!("{}: waits for {object}", self.name),
            None => format!("{}: {:?}", self.name, self.command),
        };
        if let Some(timeout) = &self.timeout {
            line.push_str(" within ");
            line.push_str(timeout);
        }
        line.push_str(&condition(self.when_exists.as_ref(), self.unless_exists.as_ref()));
        if let Some(variable) = self.output {
            line.push_str(", output to ");
            line.push_str(variable);
        }
        if self.optional {
            line.push_str(", optional");
        }
        line
    }
}

/// The paths that decide whether a step runs or a file is written.
fn condition(when_exists: Option<&String>, unless_exists: Option<&String>) -> String {
    let mut words = String::new();
    for (word, path) in [(", when there is ", when_exists), (", unless there is ", unless_exists)] {
        if let Some(path) = path {
            words.push_str(word);
            words.push_str(path);
        }
    }
    words
}

impl SealShown {
    fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if self.writes {
            let version = self.landlock.map(|version| format!(" (Landlock {version})")).unwrap_or_default();
            lines.push(format!("writes only below {}{version}", joined(&self.below, " ")));
        }
        if !self.namespaces {
            lines.push("no new namespace (seccomp)".to_owned());
        }
        let otherwise = if self.optional { "a warning" } else { "a refusal" };
        lines.extend(self.missing.iter().map(|what| format!("MISSING, {otherwise}: {what}")));
        lines
    }
}

/// The plan as it is printed.
pub fn print(plan: &Plan, held: &Held, format: ReportFormat) -> String {
    match format {
        ReportFormat::Json => json(plan, held),
        ReportFormat::Text => text(plan, held),
    }
}

/// One line of JSON.
fn json(plan: &Plan, held: &Held) -> String {
    // Serialising strings and numbers into a String cannot fail.
    let mut line = serde_json::to_string(&shown(plan, held)).unwrap_or_default();
    line.push('\n');
    line
}

/// Lines of a name and a value.
fn text(plan: &Plan, held: &Held) -> String {
    let shown = shown(plan, held);
    let mut page = String::new();
    let mut row = |name: &str, value: &str| {
        // Writing to a String cannot fail.
        let _ = writeln!(page, "{name:<14}{}", logger::escaped(value));
    };
    row("role", &shown.role.map_or("none".into(), |role| format!("{role} (by {})", shown.role_from.unwrap_or(""))));
    row("start", shown.start);
    row("mode", shown.mode);
    let groups: Vec<String> = shown.groups.iter().map(u32::to_string).collect();
    row("user", &format!("uid {} gid {} groups {}", shown.uid, shown.gid, joined(&groups, " ")));
    for place in &shown.tmpfs {
        row("tmpfs", &place.line());
    }
    for place in &shown.volumes {
        let walk = match place.recursive {
            _ if place.always => " recursive always",
            true => " recursive",
            false => "",
        };
        row("volume", &format!("{}{walk}", place.path));
    }
    for place in &shown.directories {
        row("directory", &format!("{} mode {}", place.path, place.mode));
    }
    for file in &shown.files {
        let condition = condition(file.when_exists.as_ref(), file.unless_exists.as_ref());
        let FileShown { path, mode, template, variables, .. } = file;
        row("file", &format!("{path} mode {mode} from {template} {variables:?}{condition}"));
    }
    for (kind, steps) in [("root step", &shown.root_steps), ("step", &shown.steps)] {
        for step in steps {
            row(kind, &step.line());
        }
    }
    for entry in shown.env {
        row("env", entry);
    }
    for need in &shown.capabilities {
        row("capability", &format!("{} {}{}", need.name, need.purpose, if need.held { "" } else { " (MISSING)" }));
    }
    row(
        "kept",
        &if shown.capabilities_kept.is_empty() { "none".into() } else { joined(&shown.capabilities_kept, " ") },
    );
    if let Some(seal) = &shown.seal {
        for line in seal.lines() {
            row("seal", &line);
        }
    }
    row("home", shown.home.as_deref().unwrap_or(""));
    row("workdir", shown.workdir.unwrap_or("as the engine sets it"));
    row("umask", shown.umask.as_deref().unwrap_or("as the engine sets it"));
    if let Some(health) = &shown.health {
        row("health", health);
    }
    for what in shown.held_back {
        row("held back", what);
    }
    for note in shown.notes {
        row("note", note);
    }
    row("program", &shown.program);
    // The debug form is one line for any content, and shows where each argument ends.
    row("command", &format!("{:?}", shown.command));
    page
}

/// A text with the names of secrets in place of their values, which `${…}` may have inserted.
fn masked(text: &str) -> String {
    logger::masked(text).into_owned()
}

fn masked_path(path: &Path) -> String {
    masked(&path.display().to_string())
}

fn masked_words(words: &[CString]) -> Vec<String> {
    words.iter().map(|word| masked(&word.to_string_lossy())).collect()
}

fn step(step: &StepPlan) -> StepShown<'_> {
    StepShown {
        name: &step.name,
        command: masked_words(&step.app.arguments),
        wait: step.wait.as_ref().map(|wait| masked(&wait.question.object())),
        output: step.output.as_deref(),
        timeout: step.timeout.map(|time| Time(time).to_string()),
        optional: step.optional,
        when_exists: exists(&step.exists, true),
        unless_exists: exists(&step.exists, false),
    }
}

/// The path that must (not) exist.
fn exists(exists: &Exists, wanted: bool) -> Option<String> {
    exists.path(wanted).map(masked_path)
}

fn health(plan: &Plan) -> Option<String> {
    let health = plan.health.as_ref()?;
    let question = match &health.question {
        Question::Http { url, .. } => url.clone(),
        Question::Tcp(address) => format!("tcp {address}"),
        Question::Exec(app) => format!("{:?}", masked_words(&app.arguments)),
        Question::File { path, .. } => format!("file {}", path.display()),
    };
    Some(format!("{} within {}", masked(&question), Time(health.timeout)))
}

fn shown<'a>(plan: &'a Plan, held: &Held) -> Shown<'a> {
    let mode = |mode: u32| format!("{mode:04o}");
    Shown {
        role: plan.role.as_ref().map(|(name, _)| name.as_str()),
        role_from: plan.role.as_ref().map(|(_, by)| by.as_str()),
        start: if plan.started_as == StartedAs::Root { "root: hand over, drop, prove" } else { "not root: prove" },
        mode: if plan.supervision.is_some() { "supervise" } else { "exec" },
        uid: plan.target.uid,
        gid: plan.target.gid,
        groups: &plan.target.groups,
        program: program(plan, held),
        command: masked_words(&plan.app.arguments),
        workdir: plan.app.working_directory.as_deref(),
        umask: plan.app.umask.map(mode),
        home: plan.app.environment.get("HOME").map(|home| masked(&String::from_utf8_lossy(home))),
        tmpfs: plan
            .surfaces
            .tmpfs
            .iter()
            .map(|entry| Place {
                path: &entry.path,
                mode: mode(entry.mode),
                size: entry.size.as_deref(),
                recursive: entry.recursive,
            })
            .collect(),
        volumes: plan
            .surfaces
            .volumes
            .iter()
            .map(|entry| VolumeShown { path: masked(&entry.path), recursive: entry.recursive, always: entry.always })
            .collect(),
        directories: plan
            .surfaces
            .directories
            .iter()
            .map(|(path, bits)| DirectoryShown { path: masked_path(path), mode: mode(*bits) })
            .collect(),
        files: plan
            .surfaces
            .files
            .iter()
            .map(|file| FileShown {
                path: masked_path(&file.path),
                template: masked_path(&file.template),
                variables: file.values.iter().map(|(name, _)| name.as_str()).collect(),
                mode: mode(file.mode),
                when_exists: exists(&file.exists, true),
                unless_exists: exists(&file.exists, false),
            })
            .collect(),
        root_steps: plan.steps.as_root.iter().map(step).collect(),
        steps: plan.steps.as_user.iter().map(step).collect(),
        env: &plan.forced,
        health: health(plan),
        held_back: &plan.held_back,
        capabilities: plan
            .needs
            .iter()
            .map(|(need, purpose)| Need { name: need.to_string(), purpose, held: held.permitted.contains(*need) })
            .collect(),
        capabilities_kept: plan.target.keep.names().collect(),
        notes: &plan.notes,
        seal: seal(plan),
    }
}

/// The file that exec would run as the user. A file that a step may create is only printed if there is no other.
fn program(plan: &Plan, held: &Held) -> String {
    let found = || plan.app.program();
    let as_user = match plan.started_as {
        StartedAs::Root if plan.app.programs.len() > 1 => with_rights_of(&plan.target, held, found),
        _ => Ok(found()),
    };
    // Without the capabilities that the plan reports as missing: by root's permissions.
    let shown = as_user.unwrap_or_else(|_| found());
    shown.map(|program| masked(&program.to_string_lossy())).unwrap_or_default()
}

fn seal(plan: &Plan) -> Option<SealShown> {
    let seal = &plan.seal;
    (seal.writes.is_some() || seal.namespaces.is_some()).then(|| SealShown {
        writes: seal.writes.is_some(),
        below: seal.below(&plan.surfaces).iter().map(|path| masked_path(path)).collect(),
        landlock: seal.writes.as_ref().and_then(|writes| writes.landlock.ok()),
        namespaces: seal.namespaces.is_none(),
        optional: seal.optional,
        missing: seal.unavailable().map(|error| error.to_string()).collect(),
    })
}
