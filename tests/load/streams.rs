//! Closed and unread standard streams.

use crate::support::cases;
use crate::support::protocol::Stream;
use crate::support::run::Run;
use crate::support::sandbox::{Sandbox, sandbox};

fn with(streams: [Stream; 3]) -> Sandbox {
    sandbox().with(|spec| spec.streams = streams)
}

fn ends(base: &Sandbox, code: i32) -> Run {
    let run = base.run();
    run.check(!run.outcome.timed_out, "that it ends");
    run.check(run.outcome.code == Some(code), &format!("exit code {code}"));
    run
}

#[test]
fn any_stream_can_be_closed() {
    let mut count = 0;
    for closed in 0..8 {
        let stream = |number: usize, open: Stream| if closed & (1 << number) != 0 { Stream::Closed } else { open };
        let streams = [stream(0, Stream::Null), stream(1, Stream::Pipe), stream(2, Stream::Pipe)];
        for (words, code) in [
            (&["witness", "exit=7"][..], 7),
            (&["--supervise", "witness", "exit=7"], 7),
            (&["--user", "bogus", "witness"], 78),
            (&["--nonsense"], 64),
        ] {
            let step = "[[step]]\nname = 'first'\ncommand = ['witness']\n";
            ends(&with(streams.clone()).config(step).words(words), code);
            count += 1;
        }
    }
    cases("closed streams", count);
}

/// The log, a step's output and the fatal record, all on a full standard error.
fn unread(blocking: bool) -> Sandbox {
    let chatter: Vec<String> = (0..200).map(|number| format!("'word{number}'")).collect();
    let step = format!("[[step]]\nname = 'first'\ncommand = ['witness', {}]\n", chatter.join(", "));
    with([Stream::Null, Stream::Pipe, Stream::FullPipe { blocking }]).config(step).env("INIT_LOG=trace")
}

#[test]
fn an_unread_standard_error_delays_a_boot_for_a_second_at_most() {
    let mut slowest = 0;
    for blocking in [true, false] {
        // On pipes where the kernel can write without blocking, and on streams that need poll(2).
        for filtered in [None, Some(libc::ENOSYS), Some(libc::EOPNOTSUPP), Some(libc::EPERM)] {
            let base =
                filtered.into_iter().fold(unread(blocking), |base, errno| base.answer(libc::SYS_pwritev2, &[], errno));
            for (words, code) in [
                (&["witness", "exit=7"][..], 7),
                (&["--supervise", "witness", "exit=7"], 7),
                (&["--user", "bogus", "witness"], 78),
                (&["nowhere"], 127),
            ] {
                let run = ends(&base.clone().words(words), code);
                run.check(run.outcome.took_ms < 20_000, &format!("about a second, not {} ms", run.outcome.took_ms));
                slowest = slowest.max(run.outcome.took_ms);
            }
        }
    }
    cases(&format!("unread standard errors (the slowest {slowest} ms)"), 32);
}

#[test]
fn a_closed_reader_does_not_end_the_boot() {
    for words in [&["witness", "exit=7"][..], &["--supervise", "witness", "exit=7"]] {
        let step = "[[step]]\nname = 'first'\ncommand = ['witness']\n";
        ends(
            &with([Stream::Null, Stream::Pipe, Stream::BrokenPipe]).config(step).words(words).env("INIT_LOG=trace"),
            7,
        );
    }
    // A check whose report nobody reads has not passed.
    let check = with([Stream::Null, Stream::BrokenPipe, Stream::Pipe]).words(["--check=init", "witness"]).run();
    check.check(
        check.outcome.code == Some(71) && check.stderr().contains("EPIPE"),
        "a failed check with an unread report",
    );
    cases("closed readers", 3);
}

// A file accepts every write, even where a nonblocking write is refused at first.
#[test]
fn a_file_gets_every_record() {
    for errno in [libc::EAGAIN, libc::EOPNOTSUPP] {
        let base = with([Stream::Null, Stream::Pipe, Stream::File("/log".into())]).env("INIT_LOG=debug");
        let run = ends(&base.answer(libc::SYS_pwritev2, &[], errno).words(["witness"]), 0);
        run.check(run.stderr().contains("init: info: /bin/witness as 1001:1001"), "the records in the file");
    }
    cases("files", 2);
}
