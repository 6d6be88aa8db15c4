//! `--render`: pages compared with golden files, the selection of roles, refusals of what a format cannot express, and
//! no value printed.

mod compose;
mod ends;
mod required;
mod word;

use super::{Done, command, configured, finish, run};

const FORMATS: [&str; 5] = ["podman", "docker", "quadlet", "compose", "kubernetes"];

fn golden(name: &str) -> String {
    format!("{}/tests/cli/golden/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// Renders the golden pages' configuration, under the name that the pages contain.
fn usual(words: &[&str], variables: &[(&str, &str)]) -> Done {
    let words: Vec<&str> = ["--config", "init.toml", "--render"].into_iter().chain(words.iter().copied()).collect();
    let mut command = command(&words, variables);
    command.current_dir(golden(""));
    finish(command)
}

/// Renders another one.
fn rendered(name: &str, text: &str, words: &[&str]) -> Done {
    let path = configured(&format!("render-{name}"), text);
    let words: Vec<&str> = ["--config", &path, "--render"].into_iter().chain(words.iter().copied()).collect();
    finish(command(&words, &[]))
}

impl Done {
    /// The page, with any notes on standard error.
    #[track_caller]
    fn page(&self) -> &str {
        self.check(self.code == Some(0), "exit code 0");
        self.check(self.err.lines().all(|line| line.starts_with("# --")), "only notes on standard error");
        &self.out
    }

    #[track_caller]
    fn is(&self, file: &str) {
        let wanted = std::fs::read_to_string(golden(file)).unwrap();
        let page = self.page();
        let differs = page.lines().zip(wanted.lines()).find(|(line, other)| line != other);
        self.check(page == wanted, &format!("the page {file}; the first other line: {differs:?}"));
    }

    #[track_caller]
    fn has(&self, text: &str) {
        self.check(self.page().contains(text), text);
    }

    #[track_caller]
    fn lacks(&self, text: &str) {
        self.check(!self.page().contains(text) && !self.err.contains(text), &format!("no {text}"));
    }
}

#[test]
fn pages_of_one_role_match_the_files() {
    usual(&["podman"], &[]).is("web.podman");
    usual(&["docker", "--role", "web"], &[]).is("web.docker");
    usual(&["quadlet"], &[("ROLE", "web")]).is("web.quadlet");
}

#[test]
fn pages_of_every_role_match_the_files() {
    usual(&["compose"], &[]).is("all.compose");
    usual(&["kubernetes"], &[]).is("all.kubernetes");
}

#[test]
fn base_of_the_kubernetes_example_equals_its_rendering() {
    let example = format!("{}/examples/kubernetes", env!("CARGO_MANIFEST_DIR"));
    let config = format!("{example}/init.toml");
    let done = finish(command(&["-c", &config, "--render", "kubernetes"], &[]));
    // In the image the configuration has its usual place, and the health check need not name it.
    let option = format!("- --config={config}");
    let page: Vec<&str> = done.page().lines().filter(|line| line.trim() != option).collect();
    let base = std::fs::read_to_string(format!("{example}/base/app.yaml")).unwrap();
    done.check(page == base.lines().collect::<Vec<_>>(), "the page examples/kubernetes/base/app.yaml");
}

#[test]
fn arguments_are_on_standard_output_and_their_reasons_on_standard_error() {
    for format in ["podman", "docker"] {
        let done = usual(&[format], &[]);
        let arguments: Vec<&str> = done.page().lines().collect();
        done.check(arguments.iter().all(|argument| argument.starts_with("--")), "one argument a line");
        let notes: Vec<&str> = done.err.lines().collect();
        done.check(notes.len() == arguments.len(), "one note an argument");
        for (argument, note) in arguments.iter().zip(notes) {
            done.check(note.starts_with(&format!("# {argument}: ")), note);
        }
        let plain = rendered(
            "plain",
            "[[tmpfs]]\npath = '/t'\n[roles.a]\nhealth = { tcp = '127.0.0.1:1' }\n",
            &[format, "-r", "a"],
        );
        plain.check(!plain.page().contains(' '), "arguments that survive being split at blanks");
    }
}

#[test]
fn every_role_is_rendered_where_none_is_selected() {
    let units = |done: &Done| {
        done.page().lines().filter(|line| line.starts_with("# FileName=")).map(str::to_owned).collect::<Vec<_>>()
    };
    let all = usual(&["quadlet"], &[]);
    assert_eq!(units(&all), ["# FileName=beat", "# FileName=web", "# FileName=worker"]);
    assert_eq!(all.page().matches("\n---\n").count(), 2);
    for (more, variables) in
        [(&["-r", "beat"][..], &[][..]), (&[], &[("ROLE", "beat")]), (&["-r", "beat"], &[("ROLE", "web")])]
    {
        let one = usual(&[&["quadlet"], more].concat(), variables);
        assert_eq!(units(&one), ["# FileName=beat"]);
        assert_eq!(
            all.page().split("\n---\n").next().map(|unit| format!("{unit}\n")).as_deref(),
            Some(format!("{}\n", one.page()).as_str())
        );
    }
    usual(&["compose", "-r", "nope"], &[]).refused(78, &["unknown role 'nope'", "beat, web, worker"]);
    usual(&["kubernetes"], &[("ROLE", "")]).refused(78, &["the role from ROLE is empty"]);
    let without_default = "[roles.a]\n[roles.b]\n";
    rendered("none", without_default, &["docker"]).refused(78, &["no role is selected", "a, b"]);
    rendered("both", without_default, &["compose"]).has("  a:\n");
    for format in FORMATS {
        rendered("alone", "", &[format]).lacks("ROLE");
    }
    rendered("app", "", &["quadlet"]).has("# FileName=app\n");
}

#[test]
fn a_unit_with_a_health_check_is_started_when_it_is_healthy() {
    let notify = |role: &str| {
        usual(&["quadlet", "-r", role], &[]).page().lines().find(|line| line.starts_with("Notify=")).map(str::to_owned)
    };
    assert_eq!(
        ["web", "worker", "beat"].map(notify),
        [Some("Notify=healthy".into()), Some("Notify=true".into()), None]
    );
    // The check's own 1.5 s and a margin, in whole seconds; the grace of [stop].
    let worker = usual(&["podman", "-r", "worker"], &[]);
    ["--health-timeout=7s\n", "--health-interval=13s\n", "--stop-timeout=10\n"]
        .into_iter()
        .for_each(|line| worker.has(line));
    usual(&["podman", "-r", "web", "--supervise"], &[]).has("--stop-timeout=10\n");
    usual(&["quadlet", "-r", "beat"], &[]).lacks("Health");
}

/// The lines of a section of a unit, or of a block of a page.
fn lines_with<'a>(done: &'a Done, start: &str) -> Vec<&'a str> {
    done.page().lines().map(str::trim_start).filter(|line| line.starts_with(start)).collect()
}

#[test]
fn ports_are_published_on_this_machine_only() {
    let config = "[roles.a]\nports = [80, 8443]\n";
    for (format, lines) in [
        ("podman", ["--publish=127.0.0.1:80:80", "--publish=127.0.0.1:8443:8443"]),
        ("docker", ["--publish=127.0.0.1:80:80", "--publish=127.0.0.1:8443:8443"]),
        ("quadlet", ["PublishPort=127.0.0.1:80:80", "PublishPort=127.0.0.1:8443:8443"]),
        ("compose", ["- \"127.0.0.1:80:80\"", "- \"127.0.0.1:8443:8443\""]),
        ("kubernetes", ["containerPort: 80", "containerPort: 8443"]),
    ] {
        let done = rendered("ports", config, &[format, "-r", "a"]);
        assert_eq!(
            lines_with(&done, lines[0].split(|letter: char| letter.is_ascii_digit()).next().unwrap())[..],
            lines,
            "{format}"
        );
    }
    let both = format!("{config}[roles.b]\nports = [80]\n");
    for format in ["quadlet", "compose"] {
        rendered("ports", &both, &[format])
            .refused(78, &[&format!("cannot render for {format}: port 80 of both 'a' and 'b'"), "--role"]);
        rendered("ports", &both, &[format, "-r", "b"]).has("127.0.0.1:80:80");
    }
    rendered("ports", &both, &["kubernetes"]).has("containerPort: 80\n");
}

#[test]
fn ports_of_an_activated_role_are_in_a_socket_unit() {
    let config = "[roles.a]\nports = [80, 81]\nactivation = true\n[roles.b]\nports = [90]\n";
    let done = rendered("activation", config, &["quadlet"]);
    let units: Vec<&str> = done.page().split("\n---\n").collect();
    let [container, socket, other] = units[..] else { panic!("{units:?}") };
    for line in ["# FileName=a\n", "Requires=a.socket\n", "After=a.socket\n"] {
        done.check(container.contains(line), line);
    }
    done.check(!container.contains("Publish"), "no published port");
    done.check(socket.starts_with("# FileName=a.socket\n"), "the socket's name");
    done.check(socket.contains("\nListenStream=127.0.0.1:80\nListenStream=127.0.0.1:81\n"), "its ports");
    done.check(other.contains("PublishPort=127.0.0.1:90:90\n") && !other.contains(".socket"), "the other role's");
    for format in ["podman", "docker", "compose"] {
        rendered("activation", config, &[format, "-r", "a"]).has("127.0.0.1:80:80");
    }
}

#[test]
fn a_role_with_at_most_one_is_replaced_and_not_checked_beside_itself() {
    let page =
        |at_most_one: bool| rendered("once", &format!("[roles.a]\nat_most_one = {at_most_one}\n"), &["kubernetes"]);
    let once = page(true);
    ["  replicas: 1\n", "    type: Recreate\n", "value: init\n"].into_iter().for_each(|line| once.has(line));
    once.lacks("RollingUpdate");
    let several = page(false);
    ["    type: RollingUpdate\n", "maxUnavailable: 0\n", "value: \"1\"\n"]
        .into_iter()
        .for_each(|line| several.has(line));
    several.lacks("  replicas:");
}

#[test]
fn a_clean_stop_is_not_a_failed_unit() {
    let stop = |supervise: &str, more: &str| {
        let done = rendered("stop", &format!("{more}[roles.a]\nsupervise = {supervise}\n"), &["quadlet"]);
        lines_with(&done, "SuccessExitStatus=").concat()
    };
    assert_eq!(stop("false", ""), "SuccessExitStatus=143");
    assert_eq!(stop("true", ""), "SuccessExitStatus=143");
    assert_eq!(stop("true", "[supervise]\nsignals = { TERM = 'QUIT' }\n"), "SuccessExitStatus=131");
    assert_eq!(stop("true", "[supervise]\nexit_codes = { 143 = 0 }\n"), "");
    assert_eq!(stop("true", "[supervise]\nexit_codes = { 143 = 7 }\n"), "SuccessExitStatus=7");
}

#[test]
fn options_of_the_boot_are_repeated_in_the_health_check() {
    let done = rendered(
        "user",
        "[roles.a]\nhealth = { tcp = '127.0.0.1:1' }\n",
        &["podman", "-r", "a", "--user", "5:6", "--tmpfs", "/x:1777"],
    );
    done.has(",\"--user=5:6\",\"--health\"]\n");
    done.has("--tmpfs=/x:rw,size=64m,mode=1777\n");
}

#[test]
fn a_pod_starts_as_the_user_unless_something_needs_root() {
    let plain = "user = '7:8'\n[[tmpfs]]\npath = '/t'\n[roles.a]\n";
    let user = rendered("pod", plain, &["kubernetes"]);
    ["runAsNonRoot: true\n", "runAsUser: 7\n", "runAsGroup: 8\n", "fsGroup: 8\n", "allowPrivilegeEscalation: false\n"]
        .into_iter()
        .for_each(|line| user.has(line));
    user.lacks("CHOWN");
    user.lacks("hostUsers");
    let step = "[[root_step]]\nname = 'egress firewall'\ncommand = ['nft']\ncapabilities = ['NET_ADMIN']\n";
    let kept = "keep_capabilities = ['NET_BIND_SERVICE']\n";
    for (text, capability) in [(format!("{plain}{step}"), "NET_ADMIN"), (format!("{kept}{plain}"), "NET_BIND_SERVICE")]
    {
        let root = rendered(capability, &text, &["kubernetes"]);
        [
            "runAsUser: 0\n",
            "hostUsers: false\n",
            "- SETPCAP\n",
            &format!("- {capability}\n"),
            "allowPrivilegeEscalation: false\n",
        ]
        .into_iter()
        .for_each(|line| root.has(line));
        root.lacks("fsGroup");
        rendered(capability, &text, &["podman", "-r", "a"]).has(&format!("--cap-add={capability}\n"));
    }
    // The API refuses the two together.
    let administers = step.replace("NET_ADMIN", "SYS_ADMIN");
    rendered("admin", &format!("{plain}{administers}"), &["kubernetes"]).has("allowPrivilegeEscalation: true\n");
}

#[test]
fn conditions_are_evaluated_in_the_rendering_environment() {
    let longer = usual(&["podman"], &[]);
    longer.has("--health-start-period=210s\n");
    let text = "[[tmpfs]]\npath = '/a'\nwhen = { X = '1' }\n[[require]]\nenv = 'KEY'\nunless = { NEEDS_KEY = '0' }\n";
    rendered("conditions", text, &["podman"]).lacks("/a");
    let path = configured("render-conditions", text);
    let done = finish(command(&["-c", &path, "--render", "podman"], &[("X", "1"), ("NEEDS_KEY", "0")]));
    done.has("--tmpfs=/a:");
    done.lacks("KEY");
}

#[test]
fn directory_on_the_read_only_root_is_reported() {
    let lost = "[[directory]] ${CACHE:-/tmp/cache}/a is below no mount, and / is read-only: \
                add a [[tmpfs]] or [[volume]] for it";
    let directory = "[[directory]]\npath = '${CACHE:-/tmp/cache}/a'\n[[directory]]\npath = '${NOPE}'\n";
    for format in FORMATS {
        let done = rendered("directory", directory, &[format]);
        // Podman mounts its own /tmp if the root is read-only.
        let named = done.out.contains(&format!("# {lost}\n")) || done.err.contains(&format!("# {lost}\n"));
        done.check(done.code == Some(0) && named != ["podman", "quadlet"].contains(&format), lost);
        for entry in ["[[tmpfs]]\npath = '/tmp'\n", "[[volume]]\npath = '/tmp/cache'\n"] {
            rendered("mounted", &format!("{directory}{entry}"), &[format]).lacks(lost);
        }
        let elsewhere = rendered("elsewhere", "[[directory]]\npath = '/srv/a'\n[[tmpfs]]\npath = '/sr'\n", &[format]);
        elsewhere.check(
            elsewhere.out.contains("[[directory]] /srv/a") || elsewhere.err.contains("[[directory]] /srv/a"),
            "the lost directory",
        );
    }
}

#[test]
fn no_value_is_printed_and_the_page_is_reproducible() {
    let secret = [("OPENAI_API_KEY", "sk-1"), ("DATABASE_PASSWORD", "sk-2"), ("OTHER", "sk-3")];
    for format in FORMATS {
        let done = usual(&[format], &secret);
        done.lacks("sk-");
        done.lacks("hunter2");
        let again = usual(&[format], &secret);
        assert_eq!((done.page(), &done.err), (again.page(), &again.err));
    }
}

#[test]
fn an_invalid_image_is_refused_and_an_unknown_one_is_marked() {
    rendered("unknown", "", &["quadlet"])
        .has("# name the image by --image, or by image in the configuration\nImage=IMAGE\n");
    usual(&["quadlet"], &[("TAG", "9")]).has("Image=registry.example/app:9\n");
    for image in ["", "-x", "a b", "a\\nb"] {
        rendered("image", &format!("image = \"{image}\"\n"), &["compose"])
            .refused(78, &["image: ", "registry.example/app:1"]);
    }
    rendered("unset", "image = '${TAG}'\n", &["compose"]).refused(78, &["${TAG} is unset"]);
    let digest = format!("registry.example:5000/app@sha256:{}", "0f".repeat(32));
    for (format, line) in [
        ("quadlet", format!("Image={digest}\n")),
        ("compose", format!("    image: {digest}\n")),
        ("kubernetes", format!("          image: {digest}\n")),
    ] {
        usual(&[format, "--image", &digest], &[]).has(&line);
    }
    usual(&["quadlet", "--image", ""], &[]).refused(64, &["--image with an empty value"]);
    for image in ["-x", "a b"] {
        usual(&["quadlet", "--image", image], &[]).refused(64, &["--image ", "not the name of an image"]);
    }
    run(&["--image", "app:1"]).refused(64, &["--image goes with --render"]);
    run(&["--plan", "--image", "app:1"]).refused(64, &["--image goes with --render"]);
}

#[test]
fn inexpressible_settings_are_refused() {
    let cannot = |format: &str, text: &str, words: &[&str]| {
        rendered(&format!("cannot-{format}"), text, &[format])
            .refused(78, &[&[&format!("cannot render for {format}: ")[..]], words].concat());
    };
    for format in FORMATS {
        for path in ["/a:b", "/a,b", "/a\\nb", "/a\\u0085b"] {
            for entry in ["tmpfs", "volume"] {
                cannot(
                    format,
                    &format!("[[{entry}]]\npath = \"{path}\"\n"),
                    &["the path ", "without ':', ',' and control characters"],
                );
            }
            cannot(format, &format!("[secrets]\nA = \"{path}\"\n"), &["the path "]);
        }
        cannot(format, "[secrets]\nA = 'relative'\n", &["the path \"relative\""]);
        cannot(
            format,
            "[[volume]]\npath = '/a/b'\n[[volume]]\npath = '/a-b'\n",
            &["a name for /a-b", "differ in letters and digits"],
        );
        cannot(format, "[[volume]]\npath = '/é'\n", &["a name for /é"]);
        cannot(format, "[secrets]\nA = '/run/secrets/a.b'\nB = '/a-b'\n", &["a name for /a-b"]);
    }
    cannot("kubernetes", "[limits]\npids = 9\n", &["a Pod has no limit of processes (limits.pids)", "podPidsLimit"]);
    cannot("kubernetes", "[roles.a_b]\n[roles.A-b]\n", &["the name of an object for the role 'a_b'"]);
    cannot("kubernetes", &format!("[[tmpfs]]\npath = '/{}'\n", "a".repeat(60)), &["a name for /aaa", "a shorter path"]);
    for format in ["podman", "docker", "quadlet", "compose"] {
        rendered("pids", "[limits]\npids = 9\n", &[format]).has("9");
    }
    let health = "[roles.a]\nhealth = { tcp = '127.0.0.1:1' }\n";
    let path = configured("render with a blank", health);
    finish(command(&["-c", &path, "--render", "docker", "-r", "a"], &[]))
        .refused(78, &["cannot render for docker: the word ", "a shell would read"]);
    finish(command(&["-c", &path, "--render", "podman", "-r", "a"], &[]))
        .has("/render with a blank.toml\",\"--health\"]\n");
}

#[test]
fn a_wrong_request_is_refused() {
    run(&["--render", "swarm"]).refused(64, &["--render swarm", "podman, docker, quadlet, compose and kubernetes"]);
    run(&["--render"]).refused(64, &["--render"]);
    run(&["--render", "podman", "--plan"]).refused(64, &["give one of"]);
    run(&["--render", "podman", "--render", "docker"]).refused(64, &["give one of"]);
    run(&["--render", "podman", "--json"]).refused(64, &["--json goes with"]);
    run(&["--render", "podman", "sh"]).refused(64, &["--render takes no command"]);
    rendered("user0", "user = '0'\n", &["podman"]).refused(78, &["root"]);
    finish(command(&["--render", "podman"], &[("BOOT_CHECK_ONLY", "1")])).has("--read-only\n");
}
