//! Writes to every surface of the app: an app may pass its health check although its writes fail.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use rustix::fs::{Access, AtFlags, FileType, Mode, OFlags, Stat, accessat, open, openat, stat, statat, unlinkat};

use super::report::Report;
use crate::error::{Kernel, errno, fix};
use crate::facts::{entries, random};
use crate::plan::{Plan, StartedAs, TmpfsPlan};

/// The check of the home directory.
const HOME: &str = "HOME";

/// The data of the probe: a whole page, since a full tmpfs still allows to create an empty file.
const PAGE: [u8; 4096] = [0; 4096];

/// Probes each surface once, and `HOME`.
pub(super) fn check(plan: &Plan, report: &mut Report) {
    for entry in &plan.surfaces.tmpfs {
        let path = Path::new(&entry.path);
        let name = format!("tmpfs {}", entry.path);
        probe(&name, path, plan, report);
        if stat(path).is_ok_and(|facts| facts.st_mode & 0o1002 == 0o002 && !is_kubelets(&facts, plan)) {
            report.fail(&name, "writable to everyone, without the sticky bit".into(), fix::check::NOT_STICKY);
        }
        if !entry.recursive {
            warn_of_entries(&name, path, fix::check::COPIED_FILES, plan, report);
        }
    }
    for entry in &plan.surfaces.volumes {
        let path = Path::new(&entry.path);
        let name = format!("volume {}", entry.path);
        probe(&name, path, plan, report);
        // Only root hands them over.
        if !entry.always && plan.started_as == StartedAs::Root {
            warn_of_entries(&name, path, fix::check::RESTORED_FILES, plan, report);
        }
    }
    for (path, _) in &plan.surfaces.directories {
        probe(&format!("directory {}", path.display()), path, plan, report);
    }
    match plan.app.environment.get("HOME") {
        Some(home) => probe(HOME, &PathBuf::from(std::ffi::OsStr::from_bytes(home)), plan, report),
        None => report.fail("HOME", "unset".into(), fix::check::NO_HOME),
    }
}

/// Whether the kubelet made this directory for `fsGroup`: then it is open to everyone, and only the kubelet can change
/// that.
fn is_kubelets(facts: &Stat, plan: &Plan) -> bool {
    plan.started_as == StartedAs::User
        && facts.st_uid == 0
        && facts.st_mode & 0o2000 != 0
        && plan.target.groups.contains(&facts.st_gid)
}

fn probe(name: &str, directory: &Path, plan: &Plan, report: &mut Report) {
    let uid = plan.target.uid;
    match write_and_remove(directory) {
        Ok(()) => report.ok(name, format!("{} written to and cleaned by uid {uid}", directory.display())),
        Err((call, reason)) => {
            let fix = remedy(name, directory, reason, plan);
            report.fail(name, format!("{}: {call}: {}", directory.display(), Kernel(reason)), &fix);
        }
    }
}

/// The fix. A mount hides the image's files, so it is suggested for an empty directory only.
fn remedy(name: &str, directory: &Path, reason: Errno, plan: &Plan) -> String {
    let uid = plan.target.uid;
    let elsewhere = match name {
        HOME => fix::check::OTHER_HOME,
        _ => fix::check::OTHER_PATH,
    };
    match reason {
        Errno::EACCES if plan.seal.bars(directory, &plan.surfaces) => fix::check::SEALED.to_owned(),
        Errno::ENOSPC => fix::check::FULL.to_owned(),
        Errno::ENOENT if name == HOME => elsewhere.to_owned(),
        Errno::ENOENT => fix::check::ABSENT.to_owned(),
        Errno::EROFS if entries::is_empty(directory) => {
            let entry = TmpfsPlan { path: directory.display().to_string(), mode: 0o755, size: None, recursive: false };
            fix::check::read_only(&entry.mount())
        }
        Errno::EROFS => fix::check::read_only_with_files(elsewhere),
        _ if entries::is_empty(directory) => fix::check::of_others(uid),
        _ if directory == Path::new("/") => elsewhere.to_owned(),
        _ => fix::check::of_others_with_files(uid, elsewhere),
    }
}

/// Warns about an entry of a surface that the user cannot write to.
fn warn_of_entries(name: &str, path: &Path, fix: &str, plan: &Plan, report: &mut Report) {
    if let Some(below) = unwritable_entry(path) {
        report.warn(name, format!("holds what uid {} cannot write to: {below}", plan.target.uid), fix);
    }
}

/// An entry that the user cannot write to: a file or directory that the engine copied there from the image, or that was
/// restored as root. The `lost+found` of a file system is root's.
fn unwritable_entry(directory: &Path) -> Option<String> {
    // The user made its own files unwritable itself.
    let own = rustix::process::getuid().as_raw();
    let found = entries::find(directory, |listed, entry| {
        let is_unwritable = entry.file_type() != FileType::Symlink
            && entry.file_name() != c"lost+found"
            && accessat(listed, entry.file_name(), Access::WRITE_OK, AtFlags::empty()).is_err()
            && !statat(listed, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW).is_ok_and(|facts| facts.st_uid == own);
        is_unwritable.then(|| entry.file_name().to_string_lossy().into_owned())
    });
    found.ok()?
}

/// Creates a file with a new name, writes to it, and removes it in any case.
fn write_and_remove(directory: &Path) -> Result<(), (&'static str, Errno)> {
    let directory = open(directory, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .map_err(|error| ("open", errno(error)))?;
    // A check that was killed, or the app, may have left any name that can be foreseen.
    let name = format!(".init-check-{:032x}", random::number());
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = openat(&directory, &name, flags, Mode::RUSR | Mode::WUSR).map_err(|error| ("create", errno(error)))?;
    let written = match rustix::io::write(&file, &PAGE) {
        Ok(length) if length == PAGE.len() => Ok(()),
        Ok(_) => Err(("write", Errno::ENOSPC)),
        Err(error) => Err(("write", errno(error))),
    };
    unlinkat(&directory, &name, AtFlags::empty()).map_err(|error| ("unlink", errno(error)))?;
    written
}
