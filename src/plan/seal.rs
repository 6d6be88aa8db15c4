//! The restrictions of the seal: no writes outside of the app's surfaces, no new namespaces.

use std::path::{Path, PathBuf};

use nix::errno::Errno;

use super::Surfaces;
use super::expand;
use crate::config::Seal;
use crate::config::environment::Environment;
use crate::error::{Error, Result};
use crate::facts::landlock;
use crate::sys;

/// Every app can write there: its terminal, `/dev/null`, `/dev/shm`.
pub const DEVICES: &str = "/dev";

/// The seal of a start. By default nothing is sealed.
#[derive(Debug, Default)]
pub struct SealPlan {
    /// Whether writes are restricted, and the allowed places beside the surfaces.
    pub writes: Option<Writes>,
    /// Whether new namespaces are refused, and whether the kernel can do that.
    pub namespaces: Option<std::result::Result<(), Errno>>,
    /// Whether the app is started, with a warning, where the kernel cannot seal it.
    pub optional: bool,
}

/// The restriction of writes.
#[derive(Debug)]
pub struct Writes {
    /// Directories and files to which the app may write beside its surfaces and [`DEVICES`].
    pub also: Vec<PathBuf>,
    /// The version of the kernel's Landlock.
    pub landlock: std::result::Result<i32, Errno>,
}

/// Resolves the seal, and checks the kernel's support before anything is changed.
pub(super) fn resolve(seal: &Seal, environment: &Environment) -> Result<SealPlan> {
    let also = || seal.also.iter().map(|path| expand::path("also", path, environment)).collect::<Result<_>>();
    Ok(SealPlan {
        writes: seal.writes.then(|| Ok(Writes { also: also()?, landlock: landlock::version() })).transpose()?,
        namespaces: (!seal.namespaces).then(sys::filters_available),
        optional: seal.optional,
    })
}

impl SealPlan {
    /// Refuses a kernel that does not support the seal, unless it is optional.
    ///
    /// # Errors
    /// [`Error::SealUnavailable`].
    pub fn refuse_unavailable(&self) -> Result<()> {
        match self.unavailable().next() {
            Some(error) if !self.optional => Err(error),
            _ => Ok(()),
        }
    }

    /// The parts that the kernel does not support, each with its reason.
    pub fn unavailable(&self) -> impl Iterator<Item = Error> {
        let landlock = self.writes.as_ref().and_then(|writes| writes.landlock.err());
        let seccomp = self.namespaces.and_then(std::result::Result::err);
        let writes = landlock.map(|errno| ("writes", "landlock_create_ruleset", errno));
        let namespaces = seccomp.map(|errno| ("namespaces", "seccomp", errno));
        writes.into_iter().chain(namespaces).map(|(what, call, errno)| Error::SealUnavailable { what, call, errno })
    }

    /// The places below which a sealed app may write; none where writes are not restricted.
    pub fn below<'a>(&'a self, surfaces: &'a Surfaces) -> Vec<&'a Path> {
        let Some(writes) = &self.writes else { return Vec::new() };
        let mut below = surfaces.below();
        below.extend(writes.also.iter().map(PathBuf::as_path));
        below.push(Path::new(DEVICES));
        below
    }

    /// Whether the seal forbids writes to this path.
    pub fn bars(&self, path: &Path, surfaces: &Surfaces) -> bool {
        self.writes.as_ref().is_some_and(|writes| writes.landlock.is_ok())
            && !self.below(surfaces).iter().any(|place| path.starts_with(place))
    }
}
