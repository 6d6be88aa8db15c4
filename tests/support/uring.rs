//! Opens a file by io_uring, whose requests bypass system call filters: `io_uring_enter(2)`.

use std::ffi::{CString, c_long};
use std::os::fd::AsRawFd;

use nix::errno::Errno;

use crate::escapes::owned;

/// `struct io_uring_params`: 30 words; the offsets of both rings begin at word 10 and word 20.
type Parameters = [u32; 30];

const SUBMISSION_RING: c_long = 0;
const ENTRIES: c_long = 0x1000_0000;
/// `IORING_OP_OPENAT`.
const OPENAT: u64 = 18;

pub fn open_for_writing(path: &str) -> Result<(), Errno> {
    let path = CString::new(path).unwrap();
    let mut parameters: Parameters = [0; 30];
    // SAFETY: the pointer is to a live block of the structure's size.
    let ring = owned(unsafe { libc::syscall(libc::SYS_io_uring_setup, 1, parameters.as_mut_ptr()) })?;
    let map = |offset: c_long| {
        let both = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping, large enough for the rings of one entry.
        let at = unsafe {
            libc::mmap(std::ptr::null_mut(), 4096, both, libc::MAP_SHARED, ring.as_raw_fd(), offset as libc::off_t)
        };
        if at == libc::MAP_FAILED { Err(Errno::last()) } else { Ok(at.cast::<u32>()) }
    };
    let (rings, entries) = (map(SUBMISSION_RING)?, map(ENTRIES)?.cast::<u64>());
    let at = |word: usize| usize::try_from(parameters[word]).unwrap() / 4;
    // SAFETY: the kernel's offsets into mappings of the kernel's size, of a ring without another user.
    unsafe {
        // The opcode and directory; no offset; the path; the flags.
        entries.write(OPENAT | u64::from(libc::AT_FDCWD.cast_unsigned()) << 32);
        entries.add(2).write(path.as_ptr() as u64);
        entries.add(3).write(u64::from((libc::O_WRONLY).cast_unsigned()) << 32);
        rings.add(at(16)).write(0);
        rings.add(at(11)).write_volatile(1);
        let entered = libc::syscall(libc::SYS_io_uring_enter, ring.as_raw_fd(), 1, 1, 1, 0, 0);
        Errno::result(entered)?;
        // The only completion: its data and its result.
        let result = rings.add(at(25) + 2).read_volatile().cast_signed();
        if result < 0 { Err(Errno::from_raw(-result)) } else { Ok(()) }
    }
}
