//! A hostile app beside an init with the same uid: it cannot get into init, and init still ends it.

use crate::support::capability::FOUR;
use crate::support::cases;
use crate::support::protocol::Stream;
use crate::support::run::Run;
use crate::support::sandbox::{Sandbox, sandbox};

/// Ways into another process of the same uid that the kernel allows only to a process that may trace it.
const WAYS: [&str; 22] = [
    "write=/init",
    "read=/proc/1/exe",
    "write=/proc/1/exe",
    "link=/proc/1/exe",
    "execute=/proc/1/exe",
    "link=/proc/1/root",
    "list=/proc/1/root/etc",
    "link=/proc/1/cwd",
    "list=/proc/1/fd",
    "read=/proc/1/fd/0",
    "list=/proc/1/map_files",
    "read=/proc/1/environ",
    "read=/proc/1/mem",
    "memory=1",
    "read=/proc/1/maps",
    "read=/proc/1/auxv",
    "read=/proc/1/io",
    "ptrace=1",
    "seize=1",
    "peek=1",
    "poke=1",
    "borrow=1",
];

// CVE-2019-5736: an init with the app's uid that keeps running. It is not dumpable, so the kernel denies the app
// access.
#[test]
fn supervising_init_cannot_be_entered_by_the_app() {
    let step = "[[step]]\nname = 'first'\ncommand = ['witness']\n";
    for base in [
        sandbox(),
        sandbox().user(1001, 1001, FOUR),
        sandbox().config(step),
        sandbox().config(step).user(1001, 1001, 0),
    ] {
        let words: Vec<&str> = ["--supervise", "witness"].into_iter().chain(WAYS).collect();
        let run = base.with(|spec| spec.read_only = false).words(words).run();
        let app = run.app();
        for way in WAYS {
            run.check(
                ["EACCES", "EPERM", "ETXTBSY"].contains(&app.attempt(way)),
                &format!("a refusal of {way}, not {}", app.attempt(way)),
            );
        }
        run.untouched("/init");
    }
    cases("ways into PID 1", 4 * WAYS.len());
}

// A step runs as the user too, and beside an init that still has work to do.
#[test]
fn booting_init_cannot_be_entered_by_a_step() {
    for base in [sandbox(), sandbox().user(1001, 1001, FOUR)] {
        let words: Vec<String> = WAYS.iter().map(|way| format!("'{way}'")).collect();
        let step = format!("[[step]]\nname = 'x'\ncommand = ['witness', {}]\n", words.join(", "));
        let run = base.with(|spec| spec.read_only = false).config(step).run();
        for way in WAYS {
            let of = format!("init: step: x: try: {way}: ");
            let text = run.stderr();
            let result = text.lines().find_map(|line| line.strip_prefix(&of)).unwrap_or("missing");
            run.check(["EACCES", "EPERM", "ETXTBSY"].contains(&result), &format!("a refusal of {way}, not {result}"));
        }
    }
    cases("ways into PID 1 from a step", 2 * WAYS.len());
}

/// Runs one attack, which ends by exiting with 7 or by a stop signal, and checks how the container ends.
fn attacked(base: &Sandbox, attack: &str, to: &str, code: i32) -> Run {
    let run =
        base.clone().config("[stop]\ngrace = '300ms'\n").words(["--supervise", "witness", "hostile", attack, to]).run();
    run.check(!run.outcome.timed_out, &format!("that {attack} does not block init"));
    run.check(run.outcome.code == Some(code), &format!("exit code {code} after {attack} {to}"));
    run.check(run.outcome.took_ms < 20_000, &format!("an end within about the grace, not {} ms", run.outcome.took_ms));
    run.check(!run.stderr().contains("even SIGKILL"), "no remaining process");
    run
}

/// As PID 1, whose end kills every other process, and below another init, where it must kill them itself.
fn both() -> [Sandbox; 2] {
    [sandbox(), sandbox().with(|spec| spec.pid_one = false)]
}

fn exits_and_stops(attack: &str) -> usize {
    for base in both() {
        attacked(&base, attack, "to=exit", 7);
        attacked(&base, attack, "to=stop", 137);
    }
    4
}

#[test]
fn flood_of_signals_delays_neither_exit_nor_grace() {
    let floods = ["flood=1", "flood=15", "flood=17", "flood=40", "flood=64", "flood=1,2,3,10,12,15,17,28,40,64"];
    let count: usize = floods.into_iter().map(exits_and_stops).sum();
    cases("floods of signals", count);
}

#[test]
fn fork_bomb_is_ended() {
    for base in both() {
        let limited = base.limit(libc::RLIMIT_NPROC, 48);
        attacked(&limited, "bomb", "to=exit", 7);
        attacked(&limited, "bomb", "to=stop", 137);
    }
    cases("fork bombs", 4);
}

#[test]
fn daemons_are_ended_with_any_parent() {
    cases("daemons", exits_and_stops("daemons") + exits_and_stops("adopt"));
}

#[test]
fn stopped_app_is_ended() {
    for base in both() {
        attacked(&base, "stopped", "to=stop", 137);
    }
    cases("stopped apps", 2);
}

#[test]
fn app_without_descriptors_is_ended() {
    cases("apps without descriptors", exits_and_stops("closing"));
}

#[test]
fn full_streams_do_not_block_init() {
    let mut count = 0;
    for blocking in [true, false] {
        for base in both() {
            let full = base.with(|spec| {
                spec.streams = [Stream::Null, Stream::FullPipe { blocking }, Stream::FullPipe { blocking }]
            });
            attacked(&full, "fill", "to=exit", 7);
            attacked(&full, "fill", "to=stop", 137);
            count += 2;
        }
    }
    cases("full streams", count);
}

#[test]
fn kill_and_stop_do_not_end_pid_1() {
    attacked(&sandbox(), "kill", "to=exit", 7);
    attacked(&sandbox(), "kill", "to=stop", 137);
    // The app itself is among those that its helper kills.
    attacked(&sandbox(), "massacre", "to=stop", 137);
    cases("KILL and STOP to PID 1", 3);
}

// Its output must be read as fast as it comes, and its timeout must still be checked.
#[test]
fn endless_output_or_signals_of_a_step_end_at_its_timeout() {
    let mut count = 0;
    for attack in ["chatter", "flood=17", "flood=10,28"] {
        for base in both() {
            let step = format!(
                "[[step]]\nname = 'x'\ncommand = ['witness', 'hostile', '{attack}', 'to=nothing']\ntimeout = '300ms'\n"
            );
            let run = base.config(step).with(|spec| spec.streams[2] = Stream::Null).run();
            run.check(!run.outcome.timed_out && !run.started(), &format!("that {attack} ends at its timeout"));
            run.check(run.outcome.code == Some(70), "exit code 70");
            count += 1;
        }
    }
    cases("endless steps", count);
}

// The kernel lets a user change the limits of all their processes. PID 1 must work without the resources they take
// away.
#[test]
fn init_ends_an_app_that_lowers_its_resource_limits() {
    cases("resource limits of PID 1", exits_and_stops("squeeze"));
}

#[test]
fn attacks_on_the_terminal_end_with_the_app() {
    for base in both() {
        let terminal = base.with(|spec| {
            spec.streams = [Stream::Null, Stream::Terminal, Stream::Terminal];
            spec.start.controlling_terminal = true;
        });
        attacked(&terminal, "terminal", "to=exit", 7);
        attacked(&terminal, "terminal", "to=stop", 137);
    }
    cases("attacks on the terminal", 4);
}
