//! The command: found before anything is changed where that can be seen, and explained where only exec can tell.

use crate::support::protocol::{Content, Kind};
use crate::support::run::Run;
use crate::support::sandbox::{Sandbox, sandbox};

fn bytes(text: impl Into<Vec<u8>>) -> Content {
    Content::Bytes(text.into())
}

/// Files of all kinds beside the app, and a surface that shows a refusal that came too late.
fn stocked() -> Sandbox {
    sandbox()
        .tmpfs("/cache")
        .file_mode("/bin/plain", bytes("#!/bin/witness\n"), 0o644)
        .node("/bin/directory", Kind::Directory)
        .file_mode("/bin/malformed", bytes("\x7fELF and no more"), 0o755)
        .file_mode("/bin/text", bytes("echo no shell guesses this\n"), 0o755)
        .file_mode("/bin/empty", bytes(""), 0o755)
        .file_mode("/bin/script", bytes("#!/bin/witness script\n"), 0o755)
        .file_mode("/bin/lost", bytes("#!/usr/bin/python9 -u\n"), 0o755)
        .file_mode("/bin/dos", bytes("#!/bin/witness\r\n"), 0o755)
        .owned("/bin/fifo", Kind::Fifo, (0, 0), 0o755)
        .node("/bin/dangling", Kind::Symlink("/nowhere".into()))
        .node("/bin/loop", Kind::Symlink("/bin/loop".into()))
        .node("/bin/linked", Kind::Symlink("witness".into()))
        .file_mode("/bin/roots", Content::Witness, 0o700)
        .owned("/closed", Kind::Directory, (0, 0), 0o700)
        .file_mode("/closed/witness", Content::Witness, 0o755)
        .config("[[tmpfs]]\npath = '/cache'\nmode = '0700'\n")
}

fn command(word: &str) -> Run {
    stocked().words([word]).run()
}

#[test]
fn a_command_that_is_nowhere_is_not_found() {
    command("nowhere").refused(127, &["command 'nowhere' not found", "PATH=/bin:/usr/bin"]);
    command("/bin/nowhere").refused(127, &["command '/bin/nowhere' not found", "no such file"]);
    command("./nowhere").refused(127, &["not found"]);
    command("dangling").refused(127, &["'dangling' not found"]);
    command("/bin/witness/x").refused(127, &["not found"]);
}

#[test]
fn a_command_that_is_no_executable_file_is_refused() {
    command("plain").refused(126, &["cannot run /bin/plain", "no execute permission", "chmod 0755"]);
    command("directory").refused(126, &["cannot run /bin/directory", "it is a directory"]);
    command("/bin").refused(126, &["cannot run /bin", "it is a directory"]);
    command("/bin/fifo").refused(126, &["cannot run /bin/fifo", "not a regular file"]);
    command("loop").refused(126, &["cannot run /bin/loop", "too many symbolic links"]);
}

#[test]
fn what_only_exec_can_tell_is_told_by_exec() {
    command("malformed").refused_late(126, &["cannot run /bin/malformed", "no program for this machine"]);
    command("text").refused_late(126, &["cannot run /bin/text", "#!"]);
    command("empty").refused_late(126, &["cannot run /bin/empty"]);
    command("roots").refused_late(126, &["cannot run /bin/roots", "EACCES"]);
    command("/closed/witness").refused_late(126, &["cannot run /closed/witness", "EACCES"]);
}

#[test]
fn a_missing_interpreter_is_named() {
    command("lost").refused_late(127, &["/bin/lost", "its interpreter '/usr/bin/python9 -u' is missing"]);
    command("dos").refused_late(127, &["/bin/dos", "/bin/witness", "carriage return"]);
}

#[test]
fn a_mount_that_forbids_execution_is_named() {
    let run = stocked()
        .node("/data", Kind::NoexecTmpfs)
        .file_mode("/data/app", Content::Witness, 0o755)
        .words(["/data/app"])
        .run();
    run.refused_late(126, &["cannot run /data/app", "noexec"]);
}

#[test]
fn a_script_runs_by_its_interpreter() {
    let app = command("script").app();
    assert_eq!(app.all("argv"), ["/bin/witness", "script", "/bin/script"]);
    app.is_dropped_to(1001, 1001, "1001");
}

#[test]
fn the_first_executable_of_the_path_is_taken() {
    let base = stocked()
        .node("/usr/bin/witness", Kind::Directory)
        .file_mode("/srv/witness", bytes("not executable"), 0o644)
        .file_mode("/opt/witness", Content::Witness, 0o755);
    let base = base.with(|spec| spec.tree.insert(0, crate::support::sandbox::node("/opt", Kind::Directory)));
    let with_path =
        |path: &str| base.clone().with(|spec| spec.env = vec![format!("PATH={path}").into()]).words(["witness"]).run();
    with_path("/nowhere:/usr/bin:/srv:/opt:/bin").app().is("exe", "/opt/witness");
    with_path("/bin:/opt").app().is("exe", "/bin/witness");
    with_path("/usr/bin:/srv").refused(126, &["/usr/bin/witness", "it is a directory"]);
    with_path("").app().is("exe", "/bin/witness");
    base.clone().with(|spec| spec.env = Vec::new()).words(["witness"]).run().app().is("exe", "/bin/witness");
}

#[test]
fn a_relative_command_starts_from_the_working_directory() {
    stocked().with(|spec| spec.start.cwd = "/bin".into()).words(["./witness"]).run().app().is("exe", "/bin/witness");
    stocked().config("workdir = '/bin'").words(["./linked"]).run().app().is("exe", "/bin/witness");
}

#[test]
fn a_roles_command_that_is_nowhere_is_refused_before_anything_changes() {
    let text = "[[tmpfs]]\npath = '/cache'\nmode = '0700'\n[roles.web]\ncommand = ['gunicorn', '-b', '0']\n";
    stocked().config(text).words::<&str>([]).env("ROLE=web").run().refused(127, &["command 'gunicorn' not found"]);
}

#[test]
fn a_working_directory_that_cannot_be_entered_is_refused() {
    stocked().config("workdir = '/nowhere'").words(["/bin/witness"]).run().refused_late(71, &["/nowhere", "ENOENT"]);
    stocked().config("workdir = '/closed'").words(["/bin/witness"]).run().refused_late(71, &["/closed", "EACCES"]);
    stocked()
        .config("workdir = '/etc/passwd'")
        .words(["/bin/witness"])
        .run()
        .refused_late(71, &["/etc/passwd", "ENOTDIR"]);
}
