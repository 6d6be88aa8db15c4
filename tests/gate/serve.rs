//! The gate and the serving container: both pass with the same flags, and the firewall limits the app.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::scene::{
    BOTH, CONFIGURATION, DROPPED, Engine, FLAGS, GATE, MARK, PODMAN, Row, Scene, THROW_AWAY, Told, Verdict, expect,
    image, replaced,
};

/// The options of a serving container besides [`FLAGS`].
const PUBLISHED: &str = "--publish 127.0.0.1::8000";

/// The default network of containers; the lab's rows have none unless they ask for it.
const NETWORK: &str = "--network=slirp4netns";

/// Whether every line is ok. The lab's rootless Podman runs without control groups, so only there the process limit
/// cannot be read; in Docker it must be the configured one.
fn only_ok(scene: &Scene, report: &str) -> bool {
    let limit = if scene.engine == Engine::Docker {
        "ok    limit of processes: 1024"
    } else {
        "warn  limit of processes: cannot be read"
    };
    report.lines().any(|line| line.starts_with(limit))
        && report.lines().all(|line| line.starts_with("ok    ") || line.starts_with(limit))
}

pub fn rows() -> Vec<Row> {
    vec![
        Row::new("the gate", BOTH, gate_passes),
        Row::new("the gate with the serving container's network", PODMAN, gate_shares_the_network),
        Row::new("gate and serving differ in three arguments", PODMAN, |_| differ()),
        Row::new("serving: /health/, the drop, the CMD unchanged, the firewall", PODMAN, serving),
        Row::new("a second start on the same volume", PODMAN, second_start_on_a_volume),
        Row::new("the app cannot flush, list or change the firewall", BOTH, app_cannot_touch_the_firewall),
        Row::new("the metadata service on this machine", PODMAN, metadata),
        Row::new("the metadata address over a real network: fails fast", PODMAN, metadata_fails_fast),
        // The image only has a CMD, which the engine passes and the plan does not know: it ends before the command.
        Row::new("--plan of an image with a plain CMD", PODMAN, plan_of_a_plain_cmd),
        Row::new("a command's arguments are passed unchanged", BOTH, arguments_are_unchanged),
        Row::new(
            "REQUIRE_OPENAI_API_KEY=0, RUN_COLLECTSTATIC=0, the settings of development",
            PODMAN,
            settings_of_development,
        ),
        Row::new("CACHE_FILE_PATH moves the cache directory", PODMAN, cache_directory_moves),
    ]
}

fn gate_passes(scene: &Scene) -> Verdict {
    let outcome = scene.run(&gate(), &[])?.ended(0)?;
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    outcome.check(lines.len() > 8 && only_ok(scene, &outcome.stdout), "only ok lines")?;
    outcome.check(lines.iter().any(|line| line.starts_with("ok    health: passed after ")), "the health")?;
    Ok(Told { line: format!("{} checks, all ok", lines.len()), took: Some(outcome.took) })
}

fn gate_shares_the_network(scene: &Scene) -> Verdict {
    let outcome = scene.run(&format!("{} {NETWORK}", gate()), &[])?.ended(0)?;
    outcome.check(only_ok(scene, &outcome.stdout), "only ok lines")?;
    Ok(Told { line: "all ok".into(), took: Some(outcome.took) })
}

fn second_start_on_a_volume(scene: &Scene) -> Verdict {
    let options = format!("{FLAGS} --volume {}:/app/runtime", scene.volume()?);
    let first = scene.probe(&options, &[])?.ended(0)?;
    first.check(
        first.stderr.contains("store: built the store") && first.stderr.contains("handed over"),
        "a store that is built",
    )?;
    let second = scene.probe(&options, &[])?.ended(0)?;
    second.check(second.stderr.contains("store: the store is there"), "a store that is kept")?;
    second.check(!second.stderr.contains("handed over"), "nothing to hand over")?;
    Ok("built, then kept; handed over, then not".into())
}

fn app_cannot_touch_the_firewall(scene: &Scene) -> Verdict {
    let asked = ["nft:flush ruleset", "nft:list ruleset", "nft:add table inet own"];
    let outcome = scene.probe(&format!("{FLAGS} {THROW_AWAY}"), &asked)?.ended(0)?;
    expect(&outcome, DROPPED)?;
    expect(&outcome, &[("marker", "1"), ("pid", "1"), ("HOME", "/home/app")])?;
    for word in ["nft flush ruleset", "nft add table inet own"] {
        let found = crate::scene::facts(&outcome);
        let is = found.get(word).map_or("", String::as_str);
        outcome.check(
            is.starts_with("1 ") && is.ends_with("Operation not permitted"),
            format!("{word}: EPERM, found {is}"),
        )?;
    }
    Ok("EPERM; no capabilities, marker set, PID 1".into())
}

fn metadata_fails_fast(scene: &Scene) -> Verdict {
    let asked = ["connect:169.254.169.254", "connect:10.11.12.13"];
    let outcome = scene.probe(&format!("{FLAGS} {THROW_AWAY} {NETWORK}"), &asked)?.ended(0)?;
    for address in ["169.254.169.254", "10.11.12.13"] {
        expect(
            &outcome,
            &[(&format!("connect {address}"), "EHOSTUNREACH"), (&format!("connect {address} was quick"), "True")],
        )?;
    }
    Ok("EHOSTUNREACH at once, as for a private network".into())
}

fn plan_of_a_plain_cmd(scene: &Scene) -> Verdict {
    let outcome = scene.run(&format!("{FLAGS} {THROW_AWAY}"), &["--plan"])?.ended(0)?;
    outcome.check(
        outcome.stdout.contains("NET_ADMIN") && outcome.stdout.contains("egress firewall"),
        "the root steps and what they need",
    )?;
    Ok("the plan".into())
}

fn arguments_are_unchanged(scene: &Scene) -> Verdict {
    let outcome = scene
        .probe(&format!("{FLAGS} {THROW_AWAY}"), &["--check", "-c", " a  b ", "$HOME ${HOME} $$", ""])?
        .ended(0)?;
    for word in ["'--check'", "'-c'", "' a  b '", "'$HOME ${HOME} $$'", "''"] {
        outcome.check(outcome.stdout.contains(&format!("argument: {word}\n")), word)?;
    }
    Ok("--check, -c, spaces, dollars, an empty argument".into())
}

fn settings_of_development(scene: &Scene) -> Verdict {
    let flags = replaced(FLAGS, "--env OPENAI_API_KEY=key-of-a-test", "--env REQUIRE_OPENAI_API_KEY=0");
    let steps = |options: &str| {
        scene.probe(&format!("{flags} {THROW_AWAY} {options}"), &[]).and_then(|outcome| outcome.ended(0))
    };
    let with = steps("")?;
    with.check(with.stderr.contains("init: info: step static files"), "collectstatic")?;
    for options in ["--env RUN_COLLECTSTATIC=0", "--env DJANGO_SETTINGS_MODULE=answers.settings_dev"] {
        let without = steps(options)?;
        without.check(
            !without.stderr.contains("step static files") && without.stderr.contains("step store"),
            "no collectstatic",
        )?;
    }
    Ok("without a key; collectstatic, not, and not".into())
}

fn cache_directory_moves(scene: &Scene) -> Verdict {
    let outcome = scene.run(&format!("{} --env CACHE_FILE_PATH=/home/app/a/cache", gate()), &[])?.ended(0)?;
    outcome.check(outcome.stdout.contains("ok    directory /home/app/a/cache: "), "the directory")?;
    Ok("made and probed".into())
}

fn gate() -> String {
    format!("{FLAGS} {THROW_AWAY} {GATE}")
}

fn differ() -> Verdict {
    let serve = format!("{FLAGS} --volume answers:/app/runtime {PUBLISHED}");
    let gate = gate();
    let pairs = |flags: &str| {
        let mut words: Vec<String> = Vec::new();
        for word in flags.split_whitespace() {
            match words.last_mut() {
                Some(option) if !word.starts_with("--") => option.extend([" ", word]),
                _ => words.push(word.to_owned()),
            }
        }
        words
    };
    let (gate, serve) = (pairs(&gate), pairs(&serve));
    let only = |these: &[String], those: &[String]| {
        these.iter().filter(|word| !those.contains(word)).cloned().collect::<Vec<_>>()
    };
    let (of_gate, of_serve) = (only(&gate, &serve), only(&serve, &gate));
    if of_gate == [THROW_AWAY, GATE] && of_serve == ["--volume answers:/app/runtime", PUBLISHED] {
        Ok(format!("gate: {}; serving: {}", of_gate.join(" "), of_serve.join(" ")).into())
    } else {
        Err(format!("gate: {of_gate:?}, serving: {of_serve:?}"))
    }
}

fn serving(scene: &Scene) -> Verdict {
    let options = format!("{FLAGS} --volume {}:/app/runtime {PUBLISHED} {NETWORK}", scene.volume()?);
    let mut running = scene.start(&options, &[])?;
    running.until("Listening at")?;
    let published = scene.ask("port")?.ended(0)?;
    let address = published.stdout.trim_end().rsplit_once("-> ").ok_or_else(|| published.shown())?.1.to_owned();
    let good = get(&address, "localhost")?;
    if !good.starts_with("HTTP/1.1 200 ") || !good.contains("\"healthy\": true") || !good.contains("\"uid\": 1001") {
        return Err(format!("expected a healthy answer of uid 1001:\n{good}\n{}", running.so_far()));
    }
    let bad = get(&address, "wrong.example")?;
    if !bad.starts_with("HTTP/1.1 400 ") {
        return Err(format!("expected a refusal of a foreign host:\n{bad}"));
    }
    // The app and its workers, from the kernel's view.
    let status =
        scene.exec("", &["sh", "-c", "cd /proc; for pid in [0-9]*; do [ $pid = $$ ] || cat $pid/status; done"])?;
    for (name, value) in DROPPED {
        let values: Vec<String> =
            status.stdout.lines().filter_map(|line| line.strip_prefix(&format!("{name}:"))).map(squeezed).collect();
        let ours = values.iter().filter(|is| is == value).count();
        status.check(ours >= 3, format!("'{name}: {value}' of PID 1 and two workers"))?;
    }
    let words = scene.exec("", &["sh", "-c", "tr '\\0' '\\n' </proc/1/cmdline"])?.ended(0)?;
    let declared = scene
        .engine
        .call(&["image", "inspect", "--format", "{{json .Config.Cmd}}", &image()].map(str::to_owned))?
        .ended(0)?;
    let declared: Vec<String> = serde_json::from_str(&declared.stdout).map_err(|error| error.to_string())?;
    // The kernel puts a script's interpreter before its path.
    let running_words: Vec<&str> = words.stdout.lines().skip(2).collect();
    words.check(
        declared[0] == "gunicorn" && declared[1..] == running_words && words.stdout.contains("/gunicorn\n"),
        format!("{declared:?}"),
    )?;
    let rules = scene.exec("", &["nft", "list", "ruleset"])?.ended(0)?;
    rules.check(
        rules.stdout.contains("ip daddr 169.254.0.0/16 counter packets ") && rules.stdout.contains(" reject"),
        "the rules",
    )?;
    let health = scene.exec("", &["/init", "--health"])?.ended(0)?;
    health.check(health.stdout == "ok    web: healthy\n", "a healthy answer")?;
    let check = scene.ask("healthcheck run")?.ended(0)?;
    let stop = scene.ask("stop --time 20")?.ended(0)?;
    let end = running.finish()?.ended(0)?;
    end.check(stop.took < Duration::from_secs(15) && !end.stdout.contains(MARK), "a stop on SIGTERM")?;
    Ok(Told { line: format!("200, 400 for a foreign host; HEALTHCHECK {} ms", check.took.as_millis()), took: None })
}

fn squeezed(value: &str) -> String {
    value.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The metadata address is assigned to this machine, and a server listens on it: without the firewall it answers.
fn metadata(scene: &Scene) -> Verdict {
    let code = "import fcntl, socket, struct\n\
        request = struct.pack(\"16sH2s4s8s\", b\"lo:1\", socket.AF_INET, bytes(2), \
         socket.inet_aton(\"169.254.169.254\"), bytes(8))\n\
        fcntl.ioctl(socket.socket(), 0x8916, request)";
    let own = format!(
        "[[root_step]]\nname = \"an address\"\n\
         command = [\"/usr/bin/python3\", \"-I\", \"-c\", '''{code}''']\ncapabilities = [\"NET_ADMIN\"]\n\n"
    );
    let next = "# --- Handed to the user.";
    let with = replaced(CONFIGURATION, next, &format!("{own}{next}"));
    let start = with.find("[[root_step]]\nname    = \"egress rules\"").ok_or("no rules")?;
    let end = with.find("[[root_step]]\nname = \"an address\"").ok_or("no address")?;
    let without = format!("{}{}", &with[..start], &with[end..]);
    let mut told = Vec::new();
    for (configuration, expected) in [(without, "connected"), (with, "EHOSTUNREACH")] {
        let options = format!("{FLAGS} {THROW_AWAY} {}", scene.configuration(&configuration));
        let outcome = scene.probe(&options, &["metadata"])?.ended(0)?;
        expect(&outcome, &[("connect 169.254.169.254", expected), ("connect 169.254.169.254 was quick", "True")])?;
        told.push(expected);
    }
    Ok(format!("without the firewall: {}; with it: {}", told[0], told[1]).into())
}

/// Sends one HTTP request to this address with another host name.
fn get(address: &str, host: &str) -> Result<String, String> {
    let failed = |error: std::io::Error| format!("GET {address} as {host}: {error}");
    let mut server = TcpStream::connect(address).map_err(failed)?;
    server.set_read_timeout(Some(Duration::from_secs(20))).map_err(failed)?;
    write!(server, "GET /health/ HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").map_err(failed)?;
    let mut answer = String::new();
    server.read_to_string(&mut answer).map_err(failed)?;
    Ok(answer)
}
