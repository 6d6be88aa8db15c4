//! Restricts writes to the app's surfaces, by Landlock.
//!
//! Reading, executing, sockets and the metadata of files (mode, owner, times, extended attributes) are not restricted:
//! the first three are not writes, and the kernel has no rule for the last.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use landlock::{ABI, AccessFs, BitFlags, PathBeneath, Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr};
use landlock::{RulesetStatus, make_bitflags};
use nix::errno::Errno;
use rustix::fs::{Access, AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags};
use rustix::fs::{accessat, fcntl_getfl, fstat, makedev, mknodat, open, openat2, unlinkat};

use super::Sealed;
use crate::error::{Error, Kernel, Result, errno};
use crate::facts::{hindrance, random};
use crate::plan::Plan;
use crate::plan::seal::DEVICES;
use crate::text::joined;

/// The last version with rights to files that this program knows. Version 9 has one more, for connecting to a socket,
/// which is no write.
const KNOWN: ABI = ABI::V8;

/// A file of this process that everyone may open for writing, so that only the seal can refuse it. Opening it has no
/// effect: `proc_pid_timerslack_ns(5)`.
const OUTSIDE: &str = "/proc/self/timerslack_ns";

/// Restricts this process, and proves it.
pub(super) fn restrict(plan: &Plan, version: i32, sealed: &mut Sealed) -> Result<()> {
    let unavailable = |call| move |_| Error::SealUnavailable { what: "writes", call, errno: Errno::last() };
    let all = AccessFs::from_write(KNOWN);
    let mut ruleset = Ruleset::default()
        .handle_access(all)
        .and_then(Ruleset::create)
        .map_err(unavailable("landlock_create_ruleset"))?
        .no_new_privs(false);
    // Only CAP_MKNOD can create a device, and no app needs one below its surfaces.
    let below = all & !make_bitflags!(AccessFs::{MakeChar | MakeBlock});
    // A refusal only counts where the seal is its only possible cause.
    let refusable = write(OUTSIDE).is_ok();
    let mut writable = None;
    let allowed = plan.seal.below(&plan.surfaces);
    for path in &allowed {
        let rights = if is_surface(path, plan) { below & !AccessFs::IoctlDev } else { below };
        let Some(place) = opened(path, sealed)? else { continue };
        allow(&mut ruleset, &place, rights).map_err(unavailable("landlock_add_rule"))?;
        if writable.is_none() && accessat(&place, ".", Access::WRITE_OK | Access::EXEC_OK, AtFlags::empty()).is_ok() {
            writable = Some(place);
        }
    }
    streams(&mut ruleset)?;
    let status = ruleset.restrict_self().map_err(unavailable("landlock_restrict_self"))?;
    if status.ruleset == RulesetStatus::NotEnforced {
        return Err(Error::SealNotProved { what: "the kernel enforces no rule for writes".into() });
    }
    let is_allowed = allowed.iter().any(|path| Path::new(OUTSIDE).starts_with(path));
    let outside = prove(refusable && !is_allowed, writable.as_ref())?;
    let places: Vec<_> = allowed.iter().map(|path| path.display().to_string()).collect();
    sealed.holds.push(format!("writes only below {} (Landlock {version}); {outside}", joined(&places, " ")));
    sealed.gaps.extend(gaps(version).map(str::to_owned));
    Ok(())
}

fn is_surface(path: &Path, plan: &Plan) -> bool {
    let also = plan.seal.writes.iter().flat_map(|writes| &writes.also);
    path != Path::new(DEVICES) && !also.map(std::path::PathBuf::as_path).any(|other| other == path)
}

/// Opens a place that is to be allowed. Nothing may be a link in its path: the app of a previous life may have left one
/// on a volume, and the rule would be for what that points to.
fn opened(path: &Path, sealed: &mut Sealed) -> Result<Option<OwnedFd>> {
    let shown = path.display();
    match openat2(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), ResolveFlags::NO_SYMLINKS).map_err(errno) {
        Ok(place) => Ok(Some(place)),
        Err(Errno::ELOOP) => Err(Error::Linked(hindrance::linked("cannot seal writes: ", path))),
        Err(reason @ (Errno::ENOENT | Errno::ENOTDIR | Errno::EACCES)) => {
            sealed.lacks.push((
                format!("nothing can be written to {shown}: {}", Kernel(reason)),
                "create it in the image or mount it, or take it out of the configuration".into(),
            ));
            Ok(None)
        }
        Err(errno) => Err(Error::SealUnavailable { what: "writes", call: "openat2", errno }),
    }
}

fn allow(
    ruleset: &mut RulesetCreated,
    place: impl AsFd,
    rights: BitFlags<AccessFs>,
) -> std::result::Result<(), landlock::RulesetError> {
    ruleset.add_rule(PathBeneath::new(place, rights)).map(drop)
}

/// Allows what a standard stream is open to for writing, so that `/dev/stdout` can be opened again where the engine
/// gave a file or a device. Pipes and sockets are in no directory, and no rule bars them.
fn streams(ruleset: &mut RulesetCreated) -> Result<()> {
    let rights = make_bitflags!(AccessFs::{WriteFile | Truncate | IoctlDev});
    for stream in [rustix::stdio::stdin(), rustix::stdio::stdout(), rustix::stdio::stderr()] {
        let kind = fstat(stream).map(|facts| FileType::from_raw_mode(facts.st_mode));
        let is_writable = fcntl_getfl(stream).is_ok_and(|flags| flags.intersects(OFlags::WRONLY | OFlags::RDWR));
        if is_writable
            && matches!(kind, Ok(FileType::RegularFile | FileType::CharacterDevice))
            && allow(ruleset, stream, rights).is_err()
            // A file in memory (memfd_create) is in no directory either.
            && Errno::last() != Errno::EBADFD
        {
            return Err(Error::SealUnavailable { what: "writes", call: "landlock_add_rule", errno: Errno::last() });
        }
    }
    Ok(())
}

fn write(path: &str) -> std::result::Result<(), Errno> {
    open(path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty()).map_err(errno).map(drop)
}

/// Tries a write outside, which must fail for the right reason, and one inside, which must succeed. `refusable` says
/// that a write to [`OUTSIDE`] succeeded before and is not allowed. Returns what was tried.
fn prove(refusable: bool, writable: Option<&OwnedFd>) -> Result<&'static str> {
    let not_proved = |what: String| Err(Error::SealNotProved { what });
    if let Err(reason) = write("/dev/null") {
        return not_proved(format!("a write to /dev/null, which is allowed, fails: {}", Kernel(reason)));
    }
    if refusable {
        return match write(OUTSIDE) {
            Err(Errno::EACCES) => Ok("a write to /proc was tried and refused"),
            other => not_proved(format!("a write to {OUTSIDE} ends with {other:?} instead of EACCES")),
        };
    }
    // /proc is read-only, or among what is allowed. Nobody may create a device, and where the user may create other
    // files, only the seal refuses with EACCES: without it, the missing capability is EPERM.
    let Some(place) = writable else {
        return not_proved(format!("the user could not write to {OUTSIDE} or to any allowed directory before either"));
    };
    // The kernel asks the seal only for a free name, and the app may have left any that can be foreseen.
    let name = format!(".init-seal-{:032x}", random::number());
    match mknodat(place, name.as_str(), FileType::CharacterDevice, Mode::RUSR, makedev(1, 3)).map_err(errno) {
        Err(Errno::EACCES) => Ok("a device node was tried and refused"),
        other => {
            let _ = unlinkat(place, name.as_str(), AtFlags::empty());
            not_proved(format!("the making of a device node ends with {other:?} instead of EACCES"))
        }
    }
}

/// The writes that this version of Landlock does not cover.
fn gaps(version: i32) -> impl Iterator<Item = &'static str> {
    [
        (2, "files cannot be moved or linked from one directory to another"),
        (3, "truncate(2) of files outside is not refused"),
        (5, "ioctl(2) on devices outside of /dev is not refused"),
    ]
    .into_iter()
    .filter(move |(since, _)| version < *since)
    .map(|(_, gap)| gap)
}
