//! The hand-over of tmpfs mount points: the owner and mode of each, recursive only if configured, and never through a
//! link.

use crate::support::capability::{FOUR, SETGID, SETPCAP, SETUID};
use crate::support::protocol::{Content, Kind};
use crate::support::run::Run;
use crate::support::sandbox::{Sandbox, sandbox};

fn file(text: &str) -> Kind {
    Kind::File(Content::Bytes(text.into()))
}

fn configured(path: &str, mode: &str) -> String {
    format!("[[tmpfs]]\npath = '{path}'\nmode = '{mode}'\n")
}

/// A tmpfs at /cache with this owner and mode, to be handed over with another mode.
fn cache(owner: (u32, u32), mode: u32, wanted: &str) -> Sandbox {
    sandbox().owned("/cache", Kind::Tmpfs, owner, mode).config(configured("/cache", wanted))
}

fn handed(sandbox: &Sandbox) -> Run {
    let run = sandbox.run();
    run.app().is_dropped_to(1001, 1001, "1001");
    run
}

#[test]
fn a_tmpfs_becomes_the_users_with_the_configured_mode() {
    for (engines, wanted, mode) in [
        (0o755, "0755", 0o755),
        (0o1777, "0755", 0o755),
        (0o755, "1777", 0o1777),
        (0o755, "0700", 0o700),
        (0o700, "0750", 0o750),
        (0o000, "0755", 0o755),
        (0o755, "2775", 0o2775),
    ] {
        handed(&cache((0, 0), engines, wanted)).owns("/cache", 1001, 1001, mode);
    }
}

#[test]
fn files_copied_into_a_tmpfs_are_handed_over_if_recursive() {
    for owner in [(0, 0), (1001, 1001)] {
        for recursive in [false, true] {
            let run = handed(
                &cache(owner, 0o755, "0755")
                    .owned("/cache/in", Kind::Directory, (0, 0), 0o700)
                    .owned("/cache/in/file", file("x"), (0, 0), 0o600)
                    .config(configured("/cache", "0755") + &format!("recursive = {recursive}\n")),
            );
            run.owns("/cache", 1001, 1001, 0o755);
            if recursive {
                run.owns("/cache/in", 1001, 1001, 0o700);
                run.owns("/cache/in/file", 1001, 1001, 0o600);
            } else {
                run.untouched("/cache/in");
                run.untouched("/cache/in/file");
            }
        }
    }
}

#[test]
fn check_warns_about_copied_files_the_user_cannot_write() {
    for recursive in [false, true] {
        let run = cache((0, 0), 0o755, "0755")
            .owned("/cache/settings", file("x"), (0, 0), 0o644)
            .node("/cache/link", Kind::Symlink("/etc/passwd".into()))
            .config(
                "home = '/cache'\n".to_owned() + &configured("/cache", "0755") + &format!("recursive = {recursive}\n"),
            )
            .words(["--check=init", "witness"])
            .run();
        let told = "warn  tmpfs /cache: holds what uid 1001 cannot write to: settings; fix: set recursive = true";
        run.check(run.stdout().contains(told) != recursive, "a warning only if it is not handed over");
    }
}

#[test]
fn the_app_can_write_to_handed_over_mounts() {
    let run = cache((0, 0), 0o755, "0750").words(["witness", "create=/cache/file", "create=/srv/file"]).run();
    assert_eq!(run.app().attempt("create=/cache/file"), "ok");
    assert_eq!(run.app().attempt("create=/srv/file"), "EROFS");
    run.owns("/cache/file", 1001, 1001, 0o644);
}

#[test]
fn several_tmpfs_are_handed_over_also_nested_and_by_option() {
    let text = configured("/home/app", "0755") + &configured("/home/app/cache", "0700");
    let run = sandbox()
        .tmpfs("/home/app")
        .tmpfs("/home/app/cache")
        .tmpfs("/run")
        .tmpfs("/var/tmp")
        .config(text)
        .words(["--tmpfs", "/run", "--tmpfs=/var/tmp:1777", "--tmpfs", "/home/app/cache:0711", "witness"])
        .run();
    run.app().is_dropped_to(1001, 1001, "1001");
    run.owns("/home/app", 1001, 1001, 0o755);
    run.owns("/home/app/cache", 1001, 1001, 0o711);
    run.owns("/run", 1001, 1001, 0o755);
    run.owns("/var/tmp", 1001, 1001, 0o1777);
}

#[test]
fn files_below_a_tmpfs_mount_point_stay_unchanged() {
    let run = handed(
        &cache((0, 0), 0o755, "0755")
            .owned("/cache/roots", file("x"), (0, 0), 0o600)
            .owned("/cache/dir", Kind::Directory, (2000, 2000), 0o711)
            .owned("/cache/dir/others", file("x"), (2000, 2000), 0o640)
            .node("/cache/link", Kind::Symlink("/etc/passwd".into())),
    );
    run.owns("/cache", 1001, 1001, 0o755);
    for path in ["/cache/roots", "/cache/dir", "/cache/dir/others", "/cache/link", "/etc/passwd"] {
        run.untouched(path);
    }
}

#[test]
fn a_mount_point_that_is_already_right_is_not_changed() {
    handed(&cache((1001, 1001), 0o755, "0755")).unchanged();
    handed(&cache((1001, 1001), 0o755, "0755").capabilities(FOUR)).untouched("/cache");
}

#[test]
fn a_wrong_mode_of_the_users_own_mount_point_is_set_by_the_user() {
    for (was, wanted, mode) in [(0o700, "0755", 0o755), (0o1777, "0700", 0o700), (0o000, "0750", 0o750)] {
        handed(&cache((1001, 1001), was, wanted)).owns("/cache", 1001, 1001, mode);
    }
}

#[test]
fn a_tmpfs_with_another_owner_or_group_becomes_the_users() {
    for owner in [(2000, 2000), (1001, 0), (0, 1001), (1001, 2000), (2000, 1001)] {
        for was in [0o755, 0o700] {
            handed(&cache(owner, was, "0755")).owns("/cache", 1001, 1001, 0o755);
        }
    }
}

#[test]
fn entries_apply_only_to_their_roles_and_conditions() {
    let text = "[[tmpfs]]\npath = '/cache'\nroles = ['worker']\n\
        [[tmpfs]]\npath = '/run'\nwhen = { A = '1' }\n[[tmpfs]]\npath = '/srv'\nunless = { B = '1' }\n\
        [roles.web]\ncommand = ['witness']\n[roles.worker]\ncommand = ['witness']\n";
    let base = sandbox().tmpfs("/cache").tmpfs("/run").tmpfs("/srv").config(text).words::<&str>([]);
    let run = handed(&base.clone().env("ROLE=worker").env("A=2").env("B=1"));
    run.owns("/cache", 1001, 1001, 0o755);
    run.untouched("/run");
    run.untouched("/srv");
    let run = handed(&base.env("ROLE=web").env("A=1").env("B=0"));
    run.untouched("/cache");
    run.owns("/run", 1001, 1001, 0o755);
    run.owns("/srv", 1001, 1001, 0o755);
}

#[test]
fn without_a_hand_over_chown_is_not_needed() {
    sandbox().capabilities(SETUID | SETGID | SETPCAP).run().app().is_dropped_to(1001, 1001, "1001");
}

#[test]
fn missing_mount_point_is_reported_with_its_flag() {
    let run = sandbox().config("[[tmpfs]]\npath = '/cache'\nmode = '0750'\nsize = '16m'\n").run();
    run.refused(78, &["/cache does not exist", "--tmpfs /cache:rw,size=16m,mode=0750"]);
}

#[test]
fn a_directory_that_is_not_a_mount_point_is_refused() {
    let run = sandbox().node("/cache", Kind::Directory).config(configured("/cache", "0755")).run();
    run.refused(78, &["/cache is a directory on a tmpfs, but not the mount point itself", "--tmpfs /cache:rw"]);
}

#[test]
fn a_mount_point_of_another_kind_is_refused() {
    sandbox()
        .config(configured("/dev/pts", "0755"))
        .run()
        .refused(78, &["/dev/pts is not a tmpfs mount point", "--tmpfs /dev/pts"]);
    sandbox().config(configured("/proc", "0755")).run().refused(78, &["/proc is not a tmpfs mount point"]);
}

#[test]
fn a_file_or_a_fifo_in_place_of_a_mount_point_is_refused() {
    sandbox().file("/cache", "").config(configured("/cache", "0755")).run().refused(78, &["/cache is not a directory"]);
    sandbox()
        .node("/cache", Kind::Fifo)
        .config(configured("/cache", "0755"))
        .run()
        .refused(78, &["/cache is not a directory"]);
    sandbox()
        .file("/cache", "")
        .config(configured("/cache/in", "0755"))
        .run()
        .refused(78, &["/cache/in is not a directory"]);
}

// CVE-2018-6954, CVE-2018-15687, and fixuid: a link as the last component.
#[test]
fn a_link_in_place_of_the_mount_point_is_refused_and_its_target_untouched() {
    let run = sandbox()
        .tmpfs("/target")
        .node("/cache", Kind::Symlink("/target".into()))
        .config(configured("/cache", "0777"))
        .run();
    run.refused(78, &["/cache has a symbolic link in it", "fix: give the path without the link: /target"]);
    // On a volume, the app could have made the link.
    let volume =
        || sandbox().owned("/data", Kind::Tmpfs, (1001, 1001), 0o755).config(configured("/data/cache", "0777"));
    let run = volume().tmpfs("/target").owned("/data/cache", Kind::Symlink("/target".into()), (0, 0), 0o777).run();
    run.refused(78, &["(/data/cache -> /target); fix: remove the link /data/cache, which the app could have made"]);
    volume().tmpfs("/data/cache").run().app();
}

// CVE-2018-6954: a link as a component in the middle.
#[test]
fn a_link_on_the_way_to_the_mount_point_is_refused_and_its_target_untouched() {
    let base =
        sandbox().tmpfs("/run/cache").node("/var", Kind::Directory).node("/var/run", Kind::Symlink("/run".into()));
    let run = base.clone().config(configured("/var/run/cache", "0777")).run();
    run.refused(78, &["/var/run/cache has a symbolic link in it", "/run/cache"]);
    base.node("/loop", Kind::Symlink("/loop".into()))
        .config(configured("/loop/x", "0777"))
        .run()
        .refused(78, &["/loop/x", "symbolic link"]);
}

// CVE-2018-6954: the link is created between the first check and the hand-over.
#[test]
fn a_link_that_appears_during_the_boot_is_refused_and_its_target_untouched() {
    let base = sandbox().tmpfs("/var/lib/cache").tmpfs("/target/cache").config(configured("/var/lib/cache", "0777"));
    let run = base.swapped("/var/lib", "/target").run();
    run.refused_late(78, &["/var/lib/cache has a symbolic link in it (/var/lib -> /target)"]);
    run.untouched("/target/cache");
    run.check(run.before("/var/lib/cache") == run.after("/var/lib.old/cache"), "an unchanged mount point");
}

// CVE-2019-5736 and similar: the magic links of /proc lead anywhere.
#[test]
fn a_magic_link_on_the_way_is_refused() {
    for path in ["/proc/self/cwd", "/proc/self/root/cache", "/proc/1/root"] {
        sandbox().tmpfs("/cache").config(configured(path, "0777")).run().refused(78, &[path, "symbolic link"]);
    }
}

#[test]
fn a_failure_of_the_second_surface_aborts_the_boot() {
    let text = configured("/cache", "0755") + &configured("/nowhere", "0755");
    let run = sandbox().tmpfs("/cache").config(text).run();
    run.refused_late(78, &["/nowhere does not exist"]);
}

#[test]
fn a_directory_that_root_cannot_enter_is_reported() {
    let run = sandbox()
        .owned("/closed", Kind::Directory, (2000, 2000), 0o700)
        .tmpfs("/closed/cache")
        .config(configured("/closed/cache", "0755"))
        .run();
    run.refused(71, &["/closed/cache", "EACCES", "chmod a+x"]);
}

#[test]
fn directories_are_made_as_the_user() {
    let text = configured("/cache", "0755")
        + "[[directory]]\npath = '${WHERE:-/cache/a/b}'\nmode = '2750'\n\
            [[directory]]\npath = '/cache/there'\nmode = '0700'\n";
    let run = cache((0, 0), 0o755, "0755")
        .config(text)
        .owned("/cache/there", Kind::Directory, (1001, 1001), 0o755)
        .with(|spec| spec.start.umask = 0o077)
        .run();
    run.app().is_dropped_to(1001, 1001, "1001");
    run.owns("/cache/a/b", 1001, 1001, 0o2750);
    run.untouched("/cache/there");
}

#[test]
fn directory_that_the_user_cannot_create_is_reported() {
    let run = sandbox().config("[[directory]]\npath = '/srv/x/y'\n").run();
    run.refused(71, &["/srv/x", "EROFS", "--tmpfs"]);
    let run = sandbox().with(|spec| spec.read_only = false).config("[[directory]]\npath = '/srv/x'\n").run();
    run.refused(71, &["/srv/x", "EACCES", "uid 1001"]);
    sandbox()
        .config("[[directory]]\npath = '${WHERE}'\n")
        .env("WHERE=relative")
        .run()
        .refused(78, &["relative", "/etc/init.toml:2:8"]);
}

#[test]
fn a_directory_that_exists_and_cannot_be_written_to_is_refused() {
    let there = |owner, mode| {
        sandbox()
            .with(|spec| spec.read_only = false)
            .owned("/srv/there", Kind::Directory, owner, mode)
            .config("[[directory]]\npath = '/srv/there'\n")
    };
    for (owner, mode) in [((0, 0), 0o755), ((1001, 1001), 0o555), ((0, 0), 0o766)] {
        there(owner, mode).run().refused(78, &["/srv/there is not writable to uid 1001", "EACCES", "COPY --chown"]);
    }
    handed(&there((0, 1001), 0o775)).untouched("/srv/there");
    let read_only = there((1001, 1001), 0o755).with(|spec| spec.read_only = true).run();
    read_only.refused(78, &["/srv/there is not writable to uid 1001", "EROFS", "below a writable mount"]);
}
