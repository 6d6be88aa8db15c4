//! Hands the standard streams to the user, so that the app can reopen `/dev/stdout` and `/dev/stdin` after the drop.
//!
//! An engine's pipe is root's with mode 0600, and opening it again by name asks for permission anew. Only pipes, ptys
//! and sockets: a file is somebody's, and stays theirs. Best effort: the app has the open descriptors in any case.

use std::os::fd::BorrowedFd;

use rustix::fs::{FileType, Uid, fchown, fstat, major};
use rustix::stdio::{stderr, stdin, stdout};

use crate::privilege::{Root, Target};

/// The major device numbers of pseudo-terminals' far ends, `devices.txt` of the kernel.
const PTY_MAJORS: std::ops::RangeInclusive<u32> = 136..=143;

/// Hands each over where it is of those kinds and not the user's yet.
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
        // The group stays: a terminal's is tty, and write(1) goes by it.
        fchown(stream, Some(Uid::from_raw(uid)), None)?;
    }
    Ok(())
}
