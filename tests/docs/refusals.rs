//! The boots whose refusals docs/errors.md shows, by subject.

use libc::{EAGAIN, ENOSYS, EPERM};

use crate::support::capability::{FOUR, SETPCAP};
use crate::support::protocol::{Content, Kind, Stream};
use crate::support::sandbox::{Sandbox, sandbox};

/// A cause, and a boot with it.
pub struct Refusal {
    pub cause: &'static str,
    pub boot: Sandbox,
}

fn refusal(cause: &'static str, boot: Sandbox) -> Refusal {
    Refusal { cause, boot }
}

const APP: &str = "user = \"1001:1001\"
home = \"/home/app\"

[[tmpfs]]
path = \"/home/app\"
size = \"16m\"

[roles.web]
command = [\"gunicorn\", \"app:app\"]
health = { tcp = \"127.0.0.1:8000\" }
[roles.worker]
command = [\"celery\", \"-A\", \"app\", \"worker\"]
";

/// The app of the pages: two roles, and a tmpfs that is their home.
fn app() -> Sandbox {
    bare().tmpfs("/home/app")
}

/// The same without the mounts.
fn bare() -> Sandbox {
    sandbox()
        .file_mode("/usr/bin/gunicorn", Content::Witness, 0o755)
        .file_mode("/usr/bin/celery", Content::Witness, 0o755)
        .config(APP)
        .words::<&str>([])
        .env("ROLE=web")
}

/// The app with more at the end of its configuration, where tables are.
fn with(text: &str) -> Sandbox {
    app().config(format!("{APP}{text}"))
}

/// The app with more at the top of its configuration.
fn above(text: &str) -> Sandbox {
    app().config(format!("{text}{APP}"))
}

/// A program that the configuration names, by its text.
fn script(text: &str) -> Content {
    Content::Bytes(text.into())
}

/// The sections of the page.
pub fn groups() -> Vec<(&'static str, Vec<Refusal>)> {
    vec![
        ("Command line and environment", command_line()),
        ("Configuration", configuration()),
        ("Users and groups", users()),
        ("Roles and commands", roles()),
        ("Variables and secrets", variables()),
        ("Root and capabilities", root()),
        ("Mount points, volumes and directories", surfaces()),
        ("Steps", steps()),
        ("The drop and its proof", drop()),
        ("The seal", seal()),
        ("The process", process()),
    ]
}

fn command_line() -> Vec<Refusal> {
    vec![
        refusal("an option without its argument", app().words(["--role"])),
        refusal("a mistyped gate", app().env("BOOT_CHECK_ONLY=true")),
        refusal("a mistyped log level", app().env("INIT_LOG=verbose")),
    ]
}

fn configuration() -> Vec<Refusal> {
    let named = ["--config", "/etc/app.toml", "gunicorn"];
    let writable = app().owned("/etc/init.toml", Kind::File(Content::Bytes(APP.into())), (1001, 1001), 0o644);
    let writable = writable.with(|spec| spec.read_only = false);
    vec![
        refusal("a mistyped key", app().config("[[tmpfs]]\npath = \"/home/app\"\nmod = \"0700\"\n")),
        refusal("not TOML", app().config("user = app\n")),
        refusal("another encoding", app().file("/etc/init.toml", b"user = \"app\" # caf\xe9\n".to_vec())),
        refusal("a wrong value", app().config("[boot_check]\ntimeout = 30\n")),
        refusal("a role that does not exist", with("[[volume]]\npath = \"/data\"\nroles = [\"wbe\"]\n")),
        refusal("the named file is not there", app().words(named)),
        refusal("the named file is a directory", app().node("/etc/app.toml", Kind::Directory).words(named)),
        refusal("the app's user can write to it", writable),
        refusal(
            "a format of --render cannot express it",
            with("[limits]\npids = 100\n").words(["--render", "kubernetes"]),
        ),
    ]
}

fn users() -> Vec<Refusal> {
    vec![
        refusal("an unknown user", app().words(["--user", "bogus", "gunicorn"])),
        refusal("root", app().config(APP.replace("1001:1001", "0"))),
        refusal("an unknown group", above("groups = [\"render\"]\n")),
        refusal(
            "/etc/passwd cannot be read",
            app().node("/etc/passwd", Kind::Symlink("/etc".into())).config(APP.replace("1001:1001", "app")),
        ),
    ]
}

fn roles() -> Vec<Refusal> {
    let script = |text: &str| app().file_mode("/usr/bin/gunicorn", script(text), 0o755);
    vec![
        refusal("an unknown role", app().with(|spec| spec.env.retain(|entry| entry != b"ROLE=web")).env("ROLE=wbe")),
        refusal("no role", app().with(|spec| spec.env.retain(|entry| entry != b"ROLE=web"))),
        refusal("neither a role nor a command", sandbox().words::<&str>([])),
        refusal("a role without a health check", app().words(["--health", "--role", "worker"])),
        refusal("--health without a role", sandbox().words(["--health"])),
        refusal("--exec where no app runs", app().words(["--exec", "gunicorn"])),
        refusal("the command is not in the image", app().words(["guincorn"])),
        refusal("the command is not executable", app().file_mode("/usr/bin/gunicorn", Content::Witness, 0o644)),
        refusal("its interpreter is not in the image", script("#!/opt/venv/bin/python\n")),
        refusal("the working directory is not in the image", above("workdir = \"/app\"\n")),
    ]
}

fn variables() -> Vec<Refusal> {
    let used = "[secrets]\nALLOWED = '/data/allowed'\n\
        [[root_step]]\nname = 'firewall'\ncommand = ['allow', '${ALLOWED}']\n";
    let require = "[[require]]\nenv = \"OPENAI_API_KEY\"\nhint = \"Add it to the env file given to podman run.\"\n";
    vec![
        refusal("a required variable is missing", with(require)),
        refusal(
            "a refused variable is set",
            with("[[refuse]]\nenv = 'DJANGO_DEBUG'\nvalue = ['1', 'true']\n").env("DJANGO_DEBUG=1"),
        ),
        refusal("the same without a hint", with("[[require]]\nenv = \"OPENAI_API_KEY\"\n")),
        refusal("an expansion without a value", with("[env]\nDATABASE = \"${DB_NAME}\"\n")),
        refusal("an expansion with a message", with("[env]\nDATABASE = \"${DB_NAME:?name the database}\"\n")),
        refusal("a secret's file is missing", with("[secrets]\nDB_PASSWORD = \"/run/secrets/db_password\"\n")),
        refusal(
            "a root step uses a secret that the app could have written",
            with(used).owned("/data", Kind::Directory, (1001, 1001), 0o755).owned(
                "/data/allowed",
                Kind::File(Content::Bytes(b"10.0.0.0/8\n".to_vec())),
                (1001, 1001),
                0o644,
            ),
        ),
    ]
}

fn root() -> Vec<Refusal> {
    let step = "[[root_step]]\nname = \"egress firewall\"\ncommand = [\"nft\", \"-f\", \"/etc/egress.nft\"]\n";
    let nft = |sandbox: Sandbox| sandbox.file_mode("/usr/bin/nft", Content::Witness, 0o755);
    let rules = Kind::File(Content::Bytes(b"flush ruleset\n".to_vec()));
    vec![
        refusal("a capability is missing", app().capabilities(FOUR & !SETPCAP)),
        refusal("started as non-root, and there are root steps", nft(with(step)).user(1001, 1001, 0)),
        refusal(
            "the app's user can write to a file that a root step obeys",
            nft(with(step)).owned("/etc/egress.nft", rules, (1001, 1001), 0o644).with(|spec| spec.read_only = false),
        ),
        refusal("/init is installed set-user-ID", app().owned("/init", Kind::File(Content::Init), (0, 0), 0o4755)),
    ]
}

fn surfaces() -> Vec<Refusal> {
    let file = "[[file]]\npath = \"/etc/nginx.conf\"\ntemplate = \"/etc/nginx.conf.template\"\n";
    let below = "[[file]]\npath = \"/home/app/etc/nginx.conf\"\ntemplate = \"/etc/nginx.conf.template\"\n";
    let directory = "[[directory]]\npath = \"/var/cache/app\"\n";
    let linked = APP.replace("path = \"/home/app\"", "path = \"/link\"");
    let link = Kind::Symlink("/target".into());
    let owned = |path: &str, kind: Kind| {
        app().config(format!("{APP}[[directory]]\npath = \"{path}\"\n")).owned(path, kind, (1002, 1002), 0o755)
    };
    let sticky = with(&file.replace("/etc/nginx.conf\"", "/tmp/nginx.conf\""))
        .file("/etc/nginx.conf.template", b"")
        .owned("/tmp", Kind::Tmpfs, (0, 0), 0o1777)
        .owned("/tmp/nginx.conf", Kind::File(Content::Bytes(Vec::new())), (1002, 1002), 0o644);
    let unmapped = app().config(APP.replace("1001:1001", "70000:70000"));
    vec![
        refusal("the tmpfs is not mounted", bare().with(|spec| spec.without = vec!["/home/app".into()])),
        refusal("the directory is there, but not a tmpfs mount point", bare()),
        refusal("another file system is mounted there", bare().node("/home/app", Kind::Bind("/dev/pts".into()))),
        refusal("a symbolic link in its place", bare().tmpfs("/target").config(linked).node("/link", link.clone())),
        refusal("an id that the user namespace does not map", unmapped),
        refusal("the hand-over is refused", app().answer(libc::SYS_fchownat, &[], EPERM)),
        refusal("the hand-over does not happen", app().answer(libc::SYS_fchownat, &[], 0)),
        refusal("started as non-root, and the tmpfs is root's", app().user(1001, 1001, 0)),
        refusal("started as non-root, and nothing is mounted", bare().user(1001, 1001, 0)),
        refusal("a directory on the read-only root", with(directory)),
        refusal("a directory that exists and is not the user's", owned("/home/app/cache", Kind::Directory)),
        refusal("a directory whose path has a link of the app's", owned("/home/app/cache", link.clone())),
        refusal("a file's template is missing", with(file)),
        refusal("a file in a directory that does not exist", with(below).file("/etc/nginx.conf.template", b"")),
        refusal("a file of another user in a sticky directory", sticky),
        refusal("a file on the read-only root", with(file).file("/etc/nginx.conf.template", b"")),
    ]
}

fn steps() -> Vec<Refusal> {
    let step = |text: &str| {
        let step = "[[step]]\nname = \"collect static files\"\ncommand = [\"manage\"]\ntimeout = \"200ms\"\n";
        with(step).file_mode("/usr/bin/manage", script(text), 0o755)
    };
    let fails = |words: &str| {
        let step = format!("[[step]]\nname = \"collect static files\"\ncommand = {words}\ntimeout = \"200ms\"\n");
        with(&step).file_mode("/usr/bin/manage", Content::Witness, 0o755)
    };
    // A second, so that the first try has ended also on a busy machine.
    let waits = |wait: &str| {
        let step = format!("[[step]]\nname = \"database\"\nwait = {wait}\ntimeout = \"1s\"\n");
        with(&step).file_mode("/usr/bin/manage", Content::Witness, 0o755)
    };
    vec![
        refusal("a step fails", fails("[\"manage\", \"exit=2\"]")),
        refusal("its output is not one line", fails("[\"manage\", \"x\"]\noutput = \"LINE\"")),
        refusal("its program is not in the image", fails("[\"manage.py\"]")),
        refusal("its interpreter is not in the image", step("#!/usr/bin/python3\n")),
        refusal("what it waits for accepts no connection", waits("{ tcp = \"127.0.0.1:1\" }")),
        refusal("… has no socket", waits("{ http = \"http://api/ready\", unix = \"/run/api.sock\" }")),
        refusal("… is a file that is not there", waits("{ file = \"/srv/ready\" }")),
        refusal("… is a program that fails", waits("{ exec = [\"manage\", \"exit=1\"] }")),
        refusal("… hangs", waits("{ exec = [\"manage\", \"pause\"], timeout = \"200ms\" }")),
    ]
}

fn drop() -> Vec<Refusal> {
    let denied = app().with(|spec| (spec.deny_setgroups, spec.start.groups) = (true, vec![]));
    vec![
        refusal("the user namespace denies setgroups", denied),
        refusal("the user is not mapped", sandbox().words(["--user", "70000:1001", "witness"])),
        refusal("/proc is not mounted", app().with(|spec| spec.proc_mounted = false)),
        refusal("a filter hides what is read back", app().answer(libc::SYS_getresuid, &[], EPERM)),
        refusal("a filter reports success for setresuid", app().answer(libc::SYS_setresuid, &[1001], 0)),
    ]
}

fn seal() -> Vec<Refusal> {
    let writes = with("[seal]\nwrites = true\nalso = [\"/run/app\"]\n");
    let create = libc::SYS_landlock_create_ruleset;
    let namespaces = with("[seal]\nnamespaces = false\n");
    vec![
        refusal(
            "the kernel has no Landlock, or the profile is older than it",
            writes.clone().answer(create, &[], ENOSYS),
        ),
        refusal("Landlock is off", writes.clone().answer(create, &[], libc::EOPNOTSUPP)),
        refusal("the seccomp profile refuses it", writes.clone().answer(create, &[], EPERM)),
        refusal("the seccomp profile refuses seccomp", namespaces.answer(libc::SYS_seccomp, &[], EPERM)),
        refusal("a symbolic link in a place", writes.clone().node("/run/app", Kind::Symlink("/tmp".into()))),
        refusal("no place becomes writable", writes.answer(libc::SYS_landlock_add_rule, &[], 0)),
    ]
}

fn process() -> Vec<Refusal> {
    let streams = |stream: Stream| {
        move |spec: &mut crate::support::protocol::Spec| {
            spec.streams = [stream.clone(), stream.clone(), Stream::Pipe];
        }
    };
    vec![
        refusal("standard output is a broken pipe", app().words(["--plan"]).with(streams(Stream::BrokenPipe))),
        refusal(
            "standard streams are closed, and there is no /dev/null",
            app().with(streams(Stream::Closed)).with(|spec| spec.without = vec!["/dev".into()]),
        ),
        refusal("a filter refuses to block signals", app().answer(libc::SYS_rt_sigprocmask, &[], EPERM)),
        refusal("a filter reports success for umask", above("umask = \"0027\"\n").answer(libc::SYS_umask, &[], 0)),
        refusal(
            "too many processes",
            app().words(["--supervise"]).answer(libc::SYS_clone, &[], EAGAIN).answer(libc::SYS_fork, &[], EAGAIN),
        ),
        refusal("a stop comes before the app is started", app().stopped_by(&[15])),
    ]
}
