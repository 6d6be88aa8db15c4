//! Job control under an interactive bash on a real terminal: the init behaves like any other job.

use super::peer::Init;
use super::pty::Pty;
use super::running::Running;
use super::stage::{Stage, signal_app};
use super::table::{Not, Try, failed, scenario};

const CTRL_C: &str = "\u{3}";
const CTRL_Z: &str = "\u{1a}";

/// A bash below a PID 1 that only reaps.
fn shell(init: Init) -> Try<Running> {
    let words = ["/bin/bash", "--norc", "--noprofile", "-i"].map(str::to_owned);
    if !std::path::Path::new(&words[0]).exists() {
        return Err(Not::Applicable);
    }
    let mut run = Stage::of(init).without_init().below().terminal(Pty::new(), true).command(words).start()?;
    prompt(&mut run)?;
    Ok(run)
}

/// Waits until the shell reads commands.
fn prompt(run: &mut Running) -> Try {
    run.forget();
    run.type_in("echo mark$((40+2))\n")?;
    run.line("mark42").map(drop)
}

/// Types the init's command line.
fn job(run: &mut Running, app: &[String], end: &str) -> Try {
    let words = Stage::of(run.init).below().command(app.iter().cloned()).words();
    run.type_in(&format!("{}{end}\n", words.join(" ")))
}

fn with_terminal_app(init: Init) -> Try<(Running, i32)> {
    let mut run = shell(init)?;
    job(&mut run, &[signal_app(), "term".into()], "")?;
    let app = i32::try_from(run.ready()?).unwrap();
    foreground(&mut run, true)?;
    Ok((run, app))
}

/// Waits until the job or the shell is in the terminal's foreground.
fn foreground(run: &mut Running, job: bool) -> Try {
    let who = if job { "job" } else { "shell" };
    run.until(&format!("the {who} in the foreground"), |run| {
        run.pty.as_ref().is_some_and(|pty| (pty.foreground() != run.pid) == job)
    })
}

/// Typed input reaches the app; then its exit code reaches the shell, which gets its terminal back.
fn hears(run: &mut Running) -> Try {
    run.type_in("hello\n")?;
    run.line("typed <hello>")?;
    run.type_in("exit 5\n")?;
    run.line("typed <exit 5>")?;
    exit_code(run, 5)
}

/// The same after `fg` of a running background job: the shell then sends no signal, so the init notices only when its
/// app tries to read.
fn hears_from_the_background(run: &mut Running) -> Try {
    foreground(run, true)?;
    // The foreground group is the init's own, which it leads.
    let init = run.pty.as_ref().map_or(0, Pty::foreground);
    // SAFETY: takes integers only; the job is the shell's, which has not ended.
    unsafe { libc::kill(init, libc::SIGUSR2) };
    run.line("got 12")?;
    hears(run)
}

fn exit_code(run: &mut Running, code: i32) -> Try {
    foreground(run, false)?;
    run.type_in("echo code=$?\n")?;
    run.line(&format!("code={code}")).map(drop)
}

/// Stops the app by Ctrl-Z; the shell sees a stopped job.
fn stop(run: &mut Running, app: i32) -> Try {
    run.forget();
    run.type_in(CTRL_Z)?;
    run.line("Stopped")?;
    foreground(run, false)?;
    run.until("the app stopped", |run| run.processes().contains(&(app, 'T')))?;
    prompt(run)
}

#[test]
fn runs() {
    scenario("shell: typed input, and the exit code", |init| hears(&mut with_terminal_app(init)?.0));
}

#[test]
fn ctrl_c() {
    scenario("shell: Ctrl-C", |init| {
        let (mut run, _) = with_terminal_app(init)?;
        run.type_in(CTRL_C)?;
        run.line("got 2")?;
        hears(&mut run)
    });
}

#[test]
fn ctrl_c_is_fatal() {
    scenario("shell: Ctrl-C of an app that does not handle it", |init| {
        let mut run = shell(init)?;
        job(&mut run, &["/bin/cat".into()], "")?;
        foreground(&mut run, true)?;
        run.type_in("hello\n")?;
        // The terminal's echo comes before the app's line.
        run.line("hello")?;
        run.line("hello")?;
        run.type_in(CTRL_C)?;
        exit_code(&mut run, 130)
    });
}

// tini does not see that its child stopped, so the shell waits forever.
#[test]
fn stop_and_foreground() {
    scenario("shell: Ctrl-Z, fg, twice", |init| {
        let (mut run, app) = with_terminal_app(init)?;
        for _ in 0..2 {
            stop(&mut run, app)?;
            run.type_in("fg\n")?;
            run.line("got 18")?;
            foreground(&mut run, true)?;
        }
        hears(&mut run)
    });
}

// A second SIGCONT that is still pending at the next Ctrl-Z would undo it.
#[test]
fn continued_once() {
    scenario("shell: Ctrl-Z, fg: one SIGCONT for the app", |init| {
        let (mut run, app) = with_terminal_app(init)?;
        stop(&mut run, app)?;
        run.type_in("fg\n")?;
        run.line("got 18")?;
        hears(&mut run)?;
        let times = run.said().iter().filter(|line| line.contains("got 18")).count();
        run.check(times == 1, format!("one, not {times}"))
    });
}

#[test]
fn stop_and_background() {
    scenario("shell: Ctrl-Z, bg, fg", |init| {
        let (mut run, app) = with_terminal_app(init)?;
        stop(&mut run, app)?;
        run.type_in("bg\n")?;
        run.line("got 18")?;
        prompt(&mut run)?;
        run.type_in("jobs\n")?;
        run.line("Running")?;
        run.type_in("fg\n")?;
        hears_from_the_background(&mut run)
    });
}

#[test]
fn started_in_the_background() {
    scenario("shell: started with &, then fg", |init| {
        let mut run = shell(init)?;
        job(&mut run, &[signal_app(), "term".into()], " &")?;
        run.ready()?;
        prompt(&mut run)?;
        run.type_in("fg\n")?;
        hears_from_the_background(&mut run)
    });
}

#[test]
fn stopped_again_after_the_background() {
    scenario("shell: Ctrl-Z, bg, fg, Ctrl-C, Ctrl-Z, fg", |init| {
        let (mut run, app) = with_terminal_app(init)?;
        stop(&mut run, app)?;
        run.type_in("bg\n")?;
        run.line("got 18")?;
        prompt(&mut run)?;
        run.type_in("fg\n")?;
        foreground(&mut run, true)?;
        run.type_in(CTRL_C)?;
        run.line("got 2")?;
        stop(&mut run, app)?;
        run.type_in("fg\n")?;
        run.line("got 18")?;
        foreground(&mut run, true)?;
        hears(&mut run)
    });
}

#[test]
fn window_size() {
    scenario("shell: a new window size", |init| {
        let (mut run, _) = with_terminal_app(init)?;
        match &run.pty {
            Some(pty) => pty.resize(50, 99),
            None => return failed("there is no terminal"),
        }
        run.line("got 28")?;
        run.line("size 50 by 99")?;
        hears(&mut run)
    });
}

// The shell's first child may make the pipeline's group the foreground group after the init did so for its app.
#[test]
fn in_a_pipeline() {
    scenario("shell: in a pipeline, its input a pipe", |init| {
        let mut run = shell(init)?;
        let words = Stage::of(init).below().command([signal_app(), "term".into(), "eager".into()]).words();
        run.type_in(&format!("true | {}\n", words.join(" ")))?;
        run.ready()?;
        foreground(&mut run, true)?;
        hears(&mut run)
    });
}
