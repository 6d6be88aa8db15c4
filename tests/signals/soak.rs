//! Thousands of orphans and signals in a few seconds.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use super::quiet::anonymous;
use super::running::Running;
use super::stage::Stage;
use super::table::{Try, failed, note, scenario};

/// The number of signals that may be queued at a time, far below the kernel's limit.
const AHEAD: u64 = 256;

/// Sends that many, in turn over six real-time signals, each with a sequence number, and waits for the app's count.
fn burst(run: &mut Running, counts: &mut BTreeMap<i32, u64>, sent: &mut u64, counted: &mut u64, number: u64) -> Try {
    let until = *sent + number;
    while *sent < until {
        while *sent - *counted >= AHEAD {
            *counted = run.number("counted ")?;
        }
        let signal = 34 + i32::try_from(*sent % 6).unwrap() * 6;
        let value = counts.entry(signal).or_default();
        *value += 1;
        if !run.queue(signal, *value)? {
            return failed("the queue of signals is full");
        }
        *sent += 1;
        // Standard signals, which the kernel may merge.
        if (*sent).is_multiple_of(100) {
            run.signal(1)?;
        }
    }
    while *counted < until {
        *counted = run.number("counted ")?;
    }
    Ok(())
}

fn cost(run: &mut Running) -> Try<(u64, usize)> {
    run.asleep()?;
    let memory = anonymous(run)?;
    Ok((memory, fs::read_dir(format!("/proc/{}/fd", run.pid)).map_or(0, Iterator::count)))
}

#[test]
fn orphans_and_signals() {
    scenario("soak: 64,000 queued signals, 8,000 orphans: none lost, no zombie, memory flat", |init| {
        let mut run = Stage::of(init).app("count").start()?;
        run.ready()?;
        let (mut counts, mut sent, mut counted) = (BTreeMap::new(), 0, 0);
        burst(&mut run, &mut counts, &mut sent, &mut counted, 6_400)?;
        let before = cost(&mut run)?;
        let started = Instant::now();
        for _ in 0..9 {
            burst(&mut run, &mut counts, &mut sent, &mut counted, 6_400)?;
            run.until("no zombie", |run| run.processes().iter().all(|(_, state)| *state != 'Z'))?;
        }
        run.check(started.elapsed() < Duration::from_secs(20), "an end within 20 seconds")?;
        let after = cost(&mut run)?;
        run.check(before == after, format!("no growth: {before:?} KiB and descriptors became {after:?}"))?;
        note(format!(
            "soak: {init} {} KiB and {} descriptors, before and after; {:?}",
            after.0,
            after.1,
            started.elapsed()
        ));
        run.until("two processes", |run| run.processes().len() == 2)?;
        run.signal(15)?;
        let line = run.line("in all ")?;
        // Other inits forward them without their values, so for them only the count matters.
        run.check(line.starts_with(&format!("in all {sent} ")), format!("{sent} signals: {line}"))?;
        run.check(!init.is_own() || line.ends_with("disorder 0"), format!("signals in order: {line}"))?;
        run.ends("code 0")
    });
}
