//! Exchanges pairs of names during the boot, as another container on the same volume could. `renameat2(2)`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, spawn};

use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::tree::ROOT;

/// A running race.
pub struct Race {
    over: Arc<AtomicBool>,
    racers: Vec<JoinHandle<u64>>,
}

impl Race {
    /// Starts a racer for each pair.
    pub fn start(pairs: &[(String, String)]) -> Race {
        let over = Arc::new(AtomicBool::new(false));
        let racers = pairs.iter().map(|(one, other)| {
            let (one, other, over) = (format!("{ROOT}{one}"), format!("{ROOT}{other}"), over.clone());
            spawn(move || {
                let mut rounds = 0;
                while !over.load(Ordering::Relaxed) {
                    // ENOENT: another racer has moved the directory that contains one of them.
                    rounds += u64::from(renameat_with(CWD, &one, CWD, &other, RenameFlags::EXCHANGE).is_ok());
                }
                rounds
            })
        });
        Race { racers: racers.collect(), over }
    }

    /// The number of exchanges.
    pub fn finish(self) -> u64 {
        self.over.store(true, Ordering::Relaxed);
        self.racers.into_iter().map(|racer| racer.join().unwrap_or(0)).sum()
    }
}
