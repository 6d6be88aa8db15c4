//! Compares a unit with the one that the image renders: `/init --render quadlet`, through Quadlet's generator.
//!
//! A unit may add the site's own networks, environment, secrets, volumes and labels. A missing flag, another value,
//! more privilege and a shorter timeout are drift.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process,
    time::Duration,
};

use crate::{
    argv::{self, Flag, RunLine},
    failure::{Context, Failure},
    quadlet,
    systemd::Unit,
    tool,
};

const LIMIT: Duration = Duration::from_secs(60);
pub(crate) const FIX: &str = "take the unit from podman run --rm --entrypoint /init IMAGE --render quadlet, with this \
                              site's own settings in drop-ins; or set drift = \"warn\"";

/// Flags that the site chooses, or that Quadlet sets itself.
const SITES: &[&str] = &[
    "--name",
    "--replace",
    "--rm",
    "--detach",
    "--cgroups",
    "--cidfile",
    "--pull",
    "--publish",
    "--hostname",
    "--label",
    "--network",
    "--log-driver",
    "--log-opt",
];
/// Flags that may occur more than once; each value is compared separately.
const REPEATED: &[&str] = &[
    "--cap-add",
    "--cap-drop",
    "--tmpfs",
    "--volume",
    "--secret",
    "--env",
    "--env-file",
    "--security-opt",
    "--ulimit",
];
/// A unit that has one of these without the image asking for it is less confined than the image was checked with.
const PRIVILEGES: &[&str] = &[
    "--cap-add",
    "--privileged",
    "--device",
    "--group-add",
    "--userns",
    "--pid",
    "--ipc",
    "--cgroupns",
    "--unsetenv-all",
];

/// One service of the rendering.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rendered {
    name: String,
    line: RunLine,
    start: Option<Duration>,
    stop: Option<Duration>,
    /// The ports of its `.socket`.
    ports: Vec<String>,
}

const WHAT: &str = "render the image's units";

/// What the image prints of its units.
pub(crate) fn page(image: &str, label: &str) -> Result<String, Failure> {
    let label = format!("--label={label}");
    let argv = [
        "podman",
        "run",
        "--rm",
        "--pull=never",
        "--network=none",
        "--cap-drop=all",
        "--read-only",
        "--log-driver=none",
        "--no-healthcheck",
        &label,
        "--entrypoint=/init",
        image,
        "--render",
        "quadlet",
        "--image",
        "localhost/rendered",
    ];
    tool::must(WHAT, &argv, LIMIT).map_err(|failure| failure.fix("build the image with the current /init"))
}

/// What the image asks for, a service for each role.
pub(crate) fn rendering(page: &str) -> Result<Vec<Rendered>, Failure> {
    let unusable = |reason| Failure::new(WHAT, reason).fix("build the image with the current /init");
    let parts = parts(page).map_err(unusable)?;
    // XDG_RUNTIME_DIR is private to the user. An existing folder is an error.
    let folder = env::var_os("XDG_RUNTIME_DIR").map_or_else(env::temp_dir, PathBuf::from);
    let folder = folder.join(format!("stepdown-rendered-{}", process::id()));
    fs::create_dir(&folder).on("make", folder.display())?;
    let generated = generate(&parts, &folder);
    fs::remove_dir_all(&folder).on("remove", folder.display())?;
    parse(&generated?, &parts).map_err(unusable)
}

/// The files of a rendering by name: `NAME.container` and `NAME.socket`.
fn parts(text: &str) -> Result<BTreeMap<String, String>, String> {
    let mut files = BTreeMap::new();
    for part in format!("{text}\n").split("\n---\n") {
        let name = part.lines().find_map(|line| line.strip_prefix("# FileName="));
        let name = name.ok_or("a part has no FileName")?;
        let word = |c: char| c.is_ascii_alphanumeric() || "_-.@".contains(c);
        if name.is_empty() || name.starts_with('.') || !name.chars().all(word) {
            return Err(format!("the file name {name:?} is not a unit's"));
        }
        let name = if name.ends_with(".socket") { name.to_owned() } else { format!("{name}.container") };
        files.insert(name, part.to_owned());
    }
    Ok(files)
}

fn generate(files: &BTreeMap<String, String>, folder: &Path) -> Result<String, Failure> {
    for (name, text) in files.iter().filter(|(name, _)| name.ends_with(".container")) {
        let path = folder.join(name);
        fs::write(&path, text).on("write", path.display())?;
    }
    let output = quadlet::generate(Some(folder))?;
    let fix = "build the image with an /init whose units this Podman supports, or install a newer Podman";
    if output.ok() { Ok(output.out) } else { Err(Failure::new("run Quadlet's generator", output.complaint()).fix(fix)) }
}

fn parse(generated: &str, files: &BTreeMap<String, String>) -> Result<Vec<Rendered>, String> {
    let mut services = Vec::new();
    for unit in generated.split("\n---").map(|unit| unit.trim_start_matches("---")) {
        let Some((name, text)) = unit.split_once(".service---\n") else { continue };
        let setting = |key: &str| values(text, key).last().copied();
        let start = setting("ExecStart").ok_or_else(|| format!("{name}: no ExecStart"))?;
        let words = argv::resolve(&argv::split(start)?, &BTreeMap::new())?;
        let seconds = |key: &str| setting(key).and_then(|value| value.parse().ok()).map(Duration::from_secs);
        let socket = files.get(&format!("{name}.socket")).map(String::as_str).unwrap_or_default();
        services.push(Rendered {
            name: name.to_owned(),
            line: RunLine::parse(&words)?,
            start: seconds("TimeoutStartSec"),
            stop: seconds("TimeoutStopSec"),
            ports: values(socket, "ListenStream").into_iter().map(|address| port(address).to_owned()).collect(),
        });
    }
    if services.is_empty() { Err("the generator made no service".to_owned()) } else { Ok(services) }
}

fn values<'a>(text: &'a str, key: &str) -> Vec<&'a str> {
    text.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('=')).collect()
}

fn port(address: &str) -> &str {
    address.rsplit(':').next().unwrap_or(address)
}

/// How the unit differs from the service of its role; a line each.
pub(crate) fn differences(unit: &Unit, rendered: &[Rendered]) -> Vec<String> {
    let Some(wanted) = service(unit, rendered) else {
        let names: Vec<&str> = rendered.iter().map(|one| one.name.as_str()).collect();
        return vec![format!("the image has no service for it: it renders {}", names.join(", "))];
    };
    let mut found = flags(&unit.line, &wanted.line);
    if unit.line.command != wanted.line.command {
        found.push("its command is not the one that the image renders".to_owned());
    }
    for (name, asked, given) in
        [("TimeoutStartSec", wanted.start, unit.start_timeout), ("TimeoutStopSec", wanted.stop, unit.stop_timeout)]
    {
        if let Some(asked) = asked.filter(|asked| given < *asked) {
            found.push(format!("{name} is {given:?}, the image asks for {asked:?}"));
        }
    }
    let held: Vec<&str> = unit.listening.iter().map(|address| port(address)).collect();
    for port in wanted.ports.iter().filter(|port| !held.contains(&port.as_str())) {
        found.push(format!("no socket holds port {port}: the image renders {}.socket", wanted.name));
    }
    found
}

/// Of the same role, by the environment that the rendering sets; several of one role by name.
fn service<'a>(unit: &Unit, rendered: &'a [Rendered]) -> Option<&'a Rendered> {
    let own = all(&unit.line, "--env");
    let fits = |one: &&Rendered| all(&one.line, "--env").iter().all(|env| own.contains(env));
    let base = unit.name.split('@').next().unwrap_or_default();
    let fitting: Vec<&Rendered> = rendered.iter().filter(fits).collect();
    fitting.iter().find(|one| one.name == base).or_else(|| fitting.first()).copied()
}

fn all<'a>(line: &'a RunLine, name: &str) -> Vec<&'a str> {
    line.flags.iter().filter(|flag| flag.name == name).filter_map(|flag| flag.value.as_deref()).collect()
}

fn flags(own: &RunLine, wanted: &RunLine) -> Vec<String> {
    let mut found = Vec::new();
    for flag in wanted.flags.iter().filter(|flag| !SITES.contains(&flag.name.as_str())) {
        if own.flags.iter().any(|one| same(one, flag)) {
            continue;
        }
        let other = own.flags.iter().rev().find(|one| {
            one.name == flag.name && (!REPEATED.contains(&flag.name.as_str()) || subject(one) == subject(flag))
        });
        found.push(match other {
            Some(other) => format!("it has {}, the image asks for {}", shown(other), shown(flag)),
            None => format!("it lacks {}", shown(flag)),
        });
    }
    for flag in &own.flags {
        let loose = PRIVILEGES.contains(&flag.name.as_str())
            || flag.name == "--security-opt" && flag.value.as_deref().is_some_and(is_loosening);
        if loose && !wanted.flags.iter().any(|one| same(one, flag)) {
            found.push(format!("it has {}, which the image does not ask for", shown(flag)));
        }
    }
    found
}

fn is_loosening(option: &str) -> bool {
    ["label", "unmask", "seccomp", "apparmor", "proc-opts"].iter().any(|name| option.starts_with(name))
}

/// Whether two flags mean the same. The site chooses the path of a file of variables.
fn same(one: &Flag, other: &Flag) -> bool {
    one.name == other.name && (one.name == "--env-file" || plain(one) == plain(other))
}

fn plain(flag: &Flag) -> String {
    let value = flag.value.as_deref().unwrap_or("true");
    match flag.name.as_str() {
        "--cap-add" | "--cap-drop" => value.to_ascii_lowercase().trim_start_matches("cap_").to_owned(),
        "--security-opt" => value.replacen(':', "=", 1),
        "--tmpfs" => {
            let (path, options) = value.split_once(':').unwrap_or((value, ""));
            let mut options: Vec<&str> = options.split(',').collect();
            options.sort_unstable();
            format!("{path}:{}", options.join(","))
        }
        // The site names its volumes; the image decides where they are mounted.
        "--volume" => subject(flag).to_owned(),
        _ => value.to_owned(),
    }
}

/// What a flag that may be given several times is about.
fn subject(flag: &Flag) -> &str {
    let value = flag.value.as_deref().unwrap_or_default();
    match flag.name.as_str() {
        "--tmpfs" => value.split(':').next().unwrap_or_default(),
        "--volume" => value.split(':').nth(1).unwrap_or(value),
        "--env" | "--security-opt" | "--ulimit" => value.split('=').next().unwrap_or_default(),
        "--secret" => value.split(',').next().unwrap_or_default(),
        _ => value,
    }
}

/// Values of the environment may be secret: only the name is shown.
fn shown(flag: &Flag) -> String {
    if flag.name == "--env" { format!("--env {}", subject(flag)) } else { flag.word() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RENDERED: &str = "podman run --name web --replace --rm --cgroups=split --sdnotify=container -d \
                            --cap-drop=all --cap-add=chown --read-only --security-opt=no-new-privileges \
                            --tmpfs=/tmp:rw,size=64m --env ROLE=web --memory=256m --volume=data:/data \
                            --env-file=web.env img";

    fn line(text: &str) -> RunLine {
        RunLine::parse(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).unwrap()
    }

    fn rendered() -> Vec<Rendered> {
        let start = Some(Duration::from_secs(60));
        vec![Rendered {
            name: "web".to_owned(),
            line: line(RENDERED),
            start,
            stop: None,
            ports: vec!["8000".to_owned()],
        }]
    }

    fn unit(text: &str) -> Unit {
        Unit {
            name: "web".to_owned(),
            line: line(text),
            active: "active".to_owned(),
            sockets: Vec::new(),
            listening: vec!["127.0.0.1:8000".to_owned()],
            start_timeout: Duration::from_secs(60),
            stop_timeout: Duration::MAX,
            enabled_at_boot: true,
            drop_ins: Vec::new(),
            start_limit: 5,
            memory: None,
        }
    }

    #[test]
    fn settings_of_the_site_are_not_drift() {
        let own = "podman run --name app-web --cap-drop=ALL --cap-add CAP_CHOWN --read-only -d --sdnotify=container \
                   --security-opt=no-new-privileges --tmpfs /tmp:size=64m,rw -e ROLE=web -e DATABASE=x -m 256m \
                   -v /srv/data:/data:Z --env-file /home/app/web.env --secret db --network app -p 80:80 img";
        assert_eq!(differences(&unit(own), &rendered()), Vec::<String>::new());
    }

    #[test]
    fn missing_different_and_added_flags_are_reported() {
        let own = RENDERED.replace("--read-only ", "").replace("256m", "512m").replace("size=64m", "size=1g").replace(
            "--cap-add=chown",
            "--cap-add=chown --cap-add=net_admin --security-opt=label=disable --privileged",
        );
        let mut own = unit(&own);
        own.start_timeout = Duration::from_secs(30);
        own.listening.clear();
        assert_eq!(
            differences(&own, &rendered()),
            [
                "it lacks --read-only",
                "it has --tmpfs=/tmp:rw,size=1g, the image asks for --tmpfs=/tmp:rw,size=64m",
                "it has --memory=512m, the image asks for --memory=256m",
                "it has --cap-add=net_admin, which the image does not ask for",
                "it has --security-opt=label=disable, which the image does not ask for",
                "it has --privileged, which the image does not ask for",
                "TimeoutStartSec is 30s, the image asks for 60s",
                "no socket holds port 8000: the image renders web.socket",
            ]
        );
    }

    #[test]
    fn unit_of_an_unknown_role_is_reported() {
        let own = unit(&RENDERED.replace("ROLE=web", "ROLE=cron"));
        assert_eq!(differences(&own, &rendered()), ["the image has no service for it: it renders web"]);
    }

    #[test]
    fn parts_are_named_by_their_files_and_sockets_are_parts() {
        let page = "# FileName=web\n[Container]\nImage=i\n\n---\n\
                    # FileName=web.socket\n[Socket]\nListenStream=127.0.0.1:8000\n";
        let files = parts(page).unwrap();
        assert_eq!(files.keys().collect::<Vec<_>>(), ["web.container", "web.socket"]);
        let generated = "quadlet-generator[1]: Loading\n---web.service---\n[Service]\nTimeoutStartSec=38\n\
                         ExecStart=/usr/bin/podman run --name web --env \"A=b c\" img\n";
        let services = parse(generated, &files).unwrap();
        assert_eq!(
            (services.len(), &services[0].ports, services[0].start),
            (1, &vec!["8000".to_owned()], Some(Duration::from_secs(38)))
        );
        assert_eq!(services[0].line.value("--env"), Some("A=b c"));
        for bad in ["", "# FileName=../x\n", "# FileName=\n", "[Container]\n"] {
            assert!(parts(bad).is_err(), "{bad}");
        }
    }
}
