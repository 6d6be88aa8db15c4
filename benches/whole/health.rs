//! A health check of `/init`, compared with the same check by the image's Python, as in a `HEALTHCHECK`.

use std::net::TcpListener;
use std::thread;

use crate::race::{self, Runner, ratio};
use crate::stage::Stage;

pub fn measure(stage: &Stage) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || listener.incoming().for_each(drop));
    let text =
        format!("[roles.web]\ncommand = [\"{}\"]\nhealth = {{ tcp = \"127.0.0.1:{port}\" }}\n", stage.noop.display());
    let asked = stage.init("/init --health, tcp", &stage.configuration("health.toml", &text), &["--health"]);
    let mut python = stage.command("/usr/bin/python3");
    python.arg("-c").arg(format!("import socket; socket.create_connection(('127.0.0.1', {port}), 5).close()"));
    let mut runners = [asked, Runner::new("python3 -c, socket.create_connection", python)];
    race::run(&mut runners, stage.rounds / 4, &|| ());
    race::table("A health check", &mut runners, 0);
    let [asked, python] = &mut runners;
    println!(
        "\n| ratio | found | goal |\n| --- | --- | --- |\n| python / --health | {:.0} | ≥ 50 |",
        ratio(python.median(), asked.median())
    );
}
