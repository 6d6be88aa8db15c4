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
