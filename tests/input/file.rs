//! Other kinds of file in place of the configuration, and very large ones: read within limits, or refused.

use crate::support::cases;
use crate::support::protocol::{Content, Kind};
use crate::support::run::Run;
use crate::support::sandbox::{Sandbox, sandbox};

const PATH: &str = "/etc/init.toml";

/// Little memory, a small stack, and a short deadline.
fn bounded(base: Sandbox) -> Run {
    let run = base.limit(libc::RLIMIT_AS, 128 << 20).limit(libc::RLIMIT_STACK, 1 << 20).run();
    run.check(run.outcome.took_ms < 5000, &format!("an answer at once, not after {} ms", run.outcome.took_ms));
    run
}

fn says(text: impl Into<Vec<u8>>) -> Sandbox {
    sandbox().file(PATH, text)
}

fn repeated(before: &str, unit: &str, times: usize) -> String {
    before.to_owned() + &unit.repeat(times)
}

#[test]
fn only_regular_files_are_read() {
    let kinds = [
        (Kind::Directory, "a directory"),
        (Kind::Fifo, "a FIFO"),
        (Kind::Socket, "ENXIO"),
        (Kind::Device, "EACCES"),
        (Kind::Symlink("/dev/zero".into()), "not a regular file"),
        (Kind::Symlink("/dev/tty".into()), "ENXIO"),
        (Kind::Symlink("/dev/pts/ptmx".into()), "not a regular file"),
        // /dev/null of the machine, which engines hand to a container's user: another reason is as good.
        (Kind::Symlink("/proc/self/fd/0".into()), PATH),
        (Kind::Symlink("/proc/self/fd".into()), "a directory"),
    ];
    let count = kinds.len();
    for (kind, what) in kinds {
        bounded(sandbox().node(PATH, kind)).refused(78, &[PATH, what]);
    }
    cases("other kinds of files", count);
}

#[test]
fn files_of_proc_are_refused_as_configuration() {
    let files = [
        "/proc/self/status",
        "/proc/self/maps",
        "/proc/self/mountinfo",
        "/proc/self/auxv",
        "/proc/self/cmdline",
        "/proc/self/mem",
        "/proc/kallsyms",
    ];
    for path in files {
        bounded(sandbox().words(["--config", path, "witness"])).refused(78, &[path]);
    }
    cases("files of /proc", files.len());
}

#[test]
fn a_file_of_a_hundred_megabytes_is_refused_at_once() {
    // With room for a tenth of it.
    let run = sandbox().file_mode(PATH, Content::Repeat(b'#', 100 << 20), 0o644).limit(libc::RLIMIT_AS, 10 << 20).run();
    run.refused(78, &["larger than 1048576 bytes"]);
    run.check(run.outcome.took_ms < 5000, &format!("that it is not read as a whole: {} ms", run.outcome.took_ms));
    cases(&format!("a hundred megabytes ({} ms)", run.outcome.took_ms), 1);
}

#[test]
fn deep_nesting_is_refused() {
    let million = 250_000;
    let texts = [
        (repeated("x = ", "[", million), "Max recursion depth exceeded"),
        (repeated("x = ", "[", million / 2) + &"]".repeat(million / 2), "Max recursion depth exceeded"),
        (repeated("x = ", "{a=", million / 3), "Max recursion depth exceeded"),
        (repeated("x = ", "[{a=", million / 4), "Max recursion depth exceeded"),
        (repeated("env.a", ".a", million / 2) + " = '1'", "a: a table where a string belongs"),
        (repeated("[", "a.", million / 2) + "a]", "unknown key 'a'"),
        (repeated("[[", "a.", million / 2) + "a]]", "unknown key 'a'"),
        (repeated("env = {", "A", million), "not TOML"),
        (repeated("user = ", "\"\"\"", million / 3), "not TOML"),
        (repeated("", "[a]\n", million / 4), "redefinition of table `a`"),
        (repeated("", "[[a]]\n", 3000), "unknown key 'a'"),
    ];
    let count = texts.len();
    for (text, what) in texts {
        bounded(says(text)).refused(78, &["/etc/init.toml:", what]);
    }
    cases("nesting without end", count);
}

#[test]
fn overlong_values_are_shortened_in_the_record() {
    let million = 250_000;
    let texts = [
        repeated("user = '", "x", million) + "'",
        repeated("umask = '", "é", million / 2) + "'",
        repeated("", "k", million) + " = 1",
        repeated("[roles.web]\ncommand = ['sh']\n[role]\ndefault = '", "x", million) + "'",
        repeated("[roles.", "r", million) + "]\n[[tmpfs]]\npath = '/a'\nroles = ['x']",
        repeated("env = { A = '$", "x", million) + "' }",
    ];
    let count = texts.len();
    for text in texts {
        let record = bounded(says(text)).refused(78, &["/etc/init.toml:", "…", "; fix: "]);
        assert!(record.chars().count() < 4096, "a record of {} characters", record.chars().count());
    }
    cases("values without end", count);
}

#[test]
fn a_configuration_of_a_million_bytes_is_read() {
    let million = 1_000_000;
    for text in [
        repeated("# ", "x", million),
        repeated("", "\n", million),
        repeated("", "# x\n", million / 4),
        repeated("", " ", million),
    ] {
        bounded(says(text)).app().is_dropped_to(1001, 1001, "1001");
    }
    cases("long pages", 4);
}

#[test]
fn a_configuration_with_thousands_of_entries_is_resolved_quickly() {
    let all = |before: &str, count: usize, one: fn(usize) -> String| {
        before.to_owned() + &(0..count).map(one).collect::<String>()
    };
    let texts = [
        all("[env]\n", 60_000, |number| format!("V{number} = 'x'\n")),
        all("[env]\n", 40_000, |number| format!("V{number} = '${{PATH}}'\n")),
        all("", 20_000, |number| format!("[roles.r{number}]\ncommand = ['sh']\n")),
        all("[roles.web]\n", 15_000, |number| format!("[[directory]]\npath = '/run/{number}'\nroles = ['web']\n")),
        all("", 12_000, |number| {
            format!("[[tmpfs]]\npath = '/cache/{number}'\nroles = ['r{}']\n[roles.r{number}]\n", 11_999 - number)
        }),
    ];
    let count = texts.len();
    for text in texts {
        bounded(says(text).words(["nowhere"])).refused(127, &["nowhere"]);
    }
    cases("pages of entries", count);
}

#[test]
fn line_ends_of_other_systems_are_understood_or_named() {
    let run = says("user = 'web'\r\n[env]\r\nA = 'x'\r\n").run();
    run.app().is_dropped_to(1002, 2002, "29 2002");
    assert_eq!(run.app().variable("A"), "x");
    says("user = 'web'\r\n\r\n  usr = 'x'\r\n").run().refused(78, &["/etc/init.toml:3:3: unknown key 'usr'"]);
    says("user = 'web'\ruser = 'app'\r").run().refused(78, &["/etc/init.toml:1:", "not TOML"]);
    cases("line ends", 3);
}

#[test]
fn invalid_utf8_is_named_by_its_line() {
    let texts: [(&[u8], &str); 8] = [
        (b"\xff", "not UTF-8 in line 1"),
        (b"user = 'app'\n\xc3", "not UTF-8 in line 2"),
        (b"# \xed\xa0\x80\n", "not UTF-8 in line 1"),
        (b"#\n#\n# \xf8\x88\x80\x80\x80\n", "not UTF-8 in line 3"),
        (b"\xfe\xff\x00u\x00s", "not UTF-8 in line 1"),
        (b"user = 'app'\n\0\n", "/etc/init.toml:2:1: not TOML"),
        (b"user\0 = 'app'\n", "/etc/init.toml:1:5: not TOML"),
        (b"# \x07\n", "/etc/init.toml:1:3: not TOML"),
    ];
    for (text, what) in texts {
        bounded(says(text)).refused(78, &[what]);
    }
    cases("bytes that are no text", texts.len());
}
