//! Steps and the boot check: a stopped (frozen) process, leftovers, and a stop meanwhile.

use super::peer::Init;
use super::pty::Pty;
use super::running::Running;
use super::stage::{Stage, only_own, signal_app};
use super::table::{Try, scenario};

/// A step or root step of this shell script.
fn step(kind: &str, script: &str) -> String {
    format!("[[{kind}]]\nname = 'one'\ncommand = ['/bin/sh', '-c', '''{script}''']\n")
}

#[test]
fn stopped_step() {
    for (script, signal) in [
        ("read x < /dev/tty", "SIGTTIN"),
        ("stty -echo < /dev/tty", "SIGTTOU"),
        ("kill -STOP $$$$", "SIGSTOP"),
        ("kill -TSTP $$$$; echo went on", "SIGTSTP"),
    ] {
        scenario(&format!("step: stopped by {signal} ends the boot"), |init| {
            only_own(init)?;
            let stage = Stage::of(init).config(&step("step", script)).terminal(Pty::new(), true);
            let mut run = stage.app("exit 7").start()?;
            run.line(&format!("fatal: step 'one' was stopped by {signal}; fix: "))?;
            run.ends("code 70")
        });
    }
}

/// A root step whose leftover runs as another user, which root without CAP_KILL cannot signal.
fn beyond_reach(script: &str) -> Stage {
    let left = format!("setpriv --reuid 65534 --regid 65534 --clear-groups {script} & exit 0");
    let next = "[[step]]\nname = 'two'\ncommand = ['/bin/true']\n";
    Stage::of(Init::Stepdown).option("four").config(&(step("root_step", &left) + next)).app("exit 7")
}

#[test]
fn process_of_another_user() {
    scenario("step: a process of another user that writes does not hold up the boot", |init| {
        only_own(init)?;
        let mut run = beyond_reach("yes").start()?;
        run.ends("code 7")?;
        let named = run.logged("SIGKILL does not end yes (pid ")
            && run.logged("; fix: add KILL to the capabilities of the root step");
        run.check(named, "the process that is left and a fix")
    });
}

// The fix of the warning above.
#[test]
fn process_of_another_user_with_kill() {
    scenario("step: with CAP_KILL a root step's process of another user is ended", |init| {
        only_own(init)?;
        let script = "setpriv --reuid 65534 --regid 65534 --clear-groups sleep 1000 & exit 0";
        let config = step("root_step", script) + "capabilities = ['KILL']\n";
        let (mut run, _) = Stage::of(init).config(&config).app("exit 0").ended()?;
        let ended = run.logged("step one left ") && !run.logged("SIGKILL does not end ");
        run.check(ended, "that it is ended")
    });
}

#[test]
fn stop_during_leftovers() {
    scenario("step: a stop that comes while leftovers are ended stops the boot", |init| {
        only_own(init)?;
        let next = "[[step]]\nname = 'two'\ncommand = ['/bin/true']\n";
        let config = step("step", "trap \"\" TERM; sleep 1000 & exit 0") + next;
        let mut run = Stage::of(init).config(&config).terminal(Pty::new(), true).app("exit 7").start()?;
        run.line("step one left ")?;
        run.signal(15)?;
        run.line("stopped by signal 15 during the step 'two'")?;
        run.ends("code 143")
    });
}

#[test]
fn configured_stop_during_a_step() {
    let script = step("step", "echo began; sleep 1000");
    let root_script = step("root_step", "echo began; sleep 1000");
    let wait = "[[step]]\nname = 'one'\nwait = { file = '/nosuch' }\ntimeout = '20s'\n";
    for (kind, steps, line) in [
        ("step", script.as_str(), "step: one: began"),
        ("root step", &root_script, "step: one: began"),
        ("wait", wait, "step one: waiting for "),
    ] {
        for (name, signal) in [("USR1", 10), ("RTMIN+3", 37), ("WINCH", 28)] {
            scenario(&format!("{kind}: the configured stop signal {name} stops the boot"), |init| {
                only_own(init)?;
                let config = format!("[stop]\nsignal = '{name}'\n{steps}");
                let stage = Stage::of(init).config(&config).terminal(Pty::new(), true);
                let mut run = stage.app("exit 7").start()?;
                run.line(line)?;
                run.signal(signal)?;
                run.line(&format!("stopped by signal {signal} during the step 'one'"))?;
                run.ends(&format!("code {}", 128 + signal))
            });
        }
    }
}

#[test]
fn other_signals_wait_for_the_app() {
    scenario("step: a signal that is no stop waits for the app", |init| {
        only_own(init)?;
        let config = step("step", "kill -USR2 1") + "[stop]\nsignal = 'USR1'\n";
        let sleep = ["/bin/sleep", "1000"].map(str::to_owned);
        let mut run = Stage::of(init).config(&config).command(sleep).start()?;
        run.ends("code 140")
    });
}

/// A check of this app as the container's command, on a terminal; until the line about the stop or the app's failure.
fn checked(init: Init, app: &[&str], supervise: bool) -> Try<Running> {
    let config = format!(
        "[boot_check]\nsettle = '1s'\nrequire_read_only_root = false\n[role]\ndefault = 'app'\n\
         [roles.app]\nsupervise = {supervise}\n"
    );
    let stage = Stage::of(init).by_role().flags(Init::Stepdown, &["--check"]).config(&config);
    let words = app.iter().map(|word| word.replace("{app}", &signal_app()));
    stage.terminal(Pty::new(), true).command(words).start()
}

#[test]
fn check_on_a_terminal() {
    for supervise in [true, false] {
        scenario(&format!("check: an app that reads the terminal, supervise = {supervise}"), |init| {
            only_own(init)?;
            let mut run = checked(init, &["{app}", "term", "eager"], supervise)?;
            run.type_in("hello\n")?;
            run.line("typed <hello>")?;
            run.line("ok    app: up for 1s; the role has no health check")?;
            run.line("ok    stop: ")?;
            run.end().map(drop)
        });
    }
}

#[test]
fn check_names_a_frozen_app() {
    scenario("check: a stopped app is named, and killed", |init| {
        only_own(init)?;
        let mut run = checked(init, &["/bin/sh", "-c", "kill -STOP $$"], true)?;
        run.line("FAIL  app: was stopped (frozen) by SIGSTOP within 1s; fix: ")?;
        run.ends("code 1")?;
        let more = run.has_said(" stop: ") || run.has_said("left sh");
        run.check(!more, "no line about its stop or as a leftover")
    });
}

#[test]
fn check_with_a_health_check_that_always_passes() {
    scenario("check: a role with a health check is not said to have none", |init| {
        only_own(init)?;
        let config = "[boot_check]\nsettle = '100ms'\nrequire_read_only_root = false\n[role]\ndefault = 'app'\n\
            [roles.app]\nhealth = { file = '/etc/passwd' }\n";
        let stage = Stage::of(init).by_role().flags(Init::Stepdown, &["--check"]).config(config).app("listen");
        let mut run = stage.start()?;
        run.ends("code 1")?;
        let told = run.has_said("FAIL  health: passes before the app was started: the file is from another run")
            && run.said().iter().any(|line| line == "ok    app: up for 100ms");
        run.check(told, "one failure of the health check")
    });
}
