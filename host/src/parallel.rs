//! Runs independent pieces of work in threads. Only the calling thread reports their results.

use std::{
    sync::{
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use crate::failure::Failure;

/// Runs `work` for each index below `count`, `at_once` of them at a time, and returns the results in the order of
/// the indexes. After a failure no further piece starts. `ended` is called here, when a piece has ended.
pub(crate) fn each<T: Send>(
    count: usize,
    at_once: usize,
    work: impl Fn(usize) -> Result<T, Failure> + Sync,
    mut ended: impl FnMut(usize, &Result<T, Failure>, Duration),
) -> Result<Vec<T>, Failure> {
    let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let (sender, receiver) = mpsc::channel();
    let mut results: Vec<(usize, Result<T, Failure>)> = thread::scope(|scope| {
        for _ in 0..at_once.clamp(1, count.max(1)) {
            let (sender, work, next, failed) = (sender.clone(), &work, &next, &failed);
            scope.spawn(move || {
                while !failed.load(Ordering::SeqCst) {
                    let at = next.fetch_add(1, Ordering::SeqCst);
                    if at >= count {
                        return;
                    }
                    let began = Instant::now();
                    let result = work(at);
                    if result.is_err() {
                        failed.store(true, Ordering::SeqCst);
                    }
                    if sender.send((at, result, began.elapsed())).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let ended = receiver.iter().map(|(at, result, took)| {
            ended(at, &result, took);
            (at, result)
        });
        ended.collect()
    });
    results.sort_by_key(|(at, _)| *at);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn results_are_in_order_and_work_overlaps() {
        // Each waits for the other, so they end only if they run at the same time.
        let both = Barrier::new(2);
        let work = |at: usize| {
            both.wait();
            Ok(at * 10)
        };
        let mut seen = 0;
        assert_eq!(each(2, 2, work, |_, _, _| seen += 1).unwrap(), [0, 10]);
        assert_eq!(seen, 2);
    }

    #[test]
    fn nothing_starts_after_a_failure() {
        let started = AtomicUsize::new(0);
        let work = |at: usize| {
            started.fetch_add(1, Ordering::SeqCst);
            if at == 1 { Err(Failure::new("second", "it fails").bug()) } else { Ok(()) }
        };
        assert_eq!(each(4, 1, work, |_, _, _| ()).unwrap_err().what, "second");
        assert_eq!(started.load(Ordering::SeqCst), 2);
        assert_eq!(each(0, 1, |_| Ok(()), |_, _, _| ()).unwrap(), []);
    }
}
