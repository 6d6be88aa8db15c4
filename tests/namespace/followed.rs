//! Fixes that change the start of the container, its mounts or its image. Each is followed, until the app boots.

use crate::fixes::{APP, boots, container, fix, link, volume};
use crate::support::protocol::{Content, Kind};
use crate::support::run::Run;
use crate::support::sandbox::{Sandbox, sandbox};

const TMPFS: &str = "[[tmpfs]]\npath = '/data'\n";
const VOLUME: &str = "[[volume]]\npath = '/data'\n";

/// The end of a fix for a tmpfs over files.
const HIDDEN: &str = "; it hides the files that are there now: if the app needs them, give an empty path";

/// Without any capability, as after `--cap-drop=ALL`.
fn as_user(boot: Sandbox) -> Sandbox {
    boot.user(APP.0, APP.1, 0)
}

/// As root with the capabilities of this set, as Docker and a Pod start a container.
fn as_root(boot: &Sandbox, capabilities: u64) -> Sandbox {
    let root = |spec: &mut crate::support::protocol::Spec| (spec.start.uid, spec.start.gid) = (0, 0);
    boot.clone().with(root).with(|spec| spec.start.ambient = 0).capabilities(capabilities)
}

/// The capabilities that a fix says to add, beside those that are there.
fn added(run: &Run, capabilities: u64) -> u64 {
    const NAMES: [(&str, u32); 6] =
        [("CHOWN", 0), ("KILL", 5), ("SETGID", 6), ("SETUID", 7), ("SETPCAP", 8), ("NET_RAW", 13)];
    let text = run.stderr();
    let flags = text.split("--cap-add=").skip(1).map(|rest| rest.split([' ', ',']).next().unwrap_or_default());
    flags.fold(capabilities, |all, name| {
        all | 1 << NAMES.iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("{name}")).1
    })
}

/// Boots as root with no capability, and then with those that the fix says to add.
fn boots_as_root(boot: &Sandbox, capabilities: u64) {
    let run = as_root(boot, capabilities).run();
    run.refused(77, &["missing capability ", "fix: add --cap-add="]);
    boots(&as_root(boot, added(&run, capabilities)));
}

#[test]
fn a_start_as_root_mends_what_says_so() {
    // A volume and a tmpfs that are root's.
    for (config, kind) in [(VOLUME, Kind::Tmpfs), (TMPFS, Kind::Tmpfs)] {
        let boot = as_user(container(config).owned("/data", kind, (0, 0), 0o755));
        let expected = "mount it owned by uid 1001 (Podman's option U, fsGroup of Kubernetes) or with mode=1777, or \
                        start as root and let /init hand it over";
        fix(&boot.run(), 78, expected);
        boots_as_root(&boot, 0);
    }
    // Capabilities to keep: Docker and the kubelet give them to root alone.
    let kept = as_user(sandbox().config("keep_capabilities = ['NET_RAW', 'KILL']"));
    let run = kept.run();
    run.refused(77, &[", and with Docker or Kubernetes start the container as root"]);
    let capabilities = added(&run, 0);
    let root = as_root(&kept, capabilities).run();
    root.refused(77, &["fix: add --cap-add="]);
    as_root(&kept, added(&root, capabilities)).run().app().is("CapEff", "0000000000002020");
    // A root step.
    let boot = as_user(sandbox().config("[[root_step]]\nname = 'x'\ncommand = ['witness', 'aside']\n"));
    let expected = "start the container as root of its user namespace (USER 0, no --user): /init drops to the user \
                    itself";
    fix(&boot.run(), 78, expected);
    boots_as_root(&boot, 0);
}

#[test]
fn a_claim_with_fs_group_needs_no_root() {
    const GROUP: u32 = 2000;
    // The kubelet gives a claim the group and g+rwxs, and an emptyDir 2777.
    let pod = |boot: Sandbox| as_user(boot).with(|spec| spec.start.groups = vec![APP.1, GROUP]);
    let claim = |config: &str, mode| pod(sandbox().config(config).owned("/data", Kind::Tmpfs, (0, GROUP), mode));
    let is_started = |boot: Sandbox| boot.run().app().is_dropped_to(APP.0, APP.1, "1001 2000");
    let image = |config: &str| sandbox().config(config).owned("/data", Kind::Directory, APP, 0o755);
    fix(
        &pod(image(VOLUME)).run(),
        78,
        "mount a writable volume there (--volume NAME:/data:U, or a claim with fsGroup)",
    );
    fix(
        &pod(image(TMPFS)).run(),
        78,
        "mount it writable (--tmpfs /data:rw,mode=1777, or a memory-backed emptyDir with fsGroup)",
    );
    for config in [VOLUME, TMPFS] {
        claim(config, 0o755).run().refused(78, &["(Podman's option U, fsGroup of Kubernetes)"]);
        is_started(claim(config, 0o2775));
        is_started(claim(config, 0o2777));
    }
}

#[test]
fn a_secret_of_root_is_given_to_the_user_or_read_by_root() {
    let boot = |owner, mode| {
        let value = Kind::File(Content::Bytes(b"value\n".into()));
        let secret = sandbox().config("[secrets]\nKEY = '/secrets/key'\n").node("/secrets", Kind::Directory);
        secret.owned("/secrets/key", value, owner, mode)
    };
    let expected = "let the app's user own it, with mode 0400 (--secret NAME,uid=UID,mode=0400), or start as root and \
                    let root own it and the directories above it";
    let roots = as_user(boot((0, 0), 0o400));
    fix(&roots.run(), 78, expected);
    boots(&as_user(boot(APP, 0o400)));
    boots_as_root(&roots, 0);
    // The kubelet gives a secret the group of fsGroup.
    boots(&as_user(boot((0, APP.1), 0o440)));
    // In a directory of another user, root reads it with the user's rights.
    let others = |owner| boot(owner, 0o400).with(|spec| spec.tree[1].owner = (1002, 1002));
    fix(&others((0, 0)).run(), 78, expected);
    boots(&others(APP));
}

#[test]
fn a_file_in_place_of_a_surface_is_not_mounted_over() {
    for config in [VOLUME, TMPFS] {
        for (owner, mode) in [((0, 0), 0o644), (APP, 0o755), (APP, 0o777)] {
            let file = Kind::File(Content::Bytes(b"x".into()));
            let boot = as_user(container(config).owned("/data", file, owner, mode));
            let expected = "make each part of its path a directory: no file, and no broken symbolic link";
            fix(&boot.run(), 78, expected);
        }
        boots(&as_user(container(config).owned("/data", Kind::Directory, APP, 0o755)));
    }
}

#[test]
fn a_loop_of_links_is_removed() {
    let one = || container("").node("/loop", link("/loop"));
    let two = || container("").node("/loop", link("/other")).node("/other", link("loop"));
    let above = || container("").node("/loop", link("loop/x"));
    for surface in ["[[tmpfs]]\npath = '/loop'\n", "[[volume]]\npath = '/loop'\n", "[[directory]]\npath = '/loop/x'\n"]
    {
        for looped in [one(), two(), above()] {
            let run = looped.config(surface).run();
            let code = run.outcome.code.filter(|code| [71, 78].contains(code)).unwrap_or_default();
            fix(&run, code, "remove the link /loop, which leads back to itself");
        }
        let mended = container(surface);
        let at = if surface.contains("directory") {
            mended.owned("/loop", Kind::Directory, APP, 0o755)
        } else {
            mended.tmpfs("/loop")
        };
        boots(&at);
    }
    // A link that leads elsewhere is no loop, though that is missing.
    let config = "[[tmpfs]]\npath = '/link'\n";
    fix(&container(config).node("/link", link("/data")).run(), 78, "give the path without the link: /data");
}

#[test]
fn a_tmpfs_over_files_says_that_it_hides_them() {
    let add = "add --tmpfs /data:rw,size=64m,mode=0755 (never uid= or gid=), or a memory-backed emptyDir";
    let image = || container(TMPFS).owned("/data", Kind::Directory, APP, 0o755);
    fix(&image().run(), 78, add);
    fix(&image().file("/data/kept", "x").run(), 78, &format!("{add}{HIDDEN}"));
    boots(&container(TMPFS).owned("/data", Kind::Tmpfs, (0, 0), 0o755));
    // On a tmpfs of the engine.
    let below = || container("[[tmpfs]]\npath = '/run/app'\n").tmpfs("/run").node("/run/app", Kind::Directory);
    let add = add.replace("/data", "/run/app");
    fix(&below().run(), 78, &add);
    fix(&below().file("/run/app/kept", "x").run(), 78, &format!("{add}{HIDDEN}"));
    boots(&below().tmpfs("/run/app"));
}

#[test]
fn a_wait_for_a_program_that_cannot_run_has_the_fix_of_the_program() {
    let step = |program: &str| {
        format!("[[step]]\nname = 'database'\nwait = {{ exec = ['{program}', 'aside'] }}\ntimeout = '1s'\n")
    };
    // The program reports too, so a report of the app alone is not found.
    let passes = |boot: &Sandbox| {
        let run = boot.run();
        run.check(run.outcome.code == Some(0) && run.stdout().contains("witness: started"), "a start of the app");
    };
    let boot = |program: &[u8], above| {
        let program = Content::Bytes(program.into());
        let base = sandbox().config(step("/opt/ready")).owned("/opt", Kind::Directory, (0, 0), above);
        base.file_mode("/opt/ready", program, 0o755)
    };
    let install = "install /bin/lost in the image, or name the right one in the script's first line";
    let run = boot(b"#!/bin/lost\n", 0o755).run();
    run.refused_late(
        70,
        &["waited 1s for ", "last: command '/opt/ready' not found: its interpreter '/bin/lost' is mis"],
    );
    fix(&run, 70, install);
    passes(&boot(b"#!/bin/lost\n", 0o755).file_mode("/bin/lost", Content::Witness, 0o755));
    let script = b"#!/bin/witness\n";
    fix(&boot(script, 0o700).run(), 70, "let the user enter it (chmod a+x /opt)");
    passes(&boot(script, 0o711));
    // One that a step could have made is not refused before the boot.
    let made = format!("{VOLUME}{}", step("/data/ready"));
    let volume = || volume(&made, APP, 0o755);
    fix(&volume().run(), 70, "install it in the image, correct PATH, or give its whole path");
    passes(&volume().owned("/data/ready", Kind::File(Content::Witness), APP, 0o755));
}

/// A container whose fix is followed: this code and fix, and the same container as the fix says, which boots.
fn mends(refused: &Sandbox, code: i32, expected: &str, mended: &[Sandbox]) {
    fix(&refused.run(), code, expected);
    mended.iter().for_each(boots);
}

#[test]
fn a_configuration_that_is_absent_or_not_roots_is_copied() {
    let named = || sandbox().words(["--config", "/etc/app.toml", "--", "witness"]);
    let copy = "COPY the file into the image, or leave --config out to use /etc/init.toml";
    mends(&named(), 78, copy, &[named().file("/etc/app.toml", ""), sandbox()]);
    let closed = |mode| as_user(named().file_mode("/etc/app.toml", Content::Bytes(Vec::new()), mode));
    let read = "let the user that /init starts as read it (COPY --chmod=0644) and enter the directories above it";
    mends(&closed(0o600), 78, read, &[closed(0o644)]);
    for (owner, mode, command) in
        [(APP, 0o644, "chown root"), ((0, 0), 0o666, "chmod go-w"), ((0, APP.1), 0o664, "chmod g-w")]
    {
        let boot = |owner, mode| named().owned("/etc/app.toml", Kind::File(Content::Bytes(Vec::new())), owner, mode);
        let expected = format!(
            "let only root own and write it: {command} /etc/app.toml (COPY --chown=0:0 --chmod=0644); anyone else \
             could control root at the next start"
        );
        mends(&boot(owner, mode), 78, &expected, &[boot((0, 0), 0o644)]);
    }
}

#[test]
fn what_the_environment_lacks_is_set_without_quotes_and_carriage_returns() {
    let roles = "[roles.web]\ncommand = ['witness']\n[roles.worker]\ncommand = ['witness']\n";
    let role = |entry: &str| sandbox().config(roles).words::<&str>([]).env(entry);
    let around = "; without quotes, blanks and carriage returns around it (save an env file with LF line endings)";
    for (entry, more) in [("ROLE=web\r", around), ("ROLE='web'", around), ("ROLE=wbe", ""), ("ROLE=", "")] {
        mends(&role(entry), 78, &format!("set ROLE to one of: web, worker{more}"), &[role("ROLE=web")]);
    }
    let log = "give INIT_LOG once, as error, warn, info, debug or trace, or unset it";
    let level = |entry: &str| sandbox().env(entry);
    mends(&level("INIT_LOG=\"info\""), 64, &format!("{log}{around}"), &[level("INIT_LOG=info"), sandbox()]);
    let value = |text: &str| sandbox().config(format!("[env]\nA = '{text}'\n"));
    let expected = "set DB_NAME (--env DB_NAME=…), or write ${DB_NAME:-default}";
    let set = value("${DB_NAME}").env("DB_NAME=x");
    mends(&value("${DB_NAME}"), 78, expected, &[set, value("${DB_NAME:-default}")]);
    let secret = || sandbox().config("[secrets]\nKEY = '/run/key'\n");
    let file = |path: &str| secret().file_mode(path, Content::Bytes(b"value\n".into()), 0o400);
    let expected = "mount the secret there (--secret …), or name its file in KEY_FILE";
    mends(&secret(), 78, expected, &[file("/run/key"), file("/etc/key").env("KEY_FILE=/etc/key")]);
}

#[test]
fn what_is_not_mounted_is_mounted() {
    let tmpfs = "add --tmpfs /data:rw,size=64m,mode=0755 (never uid= or gid=), or a memory-backed emptyDir";
    let mounted = |config: &str, mode| sandbox().config(config).owned("/data", Kind::Tmpfs, (0, 0), mode);
    mends(&sandbox().config(TMPFS), 78, tmpfs, &[mounted(TMPFS, 0o755), mounted(TMPFS, 0o777)]);
    let volume = "mount it: --volume NAME:/data:Z, or a throw-away --tmpfs /data";
    mends(&sandbox().config(VOLUME), 78, volume, &[mounted(VOLUME, 0o755), mounted(VOLUME, 0o1777)]);
    // Podman and Docker mount a tmpfs without options with mode 1777.
    let directory = "[[directory]]\npath = '/data/made'\n";
    let root = || sandbox().config(directory).node("/data", Kind::Directory);
    let expected = "put it below a writable mount, or mount one (--tmpfs /data/made)";
    let one = root().owned("/data/made", Kind::Tmpfs, (0, 0), 0o1777);
    mends(&root(), 71, expected, &[mounted(directory, 0o1777), one]);
    let full = || {
        sandbox()
            .config(format!("{TMPFS}[[file]]\npath = '/data/file'\ntemplate = '/etc/big'\n"))
            .file("/etc/big", vec![b'x'; 200_000])
    };
    let sized = |size: &str| full().node("/data", Kind::OptionTmpfs(format!("size={size},mode=0755")));
    mends(&sized("64k"), 71, "free space or inodes there, or mount it larger", &[sized("1m")]);
}

#[test]
fn a_command_that_is_not_found_or_not_executable_is_installed() {
    let app = || sandbox().words(["server"]).node("/opt", Kind::Directory);
    let at = |path: &str| app().file_mode(path, Content::Witness, 0o755);
    let is_started = |boot: Sandbox| boot.run().app().is_dropped_to(1001, 1001, "1001");
    fix(&app().run(), 127, "install it in the image, correct PATH, or give its whole path");
    is_started(at("/bin/server"));
    is_started(at("/opt/server").with(|spec| spec.env[0] = "PATH=/bin:/opt".into()));
    is_started(at("/opt/server").words(["/opt/server"]));
    let mode = |mode| app().file_mode("/bin/server", Content::Witness, mode);
    for closed in [0o644, 0o700] {
        fix(&mode(closed).run(), 126, "let the user execute it (chmod 0755)");
    }
    is_started(mode(0o755));
    let script = |line: &str| app().file_mode("/bin/server", Content::Bytes(line.into()), 0o755);
    let lost = || script("#!/bin/lost\n");
    let install = "install /bin/lost in the image, or name the right one in the script's first line";
    fix(&lost().run(), 127, install);
    is_started(lost().file_mode("/bin/lost", Content::Witness, 0o755));
    is_started(script("#!/bin/witness\n"));
    let endings = "save the script with LF line endings (dos2unix, or eol=lf in .gitattributes)";
    fix(&script("#!/bin/witness\r\n").run(), 127, endings);
    let noexec = sandbox().words(["/opt/server"]).node("/opt", Kind::NoexecTmpfs);
    let noexec = noexec.file_mode("/opt/server", Content::Witness, 0o755);
    fix(&noexec.run(), 126, "install it on another file system, or mount this one with exec");
    let workdir = || sandbox().config("workdir = '/srv/app'\n");
    let create = "create it in the image, or change workdir";
    mends(
        &workdir(),
        71,
        create,
        &[workdir().node("/srv/app", Kind::Directory), sandbox().config("workdir = '/bin'\n")],
    );
    let closed = |mode| workdir().owned("/srv", Kind::Directory, (0, 0), mode).node("/srv/app", Kind::Directory);
    let enter = "let the user enter it and each directory above it (chmod a+x), or change workdir";
    mends(&closed(0o700), 71, enter, &[closed(0o711)]);
}

#[test]
fn ids_that_cannot_be_used_are_exchanged() {
    let user = |user: &str| sandbox().config(format!("user = '{user}'\n"));
    let number = "give a number from 1 to 4294967294, or a name that is in the image's /etc/passwd (user) or \
                  /etc/group (group)";
    for wrong in ["nobody-here", "0", "root", "1001:nowhere"] {
        mends(&user(wrong), 78, number, &[user("1001:1001")]);
    }
    let map = "choose an id that /proc/self/uid_map maps (0-65535), or give the engine's user more sub-ids \
               (/etc/subuid, /etc/subgid)";
    mends(&user("70000:1001"), 78, map, &[user("1001:1001")]);
    let groups = "give the engine's user sub-gids in /etc/subgid: this user namespace denies setgroups to everyone";
    mends(&sandbox().with(|spec| spec.deny_setgroups = true), 77, groups, &[sandbox()]);
    let none = "start the container without --exec, then run it in there (podman exec CONTAINER /init --exec COMMAND)";
    mends(&sandbox().words(["--exec", "witness"]), 64, none, &[sandbox()]);
}
