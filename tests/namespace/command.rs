//! The command: a missing one is refused before anything is changed, and a failed exec is explained.

use crate::support::protocol::{Content, Kind};
use crate::support::run::Run;
use crate::support::sandbox::{Sandbox, sandbox};

fn bytes(text: impl Into<Vec<u8>>) -> Content {
    Content::Bytes(text.into())
}

/// Files of every type beside the app, and a surface whose owner reveals a late refusal.
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
fn a_missing_command_is_not_found() {
    command("nowhere").refused(127, &["command 'nowhere' not found", "PATH=/bin:/usr/bin"]);
    command("/bin/nowhere").refused(127, &["command '/bin/nowhere' not found", "no such file"]);
    command("./nowhere").refused(127, &["not found"]);
    command("dangling").refused(127, &["'dangling' not found"]);
    command("/bin/witness/x").refused(127, &["not found", "there is no directory /bin/witness"]);
    command("/bin/dangling").refused(127, &["no such file: there is no /nowhere", "install /nowhere in the image"]);
    command("./nowhere").refused(127, &["there is no /nowhere"]);
}

#[test]
fn a_missing_command_of_a_step_or_a_health_check_is_attributed_to_it() {
    for (text, whose) in [
        ("[[step]]\nname = 'migrate'\ncommand = ['nowhere']\n", "step 'migrate': "),
        ("[[step]]\nname = 'cache'\nwait = { exec = ['nowhere'] }\n", "step 'cache': "),
        ("[[root_step]]\nname = 'firewall'\ncommand = ['nowhere']\n", "step 'firewall': "),
        ("[roles.web]\nhealth = { exec = ['nowhere'] }\n", "health check: "),
    ] {
        let run = stocked().config(text).words(["--role", "web", "witness"]);
        let run = if text.contains("roles") { run } else { run.words(["witness"]) }.run();
        run.refused(
            127,
            &[&format!("{whose}command 'nowhere' not found: it is in no directory of PATH="), "install it"],
        );
    }
}

#[test]
fn program_that_the_boot_creates_is_executed() {
    let script = "#!/bin/witness made\n";
    let made = "[env]\nPATH = '/cache:/bin:/usr/bin'\n\
                [[file]]\npath = '/cache/start'\ntemplate = '/etc/start.template'\nmode = '0755'\n";
    let base = stocked().config(format!("[[tmpfs]]\npath = '/cache'\n{made}")).file("/etc/start.template", script);
    for word in ["/cache/start", "start"] {
        let run = base.clone().words([word]).run();
        run.app().is_dropped_to(1001, 1001, "1001");
    }
    // As a step, by a name that only PATH resolves.
    let step = "[[step]]\nname = 'made'\ncommand = ['start']\n";
    let run = base.clone().config(format!("[[tmpfs]]\npath = '/cache'\n{made}{step}")).words(["witness"]).run();
    run.app().is_dropped_to(1001, 1001, "1001");
    // A program that nothing creates is still refused, after the steps have run.
    base.clone().words(["/cache/other"]).run().refused_late(127, &["command '/cache/other' not found: no such file"]);
    base.clone()
        .words(["other"])
        .run()
        .refused_late(127, &["'other' not found: it is in no directory of PATH=/cache:/"]);
    base.words(["/bin/other"]).run().refused(127, &["command '/bin/other' not found: no such file"]);
    let nothing = stocked().words(["/cache/start"]).run();
    nothing.refused(127, &["command '/cache/start' not found: no such file"]);
}

#[test]
fn check_extent_as_a_separate_word_is_explained() {
    for word in ["full", "init"] {
        let run = stocked().words(["--check", word]).run();
        run.check(run.stderr().contains(&format!("'{word}' not found: it is taken as the app's command")), "the cause");
        run.check(run.stderr().contains(&format!("fix: write --check={word}\n")), "the fix");
    }
}

#[test]
fn a_command_that_is_not_executable_is_refused() {
    command("plain").refused(126, &["cannot run /bin/plain", "no execute permission", "chmod 0755"]);
    command("directory").refused(126, &["cannot run /bin/directory", "it is a directory", "name the program's file"]);
    command("/bin").refused(126, &["cannot run /bin", "it is a directory"]);
    command("/bin/fifo").refused(126, &["cannot run /bin/fifo", "not a regular file"]);
    command("loop").refused(126, &["cannot run /bin/loop", "too many symbolic links"]);
}

/// The machine of the tests and another one, by their ELF numbers.
const MACHINES: (u8, u8) = if cfg!(target_arch = "aarch64") { (183, 62) } else { (62, 183) };

/// A 64-bit little-endian ELF program without code that requests this loader.
fn elf(machine: u8, loader: &str) -> Vec<u8> {
    let mut file = vec![0_u8; 120];
    file[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    (file[16], file[18], file[20]) = (2, machine, 1);
    // One program header behind the ELF header: PT_INTERP, readable, its bytes behind that.
    (file[32], file[52], file[54], file[56]) = (64, 64, 56, 1);
    (file[64], file[68], file[72]) = (3, 4, 120);
    let length = u8::try_from(loader.len() + 1).unwrap();
    (file[96], file[104]) = (length, length);
    file.extend_from_slice(loader.as_bytes());
    file.push(0);
    file
}

fn foreign() -> Vec<u8> {
    elf(MACHINES.1, "/bin/loader")
}

/// In exec mode and supervised: the same cause gives the same message.
fn both(sandbox: &Sandbox, word: &str, code: i32, words: &[&str]) {
    for options in [&[][..], &["--supervise"]] {
        let all = options.iter().copied().chain(["--", word]);
        sandbox.clone().words(all).run().refused_late(code, words);
    }
}

#[test]
fn a_file_of_an_unknown_format_is_described() {
    let long = format!("#!/{}/sh\n", "v".repeat(300));
    for (content, what, fix) in [
        (&b""[..], "it is an empty file", "copy the program"),
        (b"echo no shell guesses this\n", "it is text without a #! line", "begin the script with #!"),
        (b"\xef\xbb\xbf#!/bin/witness\n", "a byte order mark (BOM)", "without a byte order mark"),
        (b"\xff\xfe#\0!\0", "it is UTF-16 text", "save the script as UTF-8"),
        (long.as_bytes(), "longer than the 255 bytes", "shorten the path"),
        (b"#! \n", "names no interpreter", "#!/bin/sh"),
        (b"#\0!\0/\0b\0", "it is UTF-16 text", "save the script as UTF-8"),
        (b"\n#!/bin/witness\n", "it is text without a #! line", "no byte before it"),
        (b"MZ\x90\0", "a program for Windows", "put a program for Linux there"),
        (b"PK\x03\x04", "a zip or jar archive", "run the program that reads this"),
        (b"\x1f\x8b\x08\0", "a gzip archive", "unpack"),
        (b"<!DOCTYPE html>\n", "an HTML page", "fetch it"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer", "fetch it"),
        (&foreign(), "it is a program for ", "--platform"),
        (b"\x7fELF and no more", "it is a ", "run"),
        (b"\x01\x02\x03", "it is not a program for this machine", "run it by hand"),
    ] {
        let base = stocked().file_mode("/bin/odd", bytes(content), 0o755);
        both(&base, "odd", 126, &["cannot run /bin/odd", what, "fix: ", fix]);
    }
    let base = stocked().file_mode("/bin/odd", bytes(foreign()), 0o755);
    let script = base.file_mode("/bin/by-odd", bytes("#!/bin/odd\n"), 0o755);
    both(&script, "by-odd", 126, &["cannot run /bin/by-odd: /bin/odd, which runs it: it is a program for"]);
}

#[test]
fn an_unusable_dynamic_loader_is_described() {
    let program_with_loader = || stocked().file_mode("/bin/needs", bytes(elf(MACHINES.0, "/bin/loader")), 0o755);
    let program = program_with_loader();
    both(&program, "needs", 127, &["/bin/needs", "its dynamic loader /bin/loader is missing; fix: build it for"]);
    let dangling = program.clone().node("/bin/loader", Kind::Symlink("/usr/lib/ld.so".into()));
    both(&dangling, "needs", 127, &["/bin/loader is missing: there is no /usr/lib/ld.so", "or install /usr/lib/ld.so"]);
    let foreign = program.clone().file_mode("/bin/loader", bytes(foreign()), 0o755);
    both(&foreign, "needs", 126, &["/bin/loader, which runs it: it is a program for", "--platform"]);
    let text = program.file_mode("/bin/loader", bytes("x".repeat(100)), 0o755);
    both(&text, "needs", 126, &["/bin/loader, which runs it: it is text"]);
    let empty = program_with_loader().file_mode("/bin/loader", bytes(""), 0o755);
    both(&empty, "needs", 126, &["/bin/loader, which runs it: it is an empty file"]);
}

#[test]
fn denial_of_a_program_is_explained() {
    let base = stocked()
        .node("/bin/into-closed", Kind::Symlink("/closed/witness".into()))
        .file_mode("/bin/by-closed", bytes("#!/bin/into-closed -u\n"), 0o755)
        .file_mode("/bin/by-roots", bytes("#!/bin/roots\n"), 0o755);
    both(&base, "roots", 126, &["cannot run /bin/roots", "mode 0700 does not let uid 1001", "chmod 0755"]);
    for word in ["/closed/witness", "into-closed", "by-closed"] {
        both(&base, word, 126, &["EACCES", "uid 1001 may not enter /closed", "chmod a+x /closed"]);
    }
    both(&base, "by-closed", 126, &["cannot run /bin/by-closed: /bin/into-closed, which runs it"]);
    both(&base, "by-roots", 126, &["cannot run /bin/by-roots: /bin/roots, which runs it", "mode 0700"]);
    // The fix, followed.
    let opened = base.owned("/closed", Kind::Directory, (0, 0), 0o711);
    assert!(opened.words(["by-closed"]).run().started());
}

// The kernel reads the permissions of one class only: a mode for others opens nothing to the owner or the group.
#[test]
fn fix_of_a_closed_directory_opens_it_to_its_owner_and_group() {
    for (owner, closed, for_others, for_all) in [((1001, 0), 0o600, 0o601, 0o711), ((0, 1001), 0o700, 0o701, 0o711)] {
        let with = |mode| stocked().owned("/closed", Kind::Directory, owner, mode).words(["/closed/witness"]);
        for mode in [closed, for_others] {
            with(mode)
                .run()
                .refused_late(126, &["uid 1001 may not enter /closed", "fix: let the user enter it (chmod a+x"]);
        }
        assert!(with(for_all).run().started());
    }
}

#[test]
fn missing_interpreter_is_reported() {
    let base = stocked().file_mode("/bin/twice", bytes("#!/bin/lost\n"), 0o755);
    both(
        &base,
        "lost",
        127,
        &["/bin/lost", "its interpreter '/usr/bin/python9 -u' is missing", "install /usr/bin/python9"],
    );
    both(&base, "twice", 127, &["/bin/twice", "'/usr/bin/python9 -u' is missing"]);
    let venv = base.clone().node("/bin/venv-python", Kind::Symlink("/usr/local/bin/python9".into())).file_mode(
        "/bin/venv",
        bytes("#!/bin/venv-python -u\n"),
        0o755,
    );
    both(&venv, "venv", 127, &["there is no /usr/local/bin/python9; fix: install /usr/local/bin/python9"]);
    let relative = base.clone().file_mode("/bin/relative", bytes("#!python9 -u\n"), 0o755);
    both(&relative, "relative", 127, &["'python9 -u' is missing", "its whole path", "#!/usr/bin/env python9"]);
    both(
        &base,
        "dos",
        127,
        &["/bin/dos", "/bin/witness", "carriage return", "fix: save the script with LF line endings"],
    );
}

#[test]
fn shell_command_line_is_explained() {
    for word in ["witness\r", "witness ", "\"witness\"", "'witness'"] {
        let record = command(word).refused(127, &["blanks or quotes"]);
        assert!(record.ends_with("write each word as its own string: [\"witness\"]"), "{record}");
    }
    for word in ["exec", "cd", "A=1", "~/run", "$HOME/run"] {
        command(word).refused(127, &["it is written for a shell", "[env] and [[step]]"]);
    }
    let one = command("witness app:app").refused(127, &["one word, with blanks"]);
    assert!(one.ends_with("write each word as its own string: [\"witness\", \"app:app\"]"), "{one}");
    stocked().words(["witness", "app:app"]).run().app();
    for (line, words) in [
        ("exec witness -b :80 app", r#"["witness", "-b", ":80", "app"]"#),
        ("witness --bind=:80 ~/app", r#"["witness", "--bind=:80", "~/app"]"#),
        (r#"witness -c "import app" 'a  b'"#, r#"["witness", "-c", "import app", "a  b"]"#),
    ] {
        let record = command(line).refused(127, &["one word, with blanks"]);
        assert!(record.ends_with(&format!("write each word as its own string: {words}")), "{record}");
    }
    for line in ["source /etc/profile", ". /x", "cd /app", "exec cd /app", "export A=1", "A=1 witness", "~/run x"] {
        command(line).refused(127, &["it is written for a shell", "[env] and [[step]]"]);
    }
    command("cd /app && exec witness").refused(127, &["written for a shell", "workdir", "[\"sh\", \"-c\""]);
    let shell = stocked().words(["/bin/sh", "-c", "witness"]).run();
    shell.refused(127, &["the image has no shell", "exec form"]);
    let role = || stocked().config("[roles.web]\ncommand = ['witness']\n").words::<&str>([]);
    role().words(["web"]).run().refused(127, &["'web' is a role", "--role web", "ROLE=web"]);
    role().words(["--role", "web"]).run().app();
    role().env("ROLE=web").run().app();
}

#[test]
fn noexec_mount_is_reported() {
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
fn first_executable_in_path_is_executed() {
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
fn a_roles_missing_command_is_refused_before_anything_changes() {
    let text = "[[tmpfs]]\npath = '/cache'\nmode = '0700'\n[roles.web]\ncommand = ['gunicorn', '-b', '0']\n";
    stocked().config(text).words::<&str>([]).env("ROLE=web").run().refused(127, &["command 'gunicorn' not found"]);
}

#[test]
fn a_working_directory_that_cannot_be_entered_is_refused() {
    for (directory, words) in [
        ("/nowhere", ["/nowhere", "ENOENT", "create it in the image"]),
        ("/closed", ["/closed", "EACCES", "(chmod a+x)"]),
        ("/etc/passwd", ["/etc/passwd", "ENOTDIR", "change workdir"]),
    ] {
        let run = stocked().config(format!("workdir = '{directory}'")).words(["/bin/witness"]).run();
        run.refused_late(71, &words);
    }
    // Not the relative program of a step, which is searched below it.
    let step = "[[step]]\nname = 'x'\ncommand = ['./witness', 'aside']\n";
    for directory in ["/etc/passwd", "/etc/passwd/x"] {
        let run = stocked().config(format!("workdir = '{directory}'\n{step}")).words(["/bin/witness"]).run();
        run.refused(
            71,
            &[directory, "ENOTDIR", "fix: change workdir to a directory: it or a part of its path is a file"],
        );
    }
    stocked().config(format!("workdir = '/bin'\n{step}")).words(["/bin/witness"]).run().app().is("cwd", "/bin");
}

#[test]
fn plan_and_log_name_the_program_that_is_executed() {
    let base = || {
        stocked()
            .owned("/own", Kind::Directory, (1001, 1001), 0o700)
            .owned("/empty", Kind::Directory, (1001, 1001), 0o700)
            .owned("/roots", Kind::Directory, (0, 0), 0o755)
            .owned("/grouped", Kind::Directory, (0, 0), 0o755)
            .file_mode("/closed/witness", Content::Witness, 0o755)
            .owned("/own/witness", Kind::File(Content::Witness), (1001, 1001), 0o700)
            .file_mode("/roots/witness", Content::Witness, 0o700)
            .owned("/grouped/witness", Kind::File(Content::Witness), (0, 1001), 0o710)
    };
    for (path, config, cwd, word, program, exe) in [
        ("/own:/bin", "", "/", "witness", "/own/witness", "/own/witness"),
        ("/empty:/bin", "", "/", "witness", "/bin/witness", "/bin/witness"),
        ("/roots:/bin", "", "/", "witness", "/bin/witness", "/bin/witness"),
        ("/closed:/bin", "", "/", "witness", "/bin/witness", "/bin/witness"),
        ("/grouped:/bin", "", "/", "witness", "/grouped/witness", "/grouped/witness"),
        ("/bin", "[env]\nPATH = '/own'\n", "/", "witness", "/own/witness", "/own/witness"),
        (
            "/closed",
            "[env]\nPATH = '/roots:${PATH}:/grouped'\n",
            "/",
            "witness",
            "/grouped/witness",
            "/grouped/witness",
        ),
        ("/bin", "workdir = '/grouped'\n", "/", "./witness", "/grouped/./witness", "/grouped/witness"),
        ("/bin", "", "/grouped", "./witness", "././witness", "/grouped/witness"),
        (":/bin", "", "/grouped", "witness", "./witness", "/grouped/witness"),
        (":/bin", "workdir = '/grouped'\n", "/own", "witness", "/grouped/witness", "/grouped/witness"),
        ("bin:/bin", "", "/", "witness", "./bin/witness", "/bin/witness"),
        (":/bin", "", "/closed", "witness", "/bin/witness", "/bin/witness"),
    ] {
        let boot = |words: &[&str]| {
            let boot = base().config(config).words(words).with(|spec| spec.start.cwd = cwd.into());
            boot.with(|spec| spec.env = vec![format!("PATH={path}").into()]).run()
        };
        let run = boot(&[word]);
        run.app().is("exe", exe);
        run.check(
            run.stderr().contains(&format!("init: info: {program} as 1001:1001")),
            &format!("{program} in the log"),
        );
        let plan = boot(&["--plan", word]);
        plan.check(plan.stdout().lines().any(|line| line == format!("program       {program}")), program);
    }
}

#[test]
fn directory_that_cannot_be_created_has_a_specific_fix() {
    let directory = |path: &str| stocked().config(format!("[[directory]]\npath = '{path}'\n"));
    let full = Kind::OptionTmpfs("nr_inodes=1".into());
    directory("/full/cache").owned("/full", full, (1001, 1001), 0o755).run().refused_late(71, &["ENOSPC", "inodes"]);
    directory("/bin/witness/x").run().refused_late(71, &["ENOTDIR", "no file, and no broken symbolic link"]);
    directory("/closed/x").run().refused_late(71, &["EACCES", "let uid 1001 enter each directory above it"]);
}
