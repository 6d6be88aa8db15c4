//! Acts as a process with the app's uid while `/init` is stopped before a system call. The thread takes the app's
//! file system uid, which removes all other privilege: `setfsuid(2)`, `capabilities(7)`.

use rustix::fs::{AtFlags, CWD, Gid, Mode, OFlags, chmod, chownat, open, rename, rmdir, unlink};

use super::tree::ROOT;
use crate::protocol::Move;

const APP: u32 = 1001;
static GROUP: u32 = 44;

/// Makes all moves, with the app's permissions. Returns how many the kernel allowed.
pub fn act(moves: &[Move]) -> usize {
    let become_uid = |uid: u32| {
        // SAFETY: takes an integer, and changes only this thread.
        unsafe { libc::syscall(libc::SYS_setfsuid, uid) };
    };
    // SAFETY: takes the address of one live id; the raw system call changes only this thread.
    unsafe { libc::syscall(libc::SYS_setgroups, 1, &raw const GROUP) };
    become_uid(APP);
    let done = moves.iter().filter(|one| act_one(one).is_ok()).count();
    become_uid(0);
    done
}

fn act_one(one: &Move) -> rustix::io::Result<()> {
    let at = |path: &String| format!("{ROOT}{path}");
    match one {
        Move::Rename(from, to) => rename(at(from), at(to)),
        Move::Unlink(path) => unlink(at(path)),
        Move::RemoveDirectory(path) => rmdir(at(path)),
        Move::Chmod(path, mode) => chmod(at(path), Mode::from_raw_mode(*mode)),
        Move::Enter(path) => open(format!("{}/.", at(path)), OFlags::RDONLY, Mode::empty()).map(drop),
        Move::ChangeGroup(path) => chownat(CWD, at(path), None, Some(Gid::from_raw(GROUP)), AtFlags::SYMLINK_NOFOLLOW),
    }
}
