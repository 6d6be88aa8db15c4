//! Health checks: what their programs get, and what is logged about them.

use crate::support::protocol::Content;
use crate::support::sandbox::{Sandbox, sandbox};

/// A role with this health check.
fn role(health: &str) -> Sandbox {
    sandbox().config(format!("[roles.web]\ncommand = ['witness']\nhealth = {health}\n"))
}

#[test]
fn a_program_that_cannot_be_executed_is_a_reason_not_a_fatal_record() {
    let run = role("{ exec = ['/bin/probe'] }")
        .file_mode("/bin/probe", Content::Bytes(b"#!/no/such/interpreter\n".to_vec()), 0o755)
        .words(["--role", "web", "--health"])
        .run();
    run.check(run.outcome.code == Some(1), "an unhealthy answer");
    run.check(run.stdout().contains("its interpreter '/no/such/interpreter' is missing (install "), "the reason");
    run.check(!run.stderr().contains("init: fatal: "), "no fatal record");
}
