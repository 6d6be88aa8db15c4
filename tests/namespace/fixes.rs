//! Fixes that are followed: the boot is refused, the container is changed as the fix says, and then it boots.

use std::fs::File;
use std::os::unix::fs::chown;
use std::path::PathBuf;

use libc::RLIMIT_NOFILE;
use rustix::fs::{IFlags, ioctl_getflags, ioctl_setflags};

use crate::support::capability::FOUR;
use crate::support::protocol::{Content, Kind};
use crate::support::run::Run;
use crate::support::sandbox::{Sandbox, sandbox};

pub(crate) const APP: (u32, u32) = (1001, 1001);

/// The id on the machine of the container's root, as the tests map it.
const FIRST: u32 = 100_000;

const FILE: &str = "[[file]]\npath = '/data/file'\ntemplate = '/etc/template'\n";
const DIRECTORY: &str = "[[directory]]\npath = '/data/made'\n";
const VOLUME: &str = "[[volume]]\npath = '/data'\nrecursive = true\n";

/// A container with a writable root.
pub(crate) fn container(config: &str) -> Sandbox {
    sandbox().with(|spec| spec.read_only = false).config(config).file("/etc/template", "text\n")
}

/// The same with a volume of this owner and mode.
pub(crate) fn volume(config: &str, owner: (u32, u32), mode: u32) -> Sandbox {
    container(config).owned("/data", Kind::Tmpfs, owner, mode)
}

pub(crate) fn link(target: &str) -> Kind {
    Kind::Symlink(target.into())
}

pub(crate) fn fix(run: &Run, code: i32, expected: &str) {
    let record = run.refused_late(code, &[]);
    let found = record.split_once("; fix: ").map(|(_, fix)| fix);
    run.check(found == Some(expected), &format!("the fix '{expected}'"));
}

pub(crate) fn boots(boot: &Sandbox) {
    boot.run().app().is_dropped_to(1001, 1001, "1001");
}

/// A directory of the machine, whose files are the container's: each with its owner there.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str, owner: u32, entry: Option<&str>) -> Directory {
        let top = Directory(std::env::temp_dir().join(format!("stepdown-{name}-{}", std::process::id())));
        std::fs::create_dir(&top.0).unwrap();
        match entry {
            Some("made") => std::fs::create_dir(top.0.join("made")).unwrap(),
            Some(entry) => std::fs::write(top.0.join(entry), "x").unwrap(),
            None => {}
        }
        for path in std::iter::once(top.0.clone()).chain(entry.map(|entry| top.0.join(entry))) {
            chown(path, Some(FIRST + owner), Some(FIRST + owner)).unwrap();
        }
        top
    }

    /// Sets one of the two attributes, or clears both.
    fn attribute(&self, entry: &str, flags: IFlags) -> std::io::Result<()> {
        let file = File::open(self.0.join(entry))?;
        let others = ioctl_getflags(&file)? - (IFlags::IMMUTABLE | IFlags::APPEND);
        Ok(ioctl_setflags(file, others | flags)?)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        for entry in ["", "file", "made"] {
            let _ = self.attribute(entry, IFlags::empty());
        }
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn an_immutable_or_append_only_file_is_named_and_no_capability_is_blamed() {
    for (config, owner, entry, at, code) in [
        (VOLUME, 0, Some("file"), "file", 71),
        (VOLUME, 0, Some("made"), "made", 71),
        (VOLUME, 0, None, "", 71),
        (DIRECTORY, 1001, None, "", 71),
        (DIRECTORY, 1001, Some("made"), "made", 78),
        (FILE, 1001, None, "", 71),
        (FILE, 1001, Some("file"), "file", 71),
    ] {
        for flags in [IFlags::IMMUTABLE, IFlags::APPEND] {
            // A directory can be created in one that is append-only.
            if flags == IFlags::APPEND && config == DIRECTORY {
                continue;
            }
            let directory = Directory::new("attribute", owner, entry);
            if let Err(error) = directory.attribute(at, flags) {
                // Only root of the machine may, and not every file system has attributes.
                assert!(std::env::var_os("STEPDOWN_MUST_RUN").is_none(), "attributes: {error}");
                return;
            }
            let boot = container(config).node("/data", Kind::HostBind(directory.0.clone()));
            let place = format!("/data/{at}");
            let expected = format!(
                "clear the immutable or append-only attribute of {} on the host (chattr -i -a)",
                place.trim_end_matches('/')
            );
            fix(&boot.run(), code, &expected);
            directory.attribute(at, IFlags::empty()).unwrap();
            boots(&boot);
        }
    }
}

#[test]
fn a_link_on_a_volume_is_removed_not_followed() {
    for (config, at, target) in [
        (DIRECTORY, "/data/made", "/etc"),
        (DIRECTORY, "/data/made", "/nowhere"),
        ("[[directory]]\npath = '/data/loop/made'\n", "/data/loop", "/data/loop"),
        ("[[directory]]\npath = '/data/cache/made'\n", "/data/cache", "/etc"),
    ] {
        let unlinked = volume(config, APP, 0o755);
        let run = unlinked.clone().owned(at, link(target), APP, 0o777).run();
        run.check(run.outcome.code.is_some_and(|code| [71, 78].contains(&code)), "a refusal");
        fix(&run, run.outcome.code.unwrap(), &format!("remove the link {at}, which the app could have made"));
        boots(&unlinked);
    }
    // The file's directory must exist, and a link in the file's own place is replaced.
    let config = FILE.replace("/data/file", "/data/cache/file");
    let linked = volume(&config, APP, 0o755).owned("/data/cache", link("/etc"), APP, 0o777);
    fix(&linked.run(), 71, "remove the link /data/cache, which the app could have made");
    boots(&volume(&config, APP, 0o755).owned("/data/cache", Kind::Directory, APP, 0o755));
    boots(&volume(FILE, APP, 0o755).owned("/data/file", link("/etc/passwd"), (0, 0), 0o777));
    // A non-root start checks a volume's path in the same way.
    let config = VOLUME.replace("/data", "/data/in");
    let start = |kind| volume(&config, APP, 0o755).owned("/data/in", kind, APP, 0o755).user(1001, 1001, 0);
    fix(&start(link("/etc")).run(), 78, "remove the link /data/in, which the app could have made");
    boots(&start(Kind::Directory));
}

#[test]
fn a_directory_that_the_user_cannot_write_to_has_a_fix_for_each_cause() {
    let own = "let uid 1001 own and write it (chmod u+wx): by COPY --chown in the image, by recursive = true in its \
               [[tmpfs]], or by recursive = \"always\" in its [[volume]]";
    let made = |config: &str, owner, mode| volume(config, APP, 0o755).owned("/data/made", Kind::Directory, owner, mode);
    for (owner, mode) in [((0, 0), 0o755), ((1002, 1002), 0o775), (APP, 0o500), (APP, 0o600)] {
        fix(&made(DIRECTORY, owner, mode).run(), 78, own);
    }
    boots(&made(DIRECTORY, APP, 0o300));
    let tables =
        ["[[tmpfs]]\npath = '/data'\nrecursive = true\n", "[[volume]]\npath = '/data'\nrecursive = 'always'\n"];
    for table in tables {
        boots(&made(&format!("{table}{DIRECTORY}"), (0, 0), 0o755));
    }
    // On a read-only mount, its owner does not matter.
    for owner in [(0, 0), APP] {
        let boot = sandbox().owned("/srv/made", Kind::Directory, owner, 0o755);
        let config = DIRECTORY.replace("/data", "/srv");
        let expected = "put it below a writable mount, or leave it out if the app only reads it";
        fix(&boot.config(config).run(), 78, expected);
    }
    let expected = "let uid 1001 enter each directory above it and write to the last one, or put it below a [[tmpfs]] \
                    or [[volume]]";
    fix(&volume(DIRECTORY, (0, 0), 0o755).run(), 71, expected);
    boots(&volume(&format!("{VOLUME}{DIRECTORY}"), (0, 0), 0o755));
    fix(&volume(DIRECTORY, (0, 0), 0o700).owned("/data/made", Kind::Directory, APP, 0o755).run(), 71, expected);
    boots(&volume(DIRECTORY, (0, 0), 0o711).owned("/data/made", Kind::Directory, APP, 0o755));
    // Nothing can be created there.
    let config = DIRECTORY.replace("/data", "/proc");
    fix(&container(&config).run(), 71, "put it below a writable mount, such as a [[tmpfs]]");
}

#[test]
fn a_file_of_another_user_in_a_sticky_directory_is_to_be_removed() {
    let config = FILE.replace("/data/file", "/tmp/file");
    for owner in [(0, 0), (1002, 1002)] {
        for kind in [Kind::File(Content::Bytes(b"x".into())), link("/etc/passwd"), Kind::Directory] {
            let run = container(&config).owned("/tmp/file", kind, owner, 0o777).run();
            let expected =
                "remove /tmp/file, which belongs to another user in a sticky directory, or give another path";
            fix(&run, 71, expected);
        }
    }
    boots(&container(&config));
    // What root obeys is not made root's by a change of /tmp.
    let step = |path: &str| {
        let config = format!("[[root_step]]\nname = 'rules'\ncommand = ['witness', '{path}']\n");
        container(&config).file(path, "flush\n")
    };
    step("/tmp/rules")
        .run()
        .refused(78, &["/tmp is writable to everyone", "own and write it: use a place outside of /tmp ("]);
    boots(&step("/etc/rules"));
}

#[test]
fn too_few_open_files_are_the_cause_whatever_needed_one() {
    let config = "[secrets]\nKEY = '/etc/key'\n[[root_step]]\nname = 'rules'\ncommand = ['witness', '/etc/key']\n";
    let boot = |limit: u64| container(config).file("/etc/key", "value").limit(RLIMIT_NOFILE, limit);
    let (mut secret, mut step) = (false, false);
    for limit in 4..24 {
        let run = boot(limit).run();
        if !run.started() {
            let record = run.refused_late(run.outcome.code.unwrap(), &["EMFILE", "; fix: allow more open files"]);
            secret |= record.contains("secret KEY");
            step |= record.contains("root step");
        }
    }
    assert!(secret && step, "each of the two is refused at some limit: {secret} {step}");
    boots(&boot(1024));
    // The configuration's own words are not the kernel's reason.
    fix(&container("[env]\nA = '${X:?no X (EMFILE)}'\n").run(), 78, "set X (--env X=…)");
}

#[test]
fn a_capability_to_keep_is_added_where_the_engine_gives_it() {
    let start = |capabilities| sandbox().config("keep_capabilities = ['NET_RAW', 'KILL']").capabilities(capabilities);
    let (raw, kill) = (1 << 13, 1 << 5);
    let add = "add --cap-add=KILL --cap-add=NET_RAW (Kubernetes: capabilities.add: [KILL, NET_RAW])";
    fix(&start(FOUR).run(), 77, add);
    fix(&start(FOUR | kill).run(), 77, "add --cap-add=NET_RAW (Kubernetes: capabilities.add: [NET_RAW])");
    start(FOUR | kill | raw).run().app().is("CapEff", "0000000000002020");
    // Docker and the kubelet give root alone what they add: such a start has it in the bounding set only.
    let user = start(0).user(1001, 1001, 0).with(|spec| spec.start.bounding = raw | kill);
    fix(&user.run(), 77, &format!("{add}, and with Docker or Kubernetes start the container as root"));
    start(0).user(1001, 1001, raw | kill).run().app().is("CapEff", "0000000000002020");
}

#[test]
fn no_tmpfs_is_suggested_where_the_image_may_have_files() {
    let mount = |config: &str| container(config).owned("/data", Kind::Directory, APP, 0o755).file("/data/kept", "x");
    let run = mount(VOLUME).run();
    fix(&run, 78, "mount it: --volume NAME:/data:Z");
    let read_only = |config: &str| mount(config).with(|spec| spec.read_only = true).user(1001, 1001, 0).run();
    fix(&read_only(VOLUME), 78, "mount a writable volume there (--volume NAME:/data:U, or a claim with fsGroup)");
    let tmpfs = "mount it writable (--tmpfs /data:rw,mode=1777, or a memory-backed emptyDir with fsGroup); it hides \
                 the files that are there now: if the app needs them, give an empty path";
    fix(&read_only("[[tmpfs]]\npath = '/data'\n"), 78, tmpfs);
    boots(&volume(VOLUME, (0, 0), 0o1777).user(1001, 1001, 0));
}

#[test]
fn what_is_missing_is_declared_or_selected() {
    let web = "[roles.web]\ncommand = ['witness']\nhealth = { exec = ['witness'] }\n";
    let ask = |config: &str, words: &[&str]| sandbox().config(config).words(words).run();
    fix(&ask("", &["--health"]), 78, "select a role with a health check (--role NAME), or declare one");
    assert_eq!(ask(web, &["--health", "--role", "web"]).outcome.code, Some(0));
    let other = "[[volume]]\npath = '/data'\nroles = ['beat']\n";
    fix(&ask(other, &["witness"]), 78, "declare the role as [roles.beat]");
    let both = format!("{other}{web}");
    fix(&ask(&both, &["witness"]), 78, "declare the role as [roles.beat], or name one of: web");
    boots(&sandbox().config(format!("{both}[roles.beat]\n")));
    let accounts = || sandbox().node("/etc/passwd", link("/etc")).config("user = '1001:1001'\n");
    let remove = "make /etc/passwd a file that everyone can read, or remove it and give users and groups as numbers";
    fix(&accounts().run(), 78, remove);
    boots(&sandbox().config("user = '1001:1001'\n").with(|spec| spec.without.push("/etc/passwd".into())));
}
