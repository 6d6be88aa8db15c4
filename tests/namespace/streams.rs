//! The hand-over of the standard streams, so that the app can open them again by name.

use crate::support::protocol::Stream;
use crate::support::sandbox::sandbox;

const REOPEN: [&str; 3] = ["witness", "reopen=/dev/stdout", "reopen=/dev/stderr"];

#[test]
fn the_app_can_reopen_pipes() {
    let run = sandbox().words(REOPEN).run();
    let app = run.app();
    assert_eq!((app.attempt("reopen=/dev/stdout"), app.attempt("reopen=/dev/stderr")), ("ok", "ok"));
    run.check(
        run.stdout().contains("reopened\n") && run.stderr().contains("reopened\n"),
        "the text written by name in both",
    );
}

#[test]
fn the_app_can_reopen_a_terminal() {
    let run = sandbox()
        .with(|spec| spec.streams = [Stream::Terminal, Stream::Terminal, Stream::Terminal])
        .words(REOPEN)
        .run();
    let app = run.app();
    assert_eq!((app.attempt("reopen=/dev/stdout"), app.attempt("reopen=/dev/stderr")), ("ok", "ok"));
    run.check(run.stdout().matches("reopened").count() == 2, "the text written by name");
}

#[test]
fn the_app_can_reopen_its_input() {
    for (stream, answer) in [(Stream::Pipe, "ok"), (Stream::File("/in".into()), "EACCES")] {
        let run = sandbox()
            .with(|spec| (spec.read_only, spec.streams[0]) = (false, stream.clone()))
            .words(["witness", "write=/dev/stdin"])
            .run();
        assert_eq!(run.app().attempt("write=/dev/stdin"), answer, "{}", run.shown());
    }
    sandbox().with(|spec| spec.streams[0] = Stream::Socket).run().app().is_dropped_to(1001, 1001, "1001");
}

#[test]
fn sockets_and_dev_null_are_left_alone() {
    for stream in [Stream::Socket, Stream::Null] {
        let run = sandbox().with(|spec| spec.streams[2] = stream).run();
        run.app().is_dropped_to(1001, 1001, "1001");
    }
}

#[test]
fn a_log_file_keeps_its_owner() {
    let run = sandbox().with(|spec| spec.streams[1] = Stream::File("/log".into())).words(REOPEN).run();
    run.owns("/log", 0, 0, 0o600);
    let app = run.app();
    assert!(["EACCES", "EROFS"].contains(&app.attempt("reopen=/dev/stdout")));
    assert_eq!(app.attempt("reopen=/dev/stderr"), "ok");
}

#[test]
fn a_log_file_keeps_its_owner_on_a_writable_root() {
    let run = sandbox()
        .with(|spec| (spec.read_only, spec.streams[1]) = (false, Stream::File("/log".into())))
        .words(REOPEN)
        .run();
    run.owns("/log", 0, 0, 0o600);
    assert_eq!(run.app().attempt("reopen=/dev/stdout"), "EACCES");
}

#[test]
fn without_chown_the_streams_stay_unchanged_and_the_app_starts() {
    use crate::support::capability::{SETGID, SETPCAP, SETUID};
    let run = sandbox().capabilities(SETUID | SETGID | SETPCAP).words(REOPEN).run();
    assert_eq!(run.app().attempt("reopen=/dev/stdout"), "EACCES");
}
