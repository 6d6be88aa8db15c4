//! The machine: a registry with signed images of the four-role app, its Quadlets, and stepdown.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::{
        Mutex, MutexGuard, OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

use crate::MACHINE;

pub(crate) const STEPDOWN: &str = "/home/app/.local/bin/stepdown";
pub(crate) const CONFIG_FILE: &str = ".config/stepdown/app.toml";
pub(crate) const STATE: &str = "/home/app/.local/state/stepdown/app";
pub(crate) const IMAGE: &str = "127.0.0.1:5000/app";

pub(crate) struct Stand {
    home: PathBuf,
    _turn: Option<MutexGuard<'static, ()>>,
}

pub(crate) fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

pub(crate) fn lab(words: &[&str]) -> Command {
    let mut command = Command::new(top().join("tests/lab/systemd"));
    command.args(words);
    command
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// What a command said and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    pub(crate) fn last(&self) -> &str {
        self.out.lines().last().unwrap_or_default()
    }
}

fn said(mut command: Command) -> Said {
    said_by(&command.stdin(Stdio::null()).output().unwrap())
}

pub(crate) fn said_by(output: &Output) -> Said {
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    Said { code: output.status.code().unwrap_or(-1), out: text(output), err }
}

/// None where there is no root, unless the run must have everything.
pub(crate) fn stand() -> Option<Stand> {
    static TURN: Mutex<()> = Mutex::new(());
    static HOME: OnceLock<PathBuf> = OnceLock::new();
    if !rustix::process::geteuid().is_root() {
        assert!(std::env::var_os("STEPDOWN_MUST_RUN").is_none(), "only root can boot the machine of these tests");
        eprintln!("SKIP: only root can boot the machine of these tests");
        return None;
    }
    let turn = TURN.lock().unwrap_or_else(|broken| broken.into_inner());
    let home = HOME.get_or_init(boot).clone();
    Some(Stand { home, _turn: Some(turn) })
}

fn boot() -> PathBuf {
    assert!(lab(&["stop", MACHINE]).status().unwrap().success());
    assert!(lab(&["start", MACHINE]).status().unwrap().success());
    let home = PathBuf::from(said(lab(&["home", MACHINE])).out);
    let stand = Stand { home: home.clone(), _turn: None };
    stand.install();
    home
}

const CONFIG: &str = "\
image = \"127.0.0.1:5000/app\"
units = [\"web\", \"worker\", \"beat\", \"flower\"]
[verify]
key = \"/etc/containers/cosign-app.pub\"
[gate]
pre = [\"podman\", \"run\", \"--rm\", \"--entrypoint\", \"/init\", \"{image}\", \"--version\"]
[cutover]
soak = \"2s\"
timeout = \"30s\"
[retire]
keep = 2
[spool]
dir = \"%h/runner-data\"
";

impl Stand {
    fn install(&self) {
        let init = std::env::var("STEPDOWN_INIT")
            .map_or_else(|_| top().join("target").join("x86_64-unknown-linux-musl/release/init"), PathBuf::from);
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let program = std::env::var("STEPDOWN_HOST").unwrap_or(env!("CARGO_BIN_EXE_stepdown").to_owned());
        self.copy(Path::new(&program), ".local/bin/stepdown");
        self.copy(&init, "base/init");
        self.copy(&app(), "base/app");
        self.copy(&here.join("tests/app/init.toml"), "base/init.toml");
        self.write(
            "base/Containerfile",
            "FROM scratch\nCOPY --chmod=0711 init /init\nCOPY --chmod=0755 app /app\n\
             COPY --chmod=0644 init.toml /etc/init.toml\nENTRYPOINT [\"/init\"]\n",
        );
        fs::create_dir_all(self.home.join("runner-data/new")).unwrap();
        self.own();
        for key in ["good", "other"] {
            self.shell(&format!("COSIGN_PASSWORD= cosign generate-key-pair --output-key-prefix {key}"));
        }
        self.root("install -m 0644 /home/app/good.pub /etc/containers/cosign-app.pub");
        // A container keeps it from the pruning that a test does.
        self.shell("podman build -q -t localhost/base base && podman create --name base localhost/base");
        self.write_units();
        // The units of the trigger's face, as `install` prints them.
        self.shell(&format!("{STEPDOWN} --app app install --dir /home/app"));
        self.write(CONFIG_FILE, CONFIG);
        self.own();
        self.shell(
            "systemctl --user daemon-reload && systemctl --user enable --now web.socket stepdown-app.path \
             stepdown-app.service",
        );
    }

    /// The Quadlets and the socket that the image itself renders.
    fn write_units(&self) {
        let page = self.shell(
            "podman run --rm --network none --entrypoint /init localhost/base \
             --render quadlet --image localhost/stepdown/app:current",
        );
        for part in format!("{page}\n").split("\n---\n") {
            let name = part.lines().next().and_then(|line| line.strip_prefix("# FileName=")).unwrap();
            let path = match name.strip_suffix(".socket") {
                Some(_) => format!(".config/systemd/user/{name}"),
                None => format!(".config/containers/systemd/{name}.container"),
            };
            self.write(&path, part);
        }
        self.own();
    }

    pub(crate) fn copy(&self, from: &Path, to: &str) {
        let to = self.home.join(to);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, &to).unwrap_or_else(|error| panic!("copy {}: {error}", from.display()));
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.home.join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.home.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// What is written from outside belongs to the account.
    pub(crate) fn own(&self) {
        self.root("chown -R --from=0 1000:1000 /home/app");
    }

    pub(crate) fn user(&self, words: &[&str]) -> Said {
        let mut all = vec!["user", MACHINE];
        all.extend_from_slice(words);
        said(lab(&all))
    }

    pub(crate) fn root(&self, line: &str) -> String {
        let said = said(lab(&["root", MACHINE, "sh", "-c", line]));
        assert_eq!(said.code, 0, "{line}: {said:?}");
        said.out
    }

    pub(crate) fn in_it(&self, words: &[&str]) -> Command {
        let mut all = vec!["root", MACHINE];
        all.extend_from_slice(words);
        lab(&all)
    }

    pub(crate) fn shell(&self, line: &str) -> String {
        let said = self.user(&["sh", "-c", line]);
        assert_eq!(said.code, 0, "{line}: {said:?}");
        said.out
    }

    pub(crate) fn stepdown(&self, words: &[&str]) -> Said {
        let mut all = vec![STEPDOWN];
        all.extend_from_slice(words);
        self.user(&all)
    }

    /// Builds and pushes a version, signed with a key or not; its tag is new.
    pub(crate) fn publish(&self, behaviour: &str, key: Option<&str>) -> String {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let tag = format!("v{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let sign = key.map(|key| {
            format!(
                " && COSIGN_PASSWORD= cosign sign --yes --key {key}.key --use-signing-config=false \
                 --new-bundle-format=false --tlog-upload=false \
                 {IMAGE}@$(skopeo inspect --no-tags --format '{{{{.Digest}}}}' docker://{IMAGE}:{tag})"
            )
        });
        self.push(&tag, &tag, behaviour, &sign.unwrap_or_default());
        tag
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn push(&self, tag: &str, version: &str, behaviour: &str, then: &str) {
        self.write("version/version", version);
        self.write("version/behaviour", behaviour);
        // /init of this version refuses to boot: no unit sets the variable.
        let require = if behaviour == "refused" { "\n[[require]]\nenv = \"NEEDED\"\n" } else { "" };
        self.write("version/init.toml", &format!("{}{require}", include_str!("../app/init.toml")));
        let containerfile = match behaviour {
            "bare" => "FROM scratch\nCOPY --from=localhost/base /app /app\nENTRYPOINT [\"/app\"]\n",
            _ => "FROM localhost/base\nCOPY --chmod=0644 version behaviour init.toml /etc/\n",
        };
        self.write("version/Containerfile", containerfile);
        self.own();
        self.shell(&format!(
            "podman build -q -t {IMAGE}:{tag} version && podman push -q {IMAGE}:{tag} && \
             podman rmi -f {IMAGE}:{tag}{then}"
        ));
    }

    /// Points a tag at another image, which nobody signed.
    pub(crate) fn move_tag(&self, tag: &str, behaviour: &str) {
        self.push(tag, "moved", behaviour, "");
    }

    /// A good version that serves: the tests that need one start from here.
    pub(crate) fn serving(&self) -> String {
        if let Some(tag) = self.now_serving() {
            return tag;
        }
        let tag = self.publish("good", Some("good"));
        let said = self.stepdown(&["deploy", &tag]);
        assert_eq!(said.code, 0, "{said:?}");
        tag
    }

    fn now_serving(&self) -> Option<String> {
        let said = self.stepdown(&["status", "--json"]);
        let status: serde_json::Value = serde_json::from_str(&said.out).unwrap();
        let tag = status.pointer("/state/serving/tag")?.as_str()?.to_owned();
        let healthy = self.user(&["podman", "exec", "web", "/init", "--health"]).code == 0;
        healthy.then_some(tag)
    }

    /// The container and the image of each role, and the pointer's image.
    pub(crate) fn picture(&self) -> String {
        self.shell(
            "podman inspect --format '{{.Name}} {{.Id}} {{.Image}}' web worker beat flower; \
             podman image inspect --format '{{.Id}}' localhost/stepdown/app:current",
        )
    }

    /// Every role runs the pointer's image.
    pub(crate) fn consistent(&self) -> bool {
        let picture = self.picture();
        let mut images = picture.lines().map(|line| line.rsplit(' ').next().unwrap());
        let first = images.next().unwrap();
        picture.lines().count() == 5 && images.all(|image| image == first)
    }

    pub(crate) fn answers(&self) -> String {
        self.shell(
            "python3 -c 'import urllib.request as u; print(u.urlopen(\"http://127.0.0.1:8000/\").read().decode())'",
        )
    }

    pub(crate) fn reboot(&self) {
        assert!(lab(&["reboot", MACHINE]).status().unwrap().success());
    }
}

/// A file that is as it was before, or gone, once this ends: a test that fails must not fail the next one.
pub(crate) struct Edited<'a> {
    stand: &'a Stand,
    name: &'static str,
    before: Option<String>,
}

impl Stand {
    pub(crate) fn edit(&self, name: &'static str, text: &str) -> Edited<'_> {
        let before = fs::read_to_string(self.path(name)).ok();
        self.write(name, text);
        self.own();
        self.shell("systemctl --user daemon-reload");
        Edited { stand: self, name, before }
    }
}

impl Drop for Edited<'_> {
    fn drop(&mut self) {
        match &self.before {
            Some(text) => self.stand.write(self.name, text),
            None => fs::remove_file(self.stand.path(self.name)).unwrap(),
        }
        self.stand.own();
        self.stand.user(&["systemctl", "--user", "daemon-reload"]);
    }
}

/// Built here: a run of one test binary would leave an old one.
fn app() -> PathBuf {
    let beside = Path::new(env!("CARGO_BIN_EXE_stepdown")).parent().unwrap();
    let release = beside.ends_with("release").then_some("--release");
    build(&["--example", "app"], release);
    beside.join("examples/app")
}

/// The program as it is installed: without debug assertions.
pub(crate) fn release() -> PathBuf {
    build(&["--bin", "stepdown"], Some("--release"));
    let profiles = Path::new(env!("CARGO_BIN_EXE_stepdown")).parent().unwrap().parent().unwrap();
    profiles.join("release/stepdown")
}

fn build(what: &[&str], release: Option<&str>) {
    let triple = format!("{}-unknown-linux-musl", std::env::consts::ARCH);
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--locked", "--package", "stepdown-host", "--target", &triple]);
    assert!(cargo.args(what).args(release).current_dir(top()).status().unwrap().success());
}
