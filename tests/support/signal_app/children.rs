//! Thousands of orphans, and a grandchild that needs some time to end.

use std::io::{Read as _, Write as _};

use crate::raw::{self, say};

/// Processes that end at the same time, after their parent has ended.
pub fn orphans(number: i32) {
    let (mut reads, writes) = std::io::pipe().unwrap();
    let middle = raw::fork();
    if middle == 0 {
        drop(writes);
        for _ in 0..number {
            if raw::fork() == 0 {
                // Until the last writer has ended.
                let _ = reads.read(&mut [0]);
                raw::exit(3);
            }
        }
        raw::exit(0);
    }
    let _ = raw::reap(middle);
    drop(writes);
}

/// `storm TOTAL BATCH`, then listens.
pub fn storm(total: i32, batch: i32) -> i32 {
    for _ in 0..total / batch {
        orphans(batch);
    }
    say("stormed");
    crate::listen::listen(&[])
}

/// Prints its pid and the new parent of an orphan, which then also ends.
pub fn adopted() -> i32 {
    raw::block_all_but(&[]);
    let (mut hears, mut tells) = std::io::pipe().unwrap();
    let middle = raw::fork();
    if middle == 0 {
        if raw::fork() == 0 {
            drop(tells);
            let mut word = [0];
            // Not before the middle process has been reaped.
            let _ = hears.read(&mut word);
            say(&format!("orphan of {}", raw::parent()));
            raw::exit(0);
        }
        raw::exit(0);
    }
    let _ = raw::reap(middle);
    say(&format!("app of {}", raw::parent()));
    let _ = tells.write_all(b"!");
    crate::listen::listen(&[])
}

/// `family CODE [deaf] [apart]`: ends with the code on SIGTERM, and leaves a grandchild behind. On SIGTERM the
/// grandchild waits for a line on standard input, then prints that it is done; with `deaf` it ignores the signal.
/// With `apart` it is in another session.
pub fn family(words: &[&str]) -> i32 {
    raw::block_all_but(&[]);
    let has = |word| words.contains(&word);
    let (mut hears, tells) = std::io::pipe().unwrap();
    let middle = raw::fork();
    if middle == 0 {
        if raw::fork() == 0 {
            drop(hears);
            if has("apart") {
                // SAFETY: has no arguments. It cannot fail: a new process leads no group.
                unsafe { libc::setsid() };
            }
            say(&format!("grandchild ready {}", raw::pid()));
            drop(tells);
            loop {
                let got = raw::wait();
                say(&format!("grandchild got {}", got.number));
                if got.number == libc::SIGTERM && !has("deaf") {
                    break;
                }
            }
            let mut line = String::new();
            let _ = std::io::stdin().read_line(&mut line);
            say(&format!("grandchild done <{}>", line.trim()));
            raw::exit(0);
        }
        raw::exit(0);
    }
    let _ = raw::reap(middle);
    drop(tells);
    // Until the grandchild listens.
    let _ = hears.read(&mut [0]);
    let code = crate::listen::listen(&[]);
    words.first().and_then(|word| word.parse().ok()).unwrap_or(code)
}
