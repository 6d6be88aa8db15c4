//! Forwarding: the signals sent to the init and those that the app gets.

use super::peer::Init::{Catatonit, Dumb, Tini};
use super::running::Running;
use super::stage::{Stage, only_own, signal_app};
use super::table::{Not, Try, scenario};

const HUP: i32 = 1;
const USR1: i32 = 10;
const USR2: i32 = 12;
const TERM: i32 = 15;

/// A started init with an app that prints the signals it gets.
fn listening(stage: Stage) -> Try<Running> {
    let mut run = stage.app("listen").start()?;
    run.ready()?;
    Ok(run)
}

/// Each signal arrives. They are sent one after the other, since some discard pending others.
fn each_arrives(run: &mut Running, signals: impl IntoIterator<Item = i32>) -> Try {
    for signal in signals {
        run.signal(signal)?;
        run.line(&format!("got {signal} "))?;
    }
    Ok(())
}

/// It still forwards signals, and ends with its app.
fn then_ends_well(run: &mut Running) -> Try {
    run.signal(TERM)?;
    run.line("got 15 ")?;
    run.ends("code 0")
}

// tini leaves out ILL, TRAP, ABRT, BUS, FPE, SEGV, SYS, TTIN and TTOU, catatonit TSTP too.
#[test]
fn every_standard_signal() {
    scenario("forward: every signal from 1 to 31", |init| {
        let mut run = listening(Stage::of(init))?;
        each_arrives(&mut run, (1..=31).filter(|signal| ![9, 19, TERM].contains(signal)))?;
        then_ends_well(&mut run)
    });
}

#[test]
fn supervised_by_its_role() {
    scenario("forward: a role with supervise = true, its own command", |init| {
        only_own(init)?;
        let config = format!(
            "[role]\ndefault = \"web\"\n[roles.web]\nsupervise = true\ncommand = [\"{}\", \"listen\"]\n",
            signal_app()
        );
        let mut run = Stage::of(init).by_role().config(&config).start()?;
        run.ready()?;
        each_arrives(&mut run, [HUP, 11, 64])?;
        then_ends_well(&mut run)
    });
}

#[test]
fn fault_signals() {
    scenario("forward: ILL, TRAP, ABRT, BUS, FPE, SEGV, SYS", |init| {
        let mut run = listening(Stage::of(init))?;
        each_arrives(&mut run, [4, 5, 6, 7, 8, 11, 31])?;
        then_ends_well(&mut run)
    });
}

// dumb-init's table has only 32 entries.
#[test]
fn every_real_time_signal() {
    scenario("forward: every real-time signal from 32 to 64", |init| {
        let mut run = listening(Stage::of(init))?;
        each_arrives(&mut run, 32..=64)?;
        then_ends_well(&mut run)
    });
}

#[test]
fn queued_values() {
    scenario("forward: queued signals keep number, order and value", |init| {
        let mut run = listening(Stage::of(init))?;
        for value in [1_u64, 2, u64::from(u32::MAX) + 7, u64::MAX, 3] {
            run.queue(40, value)?;
        }
        for value in [1_u64, 2, u64::from(u32::MAX) + 7, u64::MAX, 3] {
            let line = run.line("got 40 ")?;
            run.check(line == format!("got 40 code -1 value {value}"), format!("the value {value}, not '{line}'"))?;
        }
        run.queue(USR1, 77)?;
        let line = run.line("got 10 ")?;
        run.check(line == "got 10 code -1 value 77", format!("the value 77, not '{line}'"))?;
        then_ends_well(&mut run)
    });
}

// tini ends on the first one; the others never deliver it.
#[test]
fn dropped_without_cap_kill() {
    scenario("forward: root without CAP_KILL, the app at uid 1001", |init| {
        let mut run = listening(Stage::of(init).option("four").user_by_setpriv())?;
        each_arrives(&mut run, [HUP, USR1, 28])?;
        then_ends_well(&mut run)
    });
}

#[test]
fn started_as_the_user() {
    scenario("forward: started at uid 1001", |init| {
        let mut run = listening(Stage::of(init).option("uid=1001"))?;
        each_arrives(&mut run, [HUP, USR1, 28, 44])?;
        then_ends_well(&mut run)
    });
}

/// Blocked from the start, so that the app prints it instead of being killed.
fn early(stage: Stage) -> Try {
    let mut run = stage.option("early=15").option("block=15").app("listen").start()?;
    run.ends("code 0")?;
    let said = run.has_said("got 15 ");
    run.check(said, "a delivery to the app")
}

#[test]
fn early_term() {
    scenario("early: TERM before the app exists is delivered to it", |init| early(Stage::of(init)));
}

#[test]
fn early_term_is_fatal() {
    scenario("early: TERM before the app exists ends an app that does not handle it", |init| {
        let mut run =
            Stage::of(init).option("early=15").command(["/bin/sleep".to_owned(), "1000".to_owned()]).start()?;
        run.ends("code 143")
    });
}

// tini and dumb-init send it to a group that does not exist yet.
#[test]
fn early_term_to_the_group() {
    scenario("early: the same in group mode", |init| early(Stage::of(init).group()));
}

#[test]
fn terminal_stops() {
    scenario("forward: TSTP, TTIN, TTOU unchanged, without stopping the init", |init| stops(Stage::of(init)));
}

// dumb-init turns each into STOP.
#[test]
fn terminal_stops_to_the_group() {
    scenario("forward: the same three in group mode", |init| stops(Stage::of(init).group()));
}

fn stops(stage: Stage) -> Try {
    let mut run = stage.app("state").start()?;
    let line = run.line("state SigBlk:")?;
    run.check(line.ends_with(" 0000000000000000"), format!("no blocked signal in the app: {line}"))?;
    run.ready()?;
    for signal in [20, 21, 22] {
        each_arrives(&mut run, [signal, USR1])?;
    }
    then_ends_well(&mut run)
}

#[test]
fn a_stop_and_a_continue() {
    scenario("forward: TSTP stops an app that does not catch it, CONT continues it", |init| {
        // The app of the terminal scenarios keeps the default action of stop signals; without a terminal it only
        // listens.
        let mut run = Stage::of(init).terminal(super::pty::Pty::new(), false).app("term").start()?;
        let app = i32::try_from(run.ready()?).unwrap();
        run.signal(20)?;
        run.until("that the app stops", |run| run.processes().contains(&(app, 'T')))?;
        run.signal(18)?;
        run.line("got 18")?;
        run.signal(TERM)?;
        run.ends("code 0")
    });
}

#[test]
fn to_the_app_alone() {
    scenario("forward: only to the app by default", |init| {
        let mut run = Stage::of(init).app("listen pair").start()?;
        run.ready()?;
        run.signal(USR1)?;
        run.line("got 10 ")?;
        // A second round: the child would have printed signals of the first one by now.
        run.signal(USR2)?;
        run.line("got 12 ")?;
        let child = run.has_said("child got 10 ");
        run.check(!child, "no signal in the child")
    });
}

#[test]
fn to_the_group() {
    scenario("forward: to the whole group in group mode", |init| {
        let mut run = Stage::of(init).group().app("listen pair").start()?;
        run.ready()?;
        run.signal(USR1)?;
        run.until_both("got 10 ")?;
        run.signal(USR2)?;
        run.until_both("got 12 ")
    });
}

impl Running {
    /// The app and its child print it, in either order.
    fn until_both(&mut self, text: &str) -> Try {
        let first = self.line(text)?;
        let second = self.line(text)?;
        self.check(first.starts_with("child ") != second.starts_with("child "), format!("'{text}' from both"))
    }
}

// tini treats it as fatal for itself.
#[test]
fn refused_by_the_kernel() {
    for (errno, name) in [(1, "EPERM"), (3, "ESRCH")] {
        scenario(&format!("forward: {name} from the kernel is survived"), |init| {
            let mut run = Stage::of(init).option(format!("answer={errno}")).app("listen alarm=300").start()?;
            run.ready()?;
            for signal in [HUP, USR1, 40] {
                run.signal(signal)?;
            }
            run.queue(41, 5)?;
            // By its own timer, since no signal reaches it.
            run.line("got 14 ")?;
            run.asleep()?;
            let alive = run.processes().len() == 2;
            run.check(alive, "both processes still running")
        });
    }
}

#[test]
fn rewritten() {
    scenario("rewrite: HUP to TERM, USR2 to a real-time signal, USR1 dropped", |init| {
        if matches!(init, Tini | Catatonit) {
            return Err(Not::Applicable);
        }
        let config = "[supervise]\nsignals = { HUP = \"TERM\", USR2 = \"RTMIN+3\", USR1 = \"\" }\n";
        // dumb-init only knows numbers up to 31.
        let flags = ["--rewrite", "1:15", "--rewrite", "10:0", "--rewrite", "12:3"];
        let usr2 = if init.is_own() { 37 } else { 3 };
        let mut run = listening(Stage::of(init).config(config).flags(Dumb, &flags))?;
        run.signal(USR1)?;
        run.signal(USR2)?;
        run.line(&format!("got {usr2} "))?;
        run.signal(HUP)?;
        run.line("got 15 ")?;
        run.ends("code 0")?;
        let dropped = ["got 10 ", "got 12 ", "got 1 "].iter().all(|text| !run.has_said(text));
        run.check(dropped, "only rewritten signals")
    });
}

#[test]
fn rewritten_real_time_signals() {
    scenario("rewrite: from a real-time signal, by number and by name", |init| {
        only_own(init)?;
        let config = "[supervise]\nsignals = { 45 = \"SIGINT\", \"RTMIN+3\" = \"HUP\", SIGRTMAX = \"QUIT\" }\n";
        let mut run = listening(Stage::of(init).config(config))?;
        for (from, to) in [(45, 2), (37, 1), (64, 3)] {
            run.signal(from)?;
            run.line(&format!("got {to} "))?;
        }
        then_ends_well(&mut run)
    });
}

#[test]
fn a_rewritten_stop_starts_the_grace() {
    scenario("rewrite: a signal that becomes TERM starts the grace", |init| {
        only_own(init)?;
        let mut run = Stage::of(init)
            .config("[stop]\ngrace = \"300ms\"\n[supervise]\nsignals = { HUP = \"TERM\" }\n")
            .app("listen deaf")
            .start()?;
        run.ready()?;
        run.signal(HUP)?;
        run.ends("code 137")
    });
}

// dumb-init, tini and catatonit take it for a signal of the kernel.
#[test]
fn sigchld_from_a_process() {
    scenario("forward: CHLD sent by a process, after children ended", |init| {
        let mut run = Stage::of(init).app("storm 100 50").start()?;
        run.ready()?;
        // A pending SIGCHLD of the kernel would merge with it.
        run.until("that all are reaped", |run| run.processes().len() == 2)?;
        run.asleep()?;
        run.signal(17)?;
        run.line("got 17 ")?;
        then_ends_well(&mut run)
    });
}
