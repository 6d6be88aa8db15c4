//! Hands the standard streams to the user, so that the app can reopen `/dev/stdout` and `/dev/stdin` after the drop.
//!
//! An engine's pipe belongs to root with mode 0600, and opening it again by name checks permissions again. Only pipes,
//! ptys and sockets are handed over; files keep their owners. Failures are ignored: the app has the open descriptors
//! anyway.

use std::os::fd::BorrowedFd;

use rustix::fs::{FileType, Uid, fchown, fstat, major};
use rustix::stdio::{stderr, stdin, stdout};

use crate::privilege::{Root, Target};

/// The major device numbers of pseudo-terminals' far ends, `devices.txt` of the kernel.
const PTY_MAJORS: std::ops::RangeInclusive<u32> = 136..=143;

/// Hands over each stream of those kinds that does not belong to the user yet.
pub(super) fn hand_over(_root: &Root, target: &Target) {
    for (name, stream) in [("input", stdin()), ("output", stdout()), ("error", stderr())] {
        if let Err(error) = change(stream, target.uid) {
            log::debug!("standard {name} stays as it is: {error}");
        }
    }
}

fn change(stream: BorrowedFd<'_>, uid: u32) -> rustix::io::Result<()> {
    let facts = fstat(stream)?;
    let ours = match FileType::from_raw_mode(facts.st_mode) {
        FileType::Fifo | FileType::Socket => true,
        FileType::CharacterDevice => PTY_MAJORS.contains(&major(facts.st_rdev)),
        _ => false,
    };
    if ours && facts.st_uid != uid {
        // The group stays: write(1) needs the group tty on a terminal.
        fchown(stream, Some(Uid::from_raw(uid)), None)?;
    }
    Ok(())
}
