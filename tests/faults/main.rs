//! Makes every system call of a boot fail in turn, and report false success: each occurrence alone, then every
//! occurrence, as a seccomp filter does.
//!
//! The cases are generated from the record of an undisturbed boot, so that a new call is tested automatically. In each
//! case the app runs exactly as in the undisturbed boot, or it does not run and one record says why; other results are
//! allowed only by a table that gives the reason.
//!
//! Each occurrence gets two errnos in turn and false success; `STEPDOWN_FAULTS=all` tries all errnos.
//! `STEPDOWN_CASES=TEXT` runs only the cases with that text in their name.

#![allow(unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../support/mod.rs"]
mod support;

mod cases;
mod judge;
mod names;
mod scenes;
mod table;
mod tolerated;

use std::io::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use cases::Case;
use judge::Verdict;
use table::Table;

/// Calls newer than the oldest supported kernel, or unknown to older filters: a boot must work without them.
const DISPENSABLE: [i64; 8] = [
    libc::SYS_openat2,
    libc::SYS_close_range,
    libc::SYS_statx,
    libc::SYS_faccessat2,
    libc::SYS_fchmodat2,
    libc::SYS_pidfd_open,
    libc::SYS_getrandom,
    libc::SYS_clone3,
];

const WORKERS: usize = 2;

#[test]
fn no_failing_system_call_starts_the_app_with_more_privilege() {
    let began = Instant::now();
    let scenes = scenes::all();
    let cleans: Vec<judge::Clean> = scenes.iter().map(judge::clean).collect();
    let all = std::env::var("STEPDOWN_FAULTS").is_ok_and(|value| value == "all");
    let only = std::env::var("STEPDOWN_CASES").unwrap_or_default();
    let name = |case: &Case| case.shown(scenes[case.scene].name);
    let mut cases: Vec<Case> =
        cleans.iter().enumerate().flat_map(|(scene, clean)| cases::of(scene, &clean.calls, all)).collect();
    cases.retain(|case| name(case).contains(&only));

    let next = AtomicUsize::new(0);
    let told = Mutex::new((Table::default(), Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let scene = &scenes[case.scene];
                    let run = judge::disturbed(scene, case);
                    let verdict = judge::judge(scene, case, &cleans[case.scene], &run);
                    let mut told = told.lock().unwrap();
                    match verdict {
                        Ok(Verdict::Refused) if case.is_absence() && DISPENSABLE.contains(&case.fault.call) => {
                            told.1.push(format!("{}: does not boot without this call\n{}", name(case), run.shown()));
                        }
                        Ok(verdict) => told.0.add(case, verdict),
                        Err(wrong) => told.1.push(format!("{}: {}\n{}", name(case), wrong.join("; "), run.shown())),
                    }
                }
            });
        }
    });
    let (table, wrong) = told.into_inner().unwrap();
    // Written directly, because the test harness captures `println!`.
    let _ = writeln!(std::io::stderr(), "{}\n{} cases in {} s", table.print(), cases.len(), began.elapsed().as_secs());
    let shown: Vec<&str> = wrong.iter().take(10).map(String::as_str).collect();
    let heads: Vec<&str> = wrong.iter().map(|one| one.lines().next().unwrap_or("")).collect();
    assert!(wrong.is_empty(), "{} cases are wrong\n{}\n\n{}", wrong.len(), shown.join("\n\n"), heads.join("\n"));
}
