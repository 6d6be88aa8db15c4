//! From spawn to exit with an app that does nothing: two mount points to hand over, the drop and its proof. The other
//! programs do the parts that they support.

use std::path::Path;

use crate::race::{self, Runner, ratio};
use crate::stage::Stage;

pub fn measure(stage: &Stage) {
    let noop = stage.noop.display();
    let roles: String =
        ["web", "worker", "beat", "flower"].map(|role| format!("[roles.{role}]\ncommand = [\"{noop}\"]\n")).concat();
    let configuration = stage.configuration("starts.toml", &format!("{}{roles}", stage.mounts()));
    std::fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/entrypoint.sh"), stage.path("entrypoint.sh"))
        .unwrap();

    let with = |program: &str, words: &[&str]| {
        let mut command = stage.command(program);
        command.args(words).arg(&stage.noop);
        command
    };
    let shell = |program| {
        let mut command = stage.command(program);
        command.arg("entrypoint.sh");
        command
    };
    let drop = [
        "--reuid",
        "1001",
        "--regid",
        "1001",
        "--clear-groups",
        "--inh-caps=-all",
        "--bounding-set=-all",
        "--no-new-privs",
    ];
    let floors = stage.floors.iter().map(|floor| with(&floor.display().to_string(), &[])).collect();
    let mut runners = [
        Runner::of_copies("floor: a static program that only executes the app", floors),
        stage.init("/init: hand-over, drop, proof, exec", &configuration, &[]),
        stage.init("/init --supervise: the same, and it keeps running", &configuration, &["--supervise"]),
        Runner::new("tini-static: stays, no drop", with("/usr/bin/tini-static", &["--"])),
        Runner::new("catatonit: stays, no drop", with("/usr/bin/catatonit", &["--"])),
        Runner::new("dumb-init: stays, no drop", with("/usr/bin/dumb-init", &["--"])),
        Runner::new("gosu: ids only", with("/usr/sbin/gosu", &["1001:1001"])),
        Runner::new("setpriv: drop, no proof", with("/usr/bin/setpriv", &drop)),
        Runner::new("entrypoint.sh: chown, case, setpriv; sh is dash", shell("/bin/dash")),
        Runner::new("entrypoint.sh: the same; sh is bash, as in UBI", shell("/bin/bash")),
    ];
    race::run(&mut runners, stage.rounds, &|| stage.reset());
    race::table(&format!("Spawn to exit, {} rounds", stage.rounds), &mut runners, 0);
    let [floor, exec, supervise, tini, catatonit, .., dash, bash] = &mut runners;
    let faster = tini.median().min(catatonit.median());
    println!("\n| ratio | found | goal |\n| --- | --- | --- |");
    println!("| exec mode / floor | {:.2} | ≤ 2.0 |", ratio(exec.median(), floor.median()));
    println!("| exec mode / tini-static | {:.2} | ≤ 0.6 |", ratio(exec.median(), tini.median()));
    for (name, shell) in [("dash", dash), ("bash", bash)] {
        println!("| shell entrypoint, {name} / exec mode | {:.1} | ≥ 16 |", ratio(shell.median(), exec.median()));
    }
    println!(
        "| supervise mode / the faster of tini-static and catatonit | {:.2} | ≤ 1.0 |",
        ratio(supervise.median(), faster)
    );
    println!("| binary, bytes | {} | ≤ 700000 |", std::fs::metadata(&stage.inits[0]).unwrap().len());
}
