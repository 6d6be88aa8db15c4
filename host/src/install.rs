//! `install`: prints a path unit, a service and an example configuration.

use std::{
    fs::{self, OpenOptions},
    io::{Write, stdout},
    path::Path,
    process::ExitCode,
};

use crate::failure::{Context, Failure};

const PATH: &str = "\
# Starts the service when CI writes a request.
[Unit]
Description=Requests to deploy APP

[Path]
PathExists=%h/runner-data/deploy-trigger
DirectoryNotEmpty=%h/runner-data/new

[Install]
WantedBy=default.target
";

const SERVICE: &str = "\
# Answers the waiting requests. At boot it restores the previous image after an interrupted deploy.
[Unit]
Description=Deploy APP
Wants=network-online.target
After=network-online.target
# Each start answers the waiting requests. A start limit would leave requests without an answer.
StartLimitIntervalSec=0

[Service]
Type=oneshot
ExecStart=%h/.local/bin/stepdown --app APP deploy --trigger
# Refused and rolled back are answers, not failures of the service.
SuccessExitStatus=1
# After SIGKILL it restores without a person. Stuck and a wrong configuration need one.
Restart=on-failure
RestartSec=5s
RestartPreventExitStatus=2 64 78
TimeoutStartSec=infinity
# Stopped during a deploy, it ends its step and restores what served.
KillMode=mixed
TimeoutStopSec=5min

[Install]
WantedBy=default.target
";

const CONFIG: &str = "\
#:schema ./stepdown.schema.json
image = \"registry.example/app\"            # without tag
units = [\"web\", \"worker\", \"beat\", \"flower\"]   # in the order of cutover; rolled back in reverse

[verify]
key = \"/etc/containers/cosign-APP.pub\"    # root's; or policy = true: /etc/containers/policy.json decides at the pull

[gate]
# full | init | off; a worker in full mode takes jobs, and a scheduler schedules
mode = { worker = \"init\", beat = \"init\" }
# env = { DATABASE_URL = \"postgres://gate@db/gate\" }   # what differs in the gate
# pre = [\"podman\", \"run\", \"--rm\", \"--network=app\", \"{image}\", \"python\", \"manage.py\", \"migrate\"]
timeout = \"180s\"

[cutover]
timeout = \"120s\"                          # for each unit, until it is healthy
# soak = \"45s\"                            # default: the longest start period and three intervals

[retire]
keep = 2

[spool]
dir = \"%h/runner-data\"
";

pub(crate) fn install(dir: Option<&Path>, app: Option<&str>) -> Result<ExitCode, Failure> {
    let app = app.unwrap_or("app");
    let files = [
        (format!(".config/systemd/user/stepdown-{app}.path"), PATH),
        (format!(".config/systemd/user/stepdown-{app}.service"), SERVICE),
        (format!(".config/stepdown/{app}.toml"), CONFIG),
    ];
    let mut out = stdout();
    for (name, text) in files {
        let text = text.replace("APP", app);
        match dir {
            None => {
                let _ = writeln!(out, "# ~/{name}\n{text}");
            }
            Some(dir) => write(&dir.join(name), &text)?,
        }
    }
    let next = format!(
        "systemctl --user daemon-reload && systemctl --user enable --now stepdown-{app}.path stepdown-{app}.service"
    );
    let _ = writeln!(out, "# then: mkdir -p ~/runner-data/new && {next}");
    Ok(ExitCode::SUCCESS)
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).on("make", folder.display())?;
    }
    let file = OpenOptions::new().write(true).create_new(true).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).on("write", path.display())
}
