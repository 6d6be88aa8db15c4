//! Surfaces that stay unwritable to the app's user after the hand-over. Each fix is followed, until the app boots.

use crate::fixes::{APP, boots, container, fix, volume};
use crate::support::protocol::{Content, Kind};
use crate::support::sandbox::Sandbox;

const TMPFS: &str = "[[tmpfs]]\npath = '/data'\nmode = '0700'\n";
const VOLUME: &str = "[[volume]]\npath = '/data'\n";
const OWN: &str = "let its owner write to it (chmod u+wx /data), and SELinux too (option Z)";

/// The fix, in a boot and in its check.
fn refused(boot: &Sandbox, expected: &str) {
    fix(&boot.run(), 78, expected);
    let check = boot.clone().env("BOOT_CHECK_ONLY=1").run();
    check.check(check.outcome.code == Some(78) && !check.started(), "a refusal in the check");
    check.check(check.stderr().contains(&format!("; fix: {expected}\n")), "the same fix in the check");
}

#[test]
fn a_volume_whose_mode_bars_the_user_is_refused() {
    for owner in [APP, (0, 0)] {
        for mode in [0o500, 0o677, 0o000] {
            refused(&volume(VOLUME, owner, mode), OWN);
        }
        for mode in [0o300, 0o700] {
            boots(&volume(VOLUME, owner, mode));
        }
    }
    // As non-root.
    refused(&volume(VOLUME, APP, 0o500).user(APP.0, APP.1, 0), OWN);
    boots(&volume(VOLUME, APP, 0o700).user(APP.0, APP.1, 0));
}

#[test]
fn a_surface_below_a_closed_directory_is_refused() {
    for config in [VOLUME, TMPFS] {
        let below = |mode| {
            let config = config.replace("/data", "/closed/data");
            container(&config).owned("/closed", Kind::Directory, (0, 0), mode).tmpfs("/closed/data")
        };
        refused(&below(0o700), "let the user enter each directory above it (chmod a+x)");
        boots(&below(0o711));
    }
}

#[test]
fn a_read_only_mount_of_the_users_is_refused() {
    let expected = "mount a writable volume there (--volume NAME:/data:U, or a claim with fsGroup)";
    refused(&volume(VOLUME, APP, 0o755).answer(libc::SYS_faccessat, &[], libc::EROFS), expected);
    let expected = "mount it writable (--tmpfs /data:rw,mode=1777, or a memory-backed emptyDir with fsGroup)";
    refused(&volume(TMPFS, APP, 0o700).answer(libc::SYS_faccessat, &[], libc::EROFS), expected);
    // As a security module answers.
    refused(&volume(VOLUME, APP, 0o755).answer(libc::SYS_faccessat, &[], libc::EACCES), OWN);
}

#[test]
fn a_file_mounted_in_place_of_a_surface_is_named() {
    let file = || container("").tmpfs("/disk").file("/disk/file", "x").node("/data", Kind::Bind("/disk/file".into()));
    let surfaces = [(VOLUME, "--volume NAME:/data:Z"), (TMPFS, "--tmpfs /data:rw,size=64m,mode=0700")];
    for (config, flag) in surfaces {
        let run = file().config(config).run();
        run.refused(78, &["/data is a mounted file, not a directory"]);
        fix(&run, 78, &format!("mount a directory instead: {flag}"));
        boots(&volume(config, (0, 0), 0o755));
        // A file of the image, and one above the path.
        let image = container(config).owned("/data", Kind::File(Content::Bytes(b"x".into())), (0, 0), 0o644);
        fix(&image.run(), 78, "remove the file there from the image, or give another path");
        let above = file().config(config.replace("/data", "/data/below"));
        fix(&above.run(), 78, "remove the file there from the image, or give another path");
    }
}
