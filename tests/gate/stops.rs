//! The boot check's result for a stop agrees with `podman stop` and `docker stop`. tests/signals covers all
//! combinations; these rows show that an engine does not change the result.

use crate::apps::{SMALL, small};
use crate::scene::{BOTH, GATE, Row, Scene, Verdict};

/// Installs a handler for this signal, or for none.
fn app(caught: &str) -> String {
    let catch = match caught {
        "" => String::new(),
        "IGN" => "signal.signal(signal.SIGTERM, signal.SIG_IGN); ".into(),
        name => format!("signal.signal(signal.SIG{name}, lambda *_: sys.exit(0)); "),
    };
    format!("import signal, sys; {catch}print('UP'); [signal.pause() for _ in range(99)]")
}

/// The check and the real stop of this role; both must show whether the stop works.
fn agree(scene: &Scene, code: &str, role: &str, more: &str, ends: bool) -> Verdict {
    let words = ["python3", "-uc", code];
    let configuration = scene.configuration(&small(role, more));
    let checked = scene.run(&format!("{SMALL} {GATE} {configuration}"), &words)?;
    let (line, exit) = if ends { ("ok    stop: ended ", 0) } else { ("FAIL  stop: ", 1) };
    checked
        .check(checked.stdout.contains(line) && checked.code == Some(exit), format!("'{line}' and exit code {exit}"))?;
    let mut running = scene.start(&format!("{SMALL} {configuration}"), &words)?;
    running.until("UP")?;
    scene.engine.must(&format!("stop --time 4 {}", scene.container()))?;
    let real = running.finish()?;
    real.check(
        (real.code != Some(137)) == ends,
        format!("a stop that {}", if ends { "works" } else { "needs SIGKILL" }),
    )?;
    Ok(format!("both {}", if ends { "end it" } else { "do not end it" }).into())
}

pub fn rows() -> Vec<Row> {
    let supervised = "supervise = true\n";
    let to = |signal: &str| format!("[supervise]\nsignals = {{ TERM = \"{signal}\" }}\n");
    let quit = "stop = { signal = \"QUIT\" }\n";
    let cells = [
        ("exec, TERM not caught", app(""), "", String::new(), false),
        ("exec, TERM caught", app("TERM"), "", String::new(), true),
        ("exec, TERM ignored", app("IGN"), "", String::new(), false),
        ("supervised, TERM not caught", app(""), supervised, String::new(), true),
        ("supervised, TERM ignored", app("IGN"), supervised, String::new(), false),
        ("supervised, TERM becomes INT, ends on INT", app("INT"), supervised, to("INT"), true),
        ("supervised, TERM becomes CONT, ends on TERM", app("TERM"), supervised, to("CONT"), false),
        ("supervised, TERM dropped", app("TERM"), supervised, to(""), false),
    ];
    let mut rows: Vec<Row> = cells
        .into_iter()
        .map(|(name, code, role, more, ends)| {
            Row::new(format!("stop: {name}"), BOTH, move |scene| agree(scene, &code, role, &more, ends))
        })
        .collect();
    // The engine sends the rendered signal.
    rows.push(Row::new("stop: exec, QUIT configured and caught", BOTH, move |scene| {
        let configuration = scene.configuration(&small(quit, ""));
        let code = app("QUIT");
        let words = ["python3", "-uc", &code];
        let mut running = scene.start(&format!("{SMALL} --stop-signal=SIGQUIT {configuration}"), &words)?;
        running.until("UP")?;
        scene.engine.must(&format!("stop --time 4 {}", scene.container()))?;
        running.finish()?.ended(0)?;
        let checked = scene.run(&format!("{SMALL} {GATE} {configuration}"), &words)?.ended(0)?;
        checked.check(checked.stdout.contains(" after SIGQUIT"), "a stop on SIGQUIT")?;
        Ok("both end it".into())
    }));
    rows
}
