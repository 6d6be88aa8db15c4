//! Health checks: what their programs get, and what is logged about them.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use crate::support::protocol::{Content, Kind};
use crate::support::sandbox::{Sandbox, sandbox};

/// A role with this health check.
fn role(health: &str) -> Sandbox {
    sandbox().config(format!("[roles.web]\ncommand = ['witness']\nhealth = {health}\n"))
}

#[test]
fn a_program_that_cannot_be_executed_is_a_reason_not_a_fatal_record() {
    let run = role("{ exec = ['/bin/probe'] }")
        .file_mode("/bin/probe", Content::Bytes(b"#!/no/such/interpreter\n".to_vec()), 0o755)
        .words(["--role", "web", "--health"])
        .run();
    run.check(run.outcome.code == Some(1), "an unhealthy answer");
    run.check(run.stdout().contains("its interpreter '/no/such/interpreter' is missing; fix: install "), "the reason");
    run.check(!run.stderr().contains("init: fatal: "), "no fatal record");
}

#[test]
fn an_unset_variable_reaches_steps_and_not_the_program_of_a_health_check() {
    let program = "{ exec = ['witness', 'aside'] }";
    let config = format!(
        "unset = ['FIRST_PASSWORD']\n[[step]]\nname = 'wait'\nwait = {program}\n[boot_check]\ntimeout = '20s'\n\
         [roles.web]\ncommand = ['witness', 'wait']\nhealth = {program}\n"
    );
    let web = || sandbox().config(config.clone()).env("FIRST_PASSWORD=first").env("ROLE=web");
    let password = |text: &str| text.contains("env: FIRST_PASSWORD=first");
    let asked = web().words(["--health"]).run();
    asked.check(asked.outcome.code == Some(0) && asked.stderr().contains("env: PATH="), "the program's environment");
    asked.check(!password(&asked.stderr()), "no variable of the steps");
    let started = web().words(["witness"]).run();
    started.check(password(&started.stderr()), "the variable in the program of a step's wait");
    assert!(!password(&started.stdout()), "{}", started.shown());
}

#[test]
fn relative_paths_of_a_health_check_start_in_workdir() {
    for (path, code) in [("up", 0), ("/srv/up", 0), ("down", 1), ("${EMPTY}", 1)] {
        let config = format!(
            "workdir = '/srv'\n[role]\ndefault = 'web'\n[roles.web]\ncommand = ['witness']\n\
             health = {{ file = '{path}' }}\n"
        );
        let srv = sandbox().node("/srv", Kind::Directory).file("/srv/up", "").config(config).env("EMPTY=");
        let run = srv.words(["--health"]).run();
        run.check(run.outcome.code == Some(code), &format!("exit code {code} for {path}"));
    }
}

#[test]
fn a_probe_left_by_a_killed_check_does_not_fail_the_next_one() {
    let volume = || {
        sandbox()
            .owned("/data", Kind::Tmpfs, (1001, 1001), 0o755)
            .config("home = '/data'\n[[volume]]\npath = '/data'\n[boot_check]\nrequire_read_only_root = false\n")
    };
    let words = ["--check=init", "witness"];
    // Its probes stay, as after a SIGKILL between the creation and the removal.
    let killed = volume().answer(libc::SYS_unlinkat, &[], 0).words(words).run();
    let left: Vec<&String> = killed.outcome.after.keys().filter(|path| path.contains("/.init-check-")).collect();
    killed.check(!left.is_empty(), "a probe that stays");
    let foreseen = String::from("/data/.init-check-1");
    let next = left
        .into_iter()
        .chain([&foreseen])
        .fold(volume(), |next, path| next.owned(path, Kind::File(Content::Bytes(Vec::new())), (1001, 1001), 0o600));
    let run = next.words(words).run();
    run.check(run.outcome.code == Some(0) && run.stdout().contains("ok    volume /data: "), "a check that passes");
    let new = run.outcome.after.keys().filter(|path| !run.outcome.before.contains_key(*path));
    run.check(new.count() == 0, "no new file left");
}

#[test]
fn a_connection_of_the_check_to_itself_is_a_refusal() {
    let alone =
        |sandbox: Sandbox| sandbox.with(|spec| (spec.network, spec.ephemeral_port) = (Some(Vec::new()), Some(40000)));
    let hosts = || sandbox().file("/etc/hosts", "127.0.0.1 db\n");
    for check in ["{ tcp = '127.0.0.1:40000' }", "{ tcp = 'db:40000' }", "{ http = 'http://127.0.0.1:40000/' }"] {
        let role = format!("[roles.web]\ncommand = ['witness']\nhealth = {check}\n");
        let run = alone(hosts().config(role)).words(["--role", "web", "--health"]).run();
        run.check(run.outcome.code == Some(1) && run.stdout().contains(": Connection refused"), check);
        let step = format!("[[step]]\nname = 'database'\nwait = {check}\ntimeout = '1s'\n");
        alone(hosts().config(step)).run().refused_late(70, &["waited 1s for ", "Connection refused"]);
    }
}

/// A listener whose queue is full, so that the kernel drops further packets; the connections that fill it.
fn dropping(port: u16) -> (TcpListener, Vec<TcpStream>) {
    let listener = TcpListener::bind(("127.0.0.2", port)).unwrap();
    let address = listener.local_addr().unwrap();
    let connect = || TcpStream::connect_timeout(&address, Duration::from_millis(200)).ok();
    let filled = std::iter::from_fn(connect).take(10_000).collect();
    assert!(connect().is_none(), "a full queue drops packets");
    (listener, filled)
}

#[test]
fn every_address_of_a_name_gets_its_turn() {
    let server = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let port = server.local_addr().unwrap().port();
    let _full = dropping(port);
    std::thread::spawn(move || {
        for mut asked in server.incoming().flatten() {
            let _ = asked.read(&mut [0; 1024]);
            let _ = asked.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        }
    });
    let check =
        |hosts: &str, health: &str| role(health).file("/etc/hosts", hosts).words(["--role", "web", "--health"]).run();
    for hosts in ["127.0.0.2 db\n127.0.0.1 db\n", "127.0.0.1 db\n127.0.0.2 db\n"] {
        for probe in [format!("tcp = 'db:{port}'"), format!("http = 'http://db:{port}/'")] {
            let run = check(hosts, &format!("{{ {probe}, timeout = '3s' }}"));
            run.check(run.outcome.code == Some(0), &format!("an answer of the second address: {probe} {hosts:?}"));
        }
    }
    let run = check("127.0.0.2 db\n", &format!("{{ tcp = 'db:{port}', timeout = '300ms' }}"));
    run.check(run.outcome.code == Some(1) && run.stdout().contains("no answer within 300ms"), "no answer");
}
