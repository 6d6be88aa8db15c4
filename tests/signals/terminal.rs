//! A real terminal, with the init as PID 1 and session leader, as under `podman run -t`.

use super::peer::Init;
use super::pty::Pty;
use super::running::Running;
use super::stage::Stage;
use super::table::{Try, scenario};

const CTRL_C: &str = "\u{3}";
const CTRL_Z: &str = "\u{1a}";

/// The terminal as standard input too, or `/dev/null`.
fn on_terminal(init: Init, input: bool) -> Try<Running> {
    let mut run = Stage::of(init).terminal(Pty::new(), input).app("term").start()?;
    run.ready()?;
    Ok(run)
}

/// Typed input reaches the app, which can then end.
fn hears(run: &mut Running) -> Try {
    run.type_in("hello\n")?;
    run.line("typed <hello>")?;
    run.type_in("exit 4\n")?;
    run.ends("code 4")
}

#[test]
fn typed_input() {
    scenario("terminal: typed input", |init| hears(&mut on_terminal(init, true)?));
}

// tini gives its child the foreground only if standard input is the terminal.
#[test]
fn typed_input_without_standard_input() {
    scenario("terminal: typed input on /dev/tty, standard input from /dev/null", |init| {
        hears(&mut on_terminal(init, false)?)
    });
}

#[test]
fn typed_input_of_the_user() {
    scenario("terminal: the same, started at uid 1001", |init| {
        let mut run = Stage::of(init).option("uid=1001").terminal(Pty::new(), false).app("term").start()?;
        run.ready()?;
        hears(&mut run)
    });
}

#[test]
fn ctrl_c() {
    for (input, name) in [(true, "terminal"), (false, "/dev/null")] {
        scenario(&format!("terminal: Ctrl-C, standard input from {name}"), |init| {
            let mut run = on_terminal(init, input)?;
            run.type_in(CTRL_C)?;
            run.line("got 2")?;
            hears(&mut run)
        });
    }
}

// There is no shell that would continue it.
#[test]
fn ctrl_z() {
    scenario("terminal: Ctrl-Z under PID 1 freezes nothing", |init| {
        let mut run = on_terminal(init, true)?;
        for _ in 0..3 {
            run.type_in(CTRL_Z)?;
            run.line("got 18")?;
        }
        hears(&mut run)
    });
}

// A forwarded stop signal that the app ignored must not affect the next one.
#[test]
fn ctrl_z_after_an_ignored_stop() {
    scenario("terminal: Ctrl-Z after a forwarded TSTP that the app ignored", |init| {
        let mut run = Stage::of(init).terminal(Pty::new(), true).app("term stubborn").start()?;
        run.ready()?;
        run.signal(20)?;
        // The kernel delivers the lower number first: when this signal has arrived, the stop signal has too.
        run.signal(23)?;
        run.line("got 23")?;
        run.signal(10)?;
        run.line("got 10")?;
        run.type_in(CTRL_Z)?;
        run.line("got 18")?;
        hears(&mut run)
    });
}

#[test]
fn window_size() {
    scenario("terminal: a new window size", |init| {
        let mut run = on_terminal(init, true)?;
        if let Some(pty) = &run.pty {
            pty.resize(40, 132);
        }
        run.line("size 40 by 132")?;
        hears(&mut run)
    });
}

#[test]
fn hang_up() {
    scenario("terminal: a hang-up's HUP reaches the app, and the init stays", |init| {
        let mut run = on_terminal(init, true)?;
        // The kernel sends HUP to the session leader.
        run.signal(1)?;
        run.line("got 1")?;
        hears(&mut run)
    });
}
