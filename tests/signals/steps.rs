//! Steps and the boot check: a stopped (frozen) process, leftovers, and a stop meanwhile.

use super::peer::Init;
use super::pty::Pty;
use super::running::Running;
use super::stage::{Stage, only_own};
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
