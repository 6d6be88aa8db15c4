//! Finds a command: the search of `execvp(3)`, done before anything is changed.
//!
//! Root without `CAP_DAC_OVERRIDE` cannot search every directory of the user. It does not report a file that it cannot
//! see as missing: the exec, as the user, decides.

use std::ffi::{CString, OsStr};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;

use super::executable;
use crate::error::{Error, Missing, Result, Unfit, io_errno};

/// The search path of the C library if `PATH` is unset, and the value that engines set.
const DEFAULT_PATH: &[u8] = b"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The result for one directory of the search.
enum Seen {
    Program,
    Hidden,
    Nothing,
    Unfit(Unfit),
}

/// The files that exec will try, in order; at least one. A name with a slash is taken as it is, below the working
/// directory. Files that the boot may make before the exec are among them.
///
/// # Errors
/// [`Error::NotFound`], [`Error::NotExecutable`].
pub fn find(
    name: &[u8],
    path: Option<&[u8]>,
    working_directory: &Path,
    may_be_made: &dyn Fn(&Path) -> bool,
) -> Result<Vec<CString>> {
    let search = path.filter(|path| !path.is_empty()).unwrap_or(DEFAULT_PATH);
    let direct = name.contains(&b'/');
    let places: Vec<PathBuf> = if direct {
        vec![working_directory.join(OsStr::from_bytes(name))]
    } else {
        // An empty part of PATH is the working directory.
        search
            .split(|byte| *byte == b':')
            .map(|part| working_directory.join(OsStr::from_bytes(part)).join(OsStr::from_bytes(name)))
            .collect()
    };
    let (mut programs, mut unfit) = (Vec::new(), None);
    for place in places {
        match look(&place) {
            Seen::Program | Seen::Hidden => programs.push(as_c(place)?),
            Seen::Unfit(cause) if unfit.is_none() => unfit = Some((place, cause)),
            Seen::Nothing if may_be_made(&place) => programs.push(as_c(place)?),
            Seen::Unfit(_) | Seen::Nothing => {}
        }
    }
    match (programs.is_empty(), unfit) {
        (false, _) => Ok(programs),
        (true, Some((place, cause))) => Err(Error::NotExecutable { path: place.display().to_string(), cause }),
        (true, None) => Err(Error::NotFound {
            name: String::from_utf8_lossy(name).into_owned(),
            cause: if direct {
                executable::missing(&working_directory.join(OsStr::from_bytes(name)), 0)
            } else {
                Missing::InPath(String::from_utf8_lossy(search).into_owned())
            },
        }),
    }
}

fn look(place: &Path) -> Seen {
    match std::fs::metadata(place) {
        Ok(facts) if facts.is_dir() => Seen::Unfit(Unfit::Directory),
        Ok(facts) if !facts.is_file() => Seen::Unfit(Unfit::NotRegular),
        // The exec decides which bit applies, and whether an ACL changes that.
        Ok(facts) if facts.mode() & 0o111 == 0 => Seen::Unfit(Unfit::NoPermission),
        Ok(_) => Seen::Program,
        Err(error) => match io_errno(&error) {
            Errno::EACCES => Seen::Hidden,
            Errno::ELOOP => Seen::Unfit(Unfit::Links),
            _ => Seen::Nothing,
        },
    }
}

fn as_c(place: PathBuf) -> Result<CString> {
    CString::new(place.into_os_string().into_vec())
        .map_err(|_| Error::NotFound { name: "(a name with a NUL)".into(), cause: Missing::File(None) })
}
