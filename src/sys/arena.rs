//! The memory of a boot: one block of the program's own, handed out from front to back. Part of the binary only.
//!
//! A boot allocates some hundred small things and is over; the C library would ask the kernel for its pages in two dozen
//! calls, give them back in as many, and touch each anew. What is freed last comes back, everything else stays taken,
//! and what no longer fits goes to the C library: a PID 1 that stays for months allocates there and leaks nothing.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// In bytes: enough for a configuration of some hundred roles. Pages of it that are never used cost nothing.
const SIZE: usize = 1 << 20;

/// The block, aligned for everything that a boot allocates.
#[repr(C, align(64))]
pub(crate) struct Arena {
    block: UnsafeCell<[u8; SIZE]>,
    /// How much of it, from the front, is taken.
    taken: AtomicUsize,
}

// SAFETY: the block is only reached through what `alloc` hands out, and `taken` moves atomically, so that no two threads
// are handed the same bytes.
unsafe impl Sync for Arena {}

impl Arena {
    pub(crate) const fn new() -> Arena {
        Arena { block: UnsafeCell::new([0; SIZE]), taken: AtomicUsize::new(0) }
    }

    /// Where a pointer lies in the block, if it does.
    fn offset(&self, pointer: *mut u8) -> Option<usize> {
        pointer.addr().checked_sub(self.block.get().addr()).filter(|offset| *offset < SIZE)
    }

    /// Moves the end of what is taken, unless it is no longer where it was seen.
    fn move_end(&self, from: usize, to: usize) -> bool {
        to <= SIZE && self.taken.compare_exchange(from, to, Relaxed, Relaxed).is_ok()
    }
}

/// What System gave; the end of the process where it gave nothing. The standard library would say half of it and abort.
fn granted(pointer: *mut u8) -> *mut u8 {
    if pointer.is_null() { stepdown::record::out_of_memory() } else { pointer }
}

// SAFETY: `alloc` hands out bytes of the block that no other live allocation has, aligned as asked, or what System gives;
// `dealloc` and `realloc` tell the two apart by address, so that System gets back only what it gave.
unsafe impl GlobalAlloc for Arena {
    #[inline(never)]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let taken = self.taken.load(Relaxed);
        // Up to the block's own alignment an aligned offset is an aligned address; what asks for more is System's.
        let start = taken.next_multiple_of(layout.align());
        if layout.align() <= align_of::<Arena>() && layout.size() <= SIZE && self.move_end(taken, start + layout.size()) {
            // SAFETY: start + size is within the block: move_end said so.
            return unsafe { self.block.get().cast::<u8>().add(start) };
        }
        // SAFETY: the caller's promises are the same ones.
        granted(unsafe { System.alloc(layout) })
    }

    #[inline(never)]
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        match self.offset(pointer) {
            // The last one goes back; any other stays taken.
            Some(start) => drop(self.move_end(start + layout.size(), start)),
            // SAFETY: what is not in the block came from System, with this layout.
            None => unsafe { System.dealloc(pointer, layout) },
        }
    }

    #[inline(never)]
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let Some(start) = self.offset(pointer) else {
            // SAFETY: what is not in the block came from System, with this layout.
            return granted(unsafe { System.realloc(pointer, layout, size) });
        };
        if size <= layout.size() || (size <= SIZE && self.move_end(start + layout.size(), start + size)) {
            return pointer;
        }
        // SAFETY: the alignment is a valid one, and the caller promises a size that does not overflow with it.
        let moved = unsafe { self.alloc(Layout::from_size_align_unchecked(size, layout.align())) };
        if !moved.is_null() {
            // SAFETY: both are live and do not overlap, and the old one is the smaller.
            unsafe { std::ptr::copy_nonoverlapping(pointer, moved, layout.size()) };
        }
        moved
    }
}
