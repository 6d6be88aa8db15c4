//! `--render` and the boot check agree: the output does not depend on who renders it, a boot with the rendered flags
//! has no warning, and every difference is reported with its flag.

use crate::support::capability::FOUR;
use crate::support::protocol::{Kind, Stream};
use crate::support::run::Run;
use crate::support::sandbox::{Sandbox, sandbox};

const CONFIG: &str = "home = '/cache'\n[[tmpfs]]\npath = '/cache'\nsize = '1m'\n";
const RENDERED: &str = "size=1m,mode=0755";

/// A container as the engine starts it with the rendered flags.
fn started(options: &str) -> Sandbox {
    let tmpfs = Kind::OptionTmpfs(options.into());
    sandbox()
        .config(CONFIG)
        .node("/cache", tmpfs)
        .env("BOOT_CHECK_ONLY=init")
        .with(|spec| spec.start.no_new_privs = true)
}

fn unremarkable(run: &Run) {
    let report = run.stdout();
    run.check(run.outcome.code == Some(0) && report.contains("ok    tmpfs /cache"), "a check that passes");
    run.check(report.lines().all(|line| line.starts_with("ok ")), "no warning");
}

fn warned(sandbox: &Sandbox, warning: &str) {
    let run = sandbox.run();
    run.check(run.outcome.code == Some(0), "a check that passes");
    let warnings: Vec<String> =
        run.stdout().lines().filter(|line| !line.starts_with("ok ")).map(str::to_owned).collect();
    run.check(warnings == [format!("warn  {warning}")], warning);
}

#[test]
fn rendered_output_does_not_depend_on_who_renders_it() {
    let ask = || {
        sandbox().config(
            "[[root_step]]\nname = 'a'\ncommand = ['/nowhere']\n[[tmpfs]]\npath = '/gone'\n[[require]]\nenv = 'KEY'\n",
        )
    };
    for format in ["podman", "docker", "quadlet", "compose", "kubernetes"] {
        let usual = ask().words(["--render", format]).run();
        usual.check(usual.outcome.code == Some(0) && usual.stdout().contains("/gone"), "a page");
        for other in [
            ask().capabilities(0),
            ask().user(1500, 1500, 0),
            ask().user(1001, 0, FOUR),
            ask().with(|spec| spec.read_only = false),
        ] {
            let run = other.words(["--render", format]).run();
            run.check(run.stdout() == usual.stdout() && run.stderr() == usual.stderr(), "the same page");
        }
    }
    let closed = ask().words(["--render", "podman"]).with(|spec| spec.streams[1] = Stream::BrokenPipe).run();
    closed.check(closed.outcome.code == Some(71), "a failure if nobody reads the page");
}

#[test]
fn the_image_is_the_configured_one_or_the_one_that_podman_sets() {
    let told = |line: &str| {
        sandbox()
            .file("/run/.containerenv", format!("engine=\"podman-4.3.1\"\n{line}\nrootless=1\n"))
            .words(["--render", "quadlet"])
    };
    let image = |sandbox: Sandbox| {
        sandbox
            .run()
            .stdout()
            .lines()
            .find_map(|line| line.strip_prefix("Image=").map(str::to_owned))
            .unwrap_or_default()
    };
    assert_eq!(image(told("image=\"localhost/app:2\"")), "localhost/app:2");
    assert_eq!(
        image(told("image=\"localhost/app:2\"").config("image = 'registry.example/app@sha256:0a'\n")),
        "registry.example/app@sha256:0a"
    );
    for line in ["", "image=\"\"", "image=\"%h\"", "image=\"-a\"", "image=app"] {
        assert_eq!(image(told(line)), "IMAGE", "{line}");
    }
}

#[test]
fn rendered_flags_cause_no_warning() {
    unremarkable(&started(RENDERED).run());
    unremarkable(&started(RENDERED).with(|spec| spec.pid_one = false).run());
}

#[test]
fn every_changed_flag_is_reported() {
    let fix = "fix: run with --tmpfs /cache:rw,size=1m,mode=0755";
    warned(&started("size=2m,mode=0755"), &format!("tmpfs /cache: size 2048k instead of 1m; {fix}"));
    warned(&started("mode=0755"), &format!("tmpfs /cache: without a size, so it may take half of the memory; {fix}"));
    warned(&started("size=1m"), &format!("tmpfs /cache: mounted with mode 1777 instead of 0755; {fix}"));
    warned(&started(RENDERED).capabilities(FOUR | 1 << 13), &beyond("NET_RAW"));
    warned(
        &started(RENDERED).with(|spec| spec.start.no_new_privs = false),
        "no_new_privs: not set by the engine; fix: run with --security-opt=no-new-privileges",
    );
    let writable = started(RENDERED)
        .config(format!("{CONFIG}[boot_check]\nrequire_read_only_root = false\n"))
        .with(|spec| spec.read_only = false);
    let fix =
        "add --read-only (and --tmpfs for what must be written), or set boot_check.require_read_only_root = false";
    warned(&writable, &format!("root file system: writable; fix: {fix}"));
}

fn beyond(name: &str) -> String {
    let four = "--cap-add=CHOWN --cap-add=SETGID --cap-add=SETUID --cap-add=SETPCAP";
    format!("capabilities: given beyond the plan: {name}; fix: run with --cap-drop=ALL {four}")
}

/// An emptyDir with `fsGroup`: owned by root and the group, open to everyone, and only the kubelet can change it.
#[test]
fn a_pod_as_rendered_has_no_warning() {
    let pod = |group: u32| {
        let tmpfs = Kind::OptionTmpfs("size=1m".into());
        let pod = sandbox()
            .config(CONFIG)
            .owned("/cache", tmpfs, (0, group), 0o2777)
            .env("BOOT_CHECK_ONLY=init")
            .user(1001, 1001, 0);
        pod.env("KUBERNETES_SERVICE_HOST=10.0.0.1").with(|spec| spec.start.no_new_privs = true)
    };
    unremarkable(&pod(1001).run());
    let open = pod(4).run();
    open.check(
        open.outcome.code == Some(1) && open.stdout().contains("FAIL  tmpfs /cache: writable to everyone"),
        "a failure",
    );
}

#[test]
fn a_missing_volume_mount_is_reported() {
    let volume = "home = '/cache'\n[[volume]]\npath = '/cache'\n";
    let usual = sandbox().config(volume).env("BOOT_CHECK_ONLY=init").user(1001, 1001, 0).with(|spec| {
        spec.start.no_new_privs = true;
        spec.read_only = false;
    });
    let run = usual.clone().owned("/cache", Kind::Directory, (1001, 1001), 0o755).run();
    run.check(
        run.stdout().contains("warn  volume /cache: not mounted: what is written there is lost with the container"),
        "the warning",
    );
    run.check(run.stdout().contains("; fix: run with --volume NAME:/cache:Z\n"), "the flag");
    let mounted = usual.owned("/cache", Kind::OptionTmpfs("size=1m".into()), (1001, 1001), 0o755).run();
    mounted.check(!mounted.stdout().contains("not mounted"), "no such warning");
}

#[test]
fn ports_that_the_app_does_not_open_to_the_network_are_warned_about() {
    let free = || std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listeners = [free(), free(), free()];
    let [network, loopback, closed] = listeners.each_ref().map(|one| one.local_addr().unwrap().port());
    drop(listeners);
    let check = |ports: &str| {
        let config = format!(
            "home = '/tmp'\n[[tmpfs]]\npath = '/tmp'\n[roles.web]\nsupervise = true\n{ports}\n\
             command = ['witness', 'listen=127.0.0.1:{loopback}', 'listen=0.0.0.0:{network}', 'pause']\n\
             health = {{ tcp = '127.0.0.1:{network}' }}\n"
        );
        let run = sandbox().tmpfs("/tmp").config(config).words(["--check", "--role", "web"]).run();
        run.check(run.outcome.code == Some(0) && run.stdout().contains("ok    health: "), "a check that passes");
        run.stdout().lines().filter(|line| line.contains("  port ")).map(str::to_owned).collect::<Vec<_>>()
    };
    let lines = check(&format!("ports = [{network}, {loopback}, {closed}]"));
    let said = [
        format!("ok    port {network}: the app listens"),
        format!(
            "warn  port {loopback}: the app listens on a loopback address, which nobody outside reaches; fix: let the \
             app listen on 0.0.0.0"
        ),
        format!(
            "warn  port {closed}: nothing listens; fix: correct ports of the role, or let the app listen on that port"
        ),
    ];
    assert_eq!(lines, said);
    // systemd holds these ports, in the host's network namespace.
    assert_eq!(check(&format!("ports = [{closed}]\nactivation = true")), [""; 0]);
}

#[test]
fn port_that_something_else_listens_on_is_not_the_apps() {
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port();
    let config = format!("[roles.web]\nsupervise = true\nports = [{port}]\ncommand = ['witness', 'pause']\n");
    let run = sandbox().config(config).words(["--check", "--role", "web"]).run();
    let said = format!(
        "FAIL  port {port}: something else listens, since before the app was started; fix: check in a network namespace"
    );
    run.check(run.outcome.code == Some(1) && run.stdout().contains(&said), "a failed check of the port");
}
