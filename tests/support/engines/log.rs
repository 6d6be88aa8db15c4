//! Podman's client attaches to a container while it starts, and sometimes misses the output of one that ends within a
//! millisecond. The container's log is complete, so it is used if the client got less.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::call::Outcome;

static COMPLETED: AtomicU32 = AtomicU32::new(0);

/// How many runs were completed from their log.
pub fn completed() -> u32 {
    COMPLETED.load(Ordering::Relaxed)
}

/// The outcome, completed from the container's log.
pub fn complete(outcome: Outcome, log: &str) -> Outcome {
    let Some(whole) = whole(&outcome, log) else { return outcome };
    COMPLETED.fetch_add(1, Ordering::Relaxed);
    whole
}

/// The outcome with the log's streams, if the client's streams are only their beginning.
fn whole(outcome: &Outcome, log: &str) -> Option<Outcome> {
    let more = |stream, got: &str| {
        // The client's own messages are mixed with the container's output.
        let (complaints, got): (Vec<&str>, Vec<&str>) =
            got.split_inclusive('\n').partition(|line| line.starts_with("time=\""));
        let (logged, got) = (of(log, stream), got.concat());
        (logged.len() > got.len() && logged.starts_with(&got)).then(|| complaints.concat() + &logged)
    };
    let (stdout, stderr) = (more("stdout", &outcome.stdout), more("stderr", &outcome.stderr));
    if stdout.is_none() && stderr.is_none() {
        return None;
    }
    let outcome = outcome.clone();
    Some(Outcome { stdout: stdout.unwrap_or(outcome.stdout), stderr: stderr.unwrap_or(outcome.stderr), ..outcome })
}

/// One stream of a log: `TIME STREAM TAG TEXT`; the tag is F for a whole line and P for a part.
fn of(log: &str, stream: &str) -> String {
    let mut text = String::new();
    for line in log.lines() {
        let mut fields = line.splitn(4, ' ').skip(1);
        if fields.next() == Some(stream) {
            let whole = fields.next() == Some("F");
            text.push_str(fields.next().unwrap_or_default());
            text.push_str(if whole { "\n" } else { "" });
        }
    }
    text
}

#[test]
fn only_a_truncated_stream_is_completed() {
    let log = "T stderr F init: fatal: a\nT stdout P app: \nT stdout F started\n";
    let run = |stdout: &str, stderr: &str| Outcome {
        command: String::new(),
        code: Some(0),
        stdout: stdout.into(),
        stderr: stderr.into(),
        took: Duration::ZERO,
    };
    let lost = whole(&run("", ""), log).unwrap();
    assert_eq!((lost.stdout.as_str(), lost.stderr.as_str()), ("app: started\n", "init: fatal: a\n"));
    assert!(whole(&run("app: started\n", "Error: the engine's own\n"), log).is_none());
    let complaint = "time=\"2026\" level=error msg=\"no systemd\"\n";
    assert_eq!(whole(&run("app: started\n", complaint), log).unwrap().stderr, format!("{complaint}init: fatal: a\n"));
}
