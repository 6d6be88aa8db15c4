//! Two hundred boots at once.

use std::thread;
use std::time::Instant;

use crate::support::cases;
use crate::support::run::Run;
use crate::support::sandbox::sandbox;

const BOOTS: usize = 200;

/// The number of launchers at a time, limited by the memory of their containers.
const AT_ONCE: usize = 200;

#[test]
fn two_hundred_boots_at_once() {
    let base = sandbox().tmpfs("/cache").config("[[tmpfs]]\npath = '/cache'\nmode = '0700'\n");
    let started = Instant::now();
    let runs: Vec<Run> = thread::scope(|scope| {
        let boots: Vec<_> = (0..AT_ONCE.min(BOOTS))
            .map(|number| {
                let boot = base.clone().words(["witness".to_owned(), number.to_string()]);
                // In turn: exec, supervision, check, refusal.
                let boot = match number % 4 {
                    0 => boot,
                    1 => boot.words(["--supervise".to_owned(), "witness".into(), number.to_string()]),
                    2 => boot.words(["--check=init", "witness"]).with(|spec| spec.env[1] = "HOME=/cache".into()),
                    _ => boot.words(["--user", "bogus", "witness"]),
                };
                scope.spawn(move || boot.run())
            })
            .collect();
        boots.into_iter().map(|boot| boot.join().unwrap()).collect()
    });
    let took = started.elapsed();
    for (number, run) in runs.iter().enumerate() {
        match number % 4 {
            0 | 1 => {
                run.app().is_dropped_to(1001, 1001, "1001");
                assert_eq!(run.app().all("argv")[1], number.to_string());
                run.owns("/cache", 1001, 1001, 0o700);
            }
            2 => run.check(run.outcome.code == Some(0) && run.stdout().contains("ok    drop"), "a passed check"),
            _ => drop(run.refused(78, &["--user: 'bogus'"])),
        }
    }
    let slowest = runs.iter().map(|run| run.outcome.took_ms).max().unwrap_or(0);
    cases(&format!("boots at once (all in {} ms, the slowest of them {slowest} ms)", took.as_millis()), BOOTS);
}
