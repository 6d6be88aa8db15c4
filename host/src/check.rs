//! `check`: examines everything that a deploy needs and changes nothing. One line each: ok, warn or FAIL, with a fix.

use std::{fs, path::Path, time::Duration};

use serde_json::Value;

use crate::{
    config::Verify,
    deploy, drift,
    failure::{Context, Failure},
    job::{self, Job},
    output::Level,
    place, podman, state, store,
    systemd::{self, Unit},
    tool, verify,
};

const QUICK: Duration = Duration::from_secs(30);
/// The free space that a pull needs.
const SPACE: u64 = 2 << 30;

enum Verdict {
    Ok(String),
    Warn(String, &'static str),
}

/// Whether nothing failed.
pub(crate) fn check(job: &Job) -> bool {
    let mut good = true;
    let mut line = |name: &str, result: Result<Verdict, Failure>| match result {
        Ok(Verdict::Ok(words)) => job.report.note(Level::Ok, name, &words),
        Ok(Verdict::Warn(words, fix)) => job.report.note(Level::Warn, name, &format!("{words}; fix: {fix}")),
        Err(failure) => {
            good = false;
            job.report.note(Level::Fail, name, &failure.with_fix());
        }
    };
    line("podman", version("podman"));
    line("skopeo", version("skopeo"));
    if matches!(&job.config.verify, Verify::Table(table) if table.key.is_some()) {
        line("cosign", version("cosign"));
    }
    line("user manager", manager());
    line("lingering", lingering());
    line("control groups", cgroups());
    line("disk", disk());
    line("configuration", configuration(&job.place.config));
    line("verification", verification(job));
    line("registry", registry(job));
    line("spool", spool(job));
    line("state", store::read(&job.place.state).map(|_| Verdict::Ok(job.place.state.display().to_string())));
    line("pointer", pointer(job));
    let mut units = Vec::new();
    for name in &job.config.units {
        match systemd::unit(name) {
            Ok(unit) => {
                for result in of_unit(job, &unit) {
                    line(&unit.service(), result);
                }
                units.push(unit);
            }
            Err(failure) => line(name, Err(failure)),
        }
    }
    for result in drifts(job, &units) {
        line("drift", result);
    }
    good
}

fn version(program: &str) -> Result<Verdict, Failure> {
    let words = if program == "cosign" { vec!["cosign", "version"] } else { vec![program, "--version"] };
    let text = tool::must(program, &words, QUICK)?;
    let line = text.lines().find(|line| line.contains("ersion")).unwrap_or_default();
    Ok(Verdict::Ok(line.to_owned()))
}

fn manager() -> Result<Verdict, Failure> {
    let output = tool::run(&["systemctl", "--user", "is-system-running"], QUICK)?;
    match output.out.trim() {
        "running" => Ok(Verdict::Ok("running".to_owned())),
        "degraded" => Ok(Verdict::Warn("degraded".to_owned(), "systemctl --user --failed names the units")),
        other => Err(Failure::new("the user's systemd", format!("it is {other:?}; {}", output.complaint()))
            .fix("set XDG_RUNTIME_DIR=/run/user/UID, and loginctl enable-linger")),
    }
}

fn lingering() -> Result<Verdict, Failure> {
    let uid = rustix::process::getuid().as_raw().to_string();
    let output = tool::run(&["loginctl", "show-user", &uid, "--property=Linger", "--value"], QUICK)?;
    if output.out.trim() == "yes" {
        return Ok(Verdict::Ok("yes".to_owned()));
    }
    Err(Failure::new("lingering", "it is off: the app is stopped when the last session ends")
        .fix("loginctl enable-linger"))
}

fn cgroups() -> Result<Verdict, Failure> {
    let format = "{{.Host.CgroupsVersion}} {{.Host.CgroupManager}} {{.Host.Security.Rootless}}";
    let text = tool::must("podman info", &["podman", "info", "--format", format], QUICK)?;
    if text.starts_with("v2 ") {
        return Ok(Verdict::Ok(text));
    }
    Ok(Verdict::Warn(text, "boot with systemd.unified_cgroup_hierarchy=1; limits are not enforced without"))
}

fn disk() -> Result<Verdict, Failure> {
    let root = tool::must("podman info", &["podman", "info", "--format", "{{.Store.GraphRoot}}"], QUICK)?;
    let found = rustix::fs::statvfs(Path::new(&root)).on("look at", &root)?;
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    let words = format!("{} MiB free below {root}", free >> 20);
    Ok(if free < SPACE {
        Verdict::Warn(words, "podman image prune removes what nothing holds")
    } else {
        Verdict::Ok(words)
    })
}

fn configuration(path: &Path) -> Result<Verdict, Failure> {
    let shown = path.display().to_string();
    let found = rustix::fs::stat(path).on("look at", &shown)?;
    if found.st_mode & 0o002 == 0 {
        return Ok(Verdict::Ok(shown));
    }
    Err(Failure::new(&shown, "every user can write to it, and so switch verification off")
        .fix(format!("chmod o-w {shown}")))
}

fn verification(job: &Job) -> Result<Verdict, Failure> {
    match &job.config.verify {
        Verify::None(_) => Ok(Verdict::Warn(
            "verify = \"none\": everyone who can push to the registry can deploy".to_owned(),
            "set [verify] key",
        )),
        Verify::Table(table) => match &table.key {
            Some(key) => {
                let key = verify::roots_alone(key)?;
                let text = fs::read_to_string(&key).on("read", key.display())?;
                if text.contains("BEGIN PUBLIC KEY") {
                    return Ok(Verdict::Ok(format!("key {}", key.display())));
                }
                Err(Failure::new(format!("read {}", key.display()), "it is not a public key")
                    .fix(format!("as root: cosign public-key --key KEY >{}", key.display())))
            }
            None => verify::policy(&job.config.image, None).map(|()| Verdict::Ok(verify::POLICY.to_owned())),
        },
    }
}

fn registry(job: &Job) -> Result<Verdict, Failure> {
    let url = format!("docker://{}", job.config.image);
    let text = tool::must("registry", &["skopeo", "list-tags", &url], QUICK)?;
    let answer: Value = serde_json::from_str(&text).on("read", "the tags that skopeo lists")?;
    let tags = answer.get("Tags").and_then(Value::as_array).map_or(0, Vec::len);
    Ok(Verdict::Ok(format!("{} answers, with {tags} tags", job.config.image)))
}

fn spool(job: &Job) -> Result<Verdict, Failure> {
    let Some(spool) = &job.config.spool else {
        return Ok(Verdict::Ok("not configured: stepdown deploy TAG alone".to_owned()));
    };
    let dir = place::expand(&spool.dir)?;
    let device = |path: &Path| rustix::fs::stat(path).map(|found| found.st_dev).on("look at", path.display());
    if device(&dir)? != device(&place::home()?)? {
        return Err(Failure::new(dir.display().to_string(), "it is on another file system than the home directory")
            .fix("move it there: requests are claimed by rename"));
    }
    let path = format!("stepdown-{}.path", job.place.app);
    let output = tool::run(&["systemctl", "--user", "is-active", &path], QUICK)?;
    if output.out.trim() == "active" {
        return Ok(Verdict::Ok(format!("{}, watched by {path}", dir.display())));
    }
    let fix = "stepdown install prints the units, and the command that starts them";
    Ok(Verdict::Warn(format!("{path} is {}: no request is answered", output.out.trim()), fix))
}

fn pointer(job: &Job) -> Result<Verdict, Failure> {
    let name = job.pointer();
    Ok(match podman::image(&name)? {
        Some(found) => Verdict::Ok(format!("{name} is image {}", state::short(&found.image))),
        None => Verdict::Warn(format!("{name} names no image yet"), "the first deploy sets it"),
    })
}

fn of_unit(job: &Job, unit: &Unit) -> Vec<Result<Verdict, Failure>> {
    let line = &unit.line;
    let words = || format!("{}, runs the pointer, pulls nothing{}{}", unit.active, socket(unit), drop_ins(unit));
    let mut results = vec![job::runs_pointer(&job.pointer(), unit).map(|()| Verdict::Ok(words()))];
    let notify = line.value("--sdnotify").unwrap_or_default();
    if !matches!(notify, "healthy" | "container") {
        let fix = "Notify=healthy, or Notify=true where /init supervises: started then means healthy";
        results.push(Ok(Verdict::Warn(format!("started means only that it runs (--sdnotify={notify})"), fix)));
    }
    if line.value("--health-cmd").is_none() {
        let fix = "HealthCmd= in the Quadlet; /init --render quadlet prints it";
        results.push(Ok(Verdict::Warn("no health check of its own: only restarts are watched".to_owned(), fix)));
    }
    if unit.start_limit == 0 {
        let fix = "StartLimitBurst=5 in [Unit]";
        results.push(Ok(Verdict::Warn("no start limit: a crashing app is restarted without end".to_owned(), fix)));
    }
    if !unit.enabled_at_boot {
        let fix = "WantedBy=default.target in [Install]";
        results.push(Ok(Verdict::Warn("it does not start at boot".to_owned(), fix)));
    }
    if line.flags.iter().any(|flag| flag.name == "--label" && is_auto_update(flag.value.as_deref())) {
        let failure = Failure::new(unit.service(), "AutoUpdate= replaces images without verification");
        results.push(Err(failure.fix("take AutoUpdate= out of the Quadlet")));
    }
    results
}

/// Against the image that serves.
fn drifts(job: &Job, units: &[Unit]) -> Vec<Result<Verdict, Failure>> {
    let found = podman::image(&job.pointer())
        .and_then(|found| found.map_or(Ok(None), |image| deploy::drift_of(job, units, &image.image).map(Some)));
    match found {
        Ok(None) => Vec::new(),
        Ok(Some(lines)) if lines.is_empty() => {
            vec![Ok(Verdict::Ok("the units are as the image renders them".to_owned()))]
        }
        Ok(Some(lines)) => lines.into_iter().map(|line| Ok(Verdict::Warn(line, drift::FIX))).collect(),
        Err(failure) => vec![Ok(Verdict::Warn(failure.line(), drift::FIX))],
    }
}

fn is_auto_update(label: Option<&str>) -> bool {
    label.is_some_and(|label| label.starts_with("io.containers.autoupdate="))
}

fn socket(unit: &Unit) -> &'static str {
    if !unit.sockets.is_empty() { ", its port held by a socket" } else { "" }
}

fn drop_ins(unit: &Unit) -> String {
    if unit.drop_ins.is_empty() { String::new() } else { format!(", with {}", unit.drop_ins.join(", ")) }
}
