//! A sealed app writes only below its surfaces and gets no new namespace, whatever it tries; a kernel that cannot
//! enforce that is refused.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "../support/mod.rs"]
mod support;

mod check;
mod kernel;
mod namespaces;
mod places;
mod starts;
mod versions;
mod writes;

use support::protocol::Kind;
use support::run::Run;
use support::sandbox::{Sandbox, sandbox};

/// The app's user.
const APP: (u32, u32) = (1001, 1001);

/// A writable root, as where the engine forgot `--read-only`; a tmpfs, a volume and a directory of the configuration;
/// and a directory of the user's outside, with a file in it.
fn container(seal: &str) -> Sandbox {
    sandbox()
        .with(|spec| spec.read_only = false)
        .tmpfs("/home/app")
        .tmpfs("/data")
        .owned("/opt/app", Kind::Directory, APP, 0o755)
        .owned("/opt/app/file", Kind::File(support::protocol::Content::Bytes(b"text".to_vec())), APP, 0o644)
        .owned("/opt/app/empty", Kind::Directory, APP, 0o755)
        .owned("/srv/work", Kind::Directory, APP, 0o755)
        .config(format!(
            "home = '/home/app'\n[[tmpfs]]\npath = '/home/app'\n[[volume]]\npath = '/data'\n\
             [[directory]]\npath = '/srv/work/made'\n[seal]\n{seal}\n"
        ))
}

/// A seal of both parts, and the witness's attempts.
fn sealed<W: AsRef<str>>(words: impl IntoIterator<Item = W>) -> Run {
    trying(&container("writes = true\nnamespaces = false"), words)
}

fn trying<W: AsRef<str>>(container: &Sandbox, words: impl IntoIterator<Item = W>) -> Run {
    let words = words.into_iter().map(|word| word.as_ref().as_bytes().to_vec());
    container.clone().words([b"witness".to_vec()].into_iter().chain(words)).run()
}

/// The version of this kernel's Landlock, or 0. Older ones lack rights, which `/init` reports.
fn version() -> i32 {
    stepdown::facts::landlock::version().unwrap_or(0)
}

/// Each attempt ends so.
fn ends(run: &Run, expected: &[(&str, &str)]) {
    let app = run.app();
    for (attempt, end) in expected {
        run.check(app.attempt(attempt) == *end, &format!("{end} for {attempt}, not {}", app.attempt(attempt)));
    }
}

/// Each attempt succeeds without a seal, so that it is the seal that refuses it.
fn succeed_unsealed(attempts: &[(&str, &str)]) {
    let run = trying(&container(""), attempts.iter().map(|(attempt, _)| *attempt));
    ends(&run, &attempts.iter().map(|(attempt, _)| (*attempt, "ok")).collect::<Vec<_>>());
}
