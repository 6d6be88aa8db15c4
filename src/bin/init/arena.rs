//! The allocator of the binary: a bump allocator over one static block, with malloc behind it.
//!
//! A boot makes a few hundred small allocations and ends. musl's malloc would map and unmap its pages in two dozen
//! system calls and take a page fault on each. Here only the last allocation can be freed; all other memory of the
//! block stays in use. Allocations that do not fit fall back to malloc, so a long-lived PID 1 does not leak. Before
//! `/init` stays as PID 1, [`Arena::give_back`] returns the pages without a live allocation to the kernel.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::{Cell, UnsafeCell};

/// In bytes: enough for a configuration of several hundred roles. Unused pages are never mapped.
const SIZE: usize = 1 << 20;

/// The usual size of a page.
const PAGE: usize = 4096;

/// The block and its bookkeeping.
#[repr(C)]
pub(crate) struct Arena {
    /// Bytes in use, from the front of the block.
    taken: Cell<usize>,
    /// Live allocations on each page; the block need not begin at a page boundary.
    live: [Cell<u16>; SIZE / PAGE + 1],
    /// Set at the start of the program: a non-zero initial value would move the whole block from .bss into the file.
    none_left: Cell<Option<fn() -> !>>,
    /// Last, so that the fields above share a page with the first allocations.
    block: Block,
}

/// Aligned for every allocation of a boot.
#[repr(C, align(64))]
struct Block(UnsafeCell<[u8; SIZE]>);

// SAFETY: this program starts no thread: no source of it uses the library's, and both ends of the drop refuse a second
// one. So the allocator is never used by two threads at once, and needs no lock.
unsafe impl Sync for Arena {}

impl Arena {
    pub(crate) const fn new() -> Arena {
        let live = [const { Cell::new(0) }; SIZE / PAGE + 1];
        Arena { taken: Cell::new(0), live, none_left: Cell::new(None), block: Block(UnsafeCell::new([0; SIZE])) }
    }

    /// Sets the function that ends the process when memory runs out: the standard library would print part of a message
    /// and abort.
    pub(crate) fn end_by(&self, none_left: fn() -> !) {
        self.none_left.set(Some(none_left));
    }

    /// Checks a pointer from malloc.
    fn granted(&self, pointer: *mut u8) -> *mut u8 {
        match self.none_left.get() {
            Some(end) if pointer.is_null() => end(),
            _ => pointer,
        }
    }

    /// The offset of a pointer into the block; none for a pointer from malloc.
    fn offset(&self, pointer: *mut u8) -> Option<usize> {
        pointer.addr().checked_sub(self.block.0.get().addr()).filter(|offset| *offset < SIZE)
    }

    /// Moves the end of the used part from `from` to `to`. False if it is not at `from`, or if `to` is beyond the
    /// block.
    fn move_end(&self, from: usize, to: usize) -> bool {
        let moves = to <= SIZE && self.taken.get() == from;
        if moves {
            self.taken.set(to);
        }
        moves
    }

    /// The pages of an allocation.
    fn pages(&self, start: usize, size: usize) -> &[Cell<u16>] {
        let from_page = self.block.0.get().addr() % PAGE + start;
        self.live.get(from_page / PAGE..(from_page + size).div_ceil(PAGE)).unwrap_or(&[])
    }

    fn born(&self, start: usize, size: usize) {
        self.pages(start, size).iter().for_each(|page| page.set(page.get().wrapping_add(1)));
    }

    fn dead(&self, start: usize, size: usize) {
        self.pages(start, size).iter().for_each(|page| page.set(page.get().wrapping_sub(1)));
    }

    /// Returns the pages without a live allocation to the kernel: `madvise(2)`, `MADV_DONTNEED`.
    pub(crate) fn give_back(&self) {
        // SAFETY: getauxval reads the auxiliary vector that the kernel put on the stack; any type number is allowed.
        if unsafe { libc::getauxval(libc::AT_PAGESZ) } != PAGE as u64 {
            // The kernel rounds up to its own, larger pages, which may have live allocations.
            return;
        }
        let first = self.block.0.get().addr() / PAGE * PAGE;
        let end = self.block.0.get().addr() + SIZE;
        let mut run: Option<usize> = None;
        let pages = self.live.iter().enumerate().map(|(number, live)| (first + number * PAGE, live.get() == 0));
        for (page, empty) in pages.chain([(usize::MAX, false)]) {
            // The first and the last page may hold other data beside the block.
            let whole = page >= self.block.0.get().addr() && page.saturating_add(PAGE) <= end;
            match run {
                None if empty && whole => run = Some(page),
                Some(start) if !(empty && whole) => {
                    let length = page.min(end / PAGE * PAGE) - start;
                    // SAFETY: whole pages of the block without a live allocation, and none is made meanwhile.
                    unsafe {
                        libc::madvise(
                            self.block.0.get().cast::<u8>().with_addr(start).cast(),
                            length,
                            libc::MADV_DONTNEED,
                        )
                    };
                    run = None;
                }
                _ => {}
            }
        }
    }
}

// SAFETY: `alloc` hands out bytes of the block that no other live allocation has, aligned as asked, or memory of
// System; `dealloc` and `realloc` distinguish the two by address, so System only frees its own memory.
unsafe impl GlobalAlloc for Arena {
    #[inline(never)]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let taken = self.taken.get();
        // Up to the block's own alignment an aligned offset is an aligned address; larger alignments go to malloc.
        let start = taken.next_multiple_of(layout.align());
        if layout.align() <= align_of::<Block>() && layout.size() <= SIZE && self.move_end(taken, start + layout.size())
        {
            self.born(start, layout.size());
            // SAFETY: start + size is within the block, as move_end has checked.
            return unsafe { self.block.0.get().cast::<u8>().add(start) };
        }
        // SAFETY: System requires the same of the caller.
        self.granted(unsafe { System.alloc(layout) })
    }

    #[inline(never)]
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        match self.offset(pointer) {
            // Only the last allocation can be reused.
            Some(start) => {
                self.dead(start, layout.size());
                self.move_end(start + layout.size(), start);
            }
            // SAFETY: memory outside the block came from System, with this layout.
            None => unsafe { System.dealloc(pointer, layout) },
        }
    }

    #[inline(never)]
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let Some(start) = self.offset(pointer) else {
            // SAFETY: memory outside the block came from System, with this layout.
            return self.granted(unsafe { System.realloc(pointer, layout, size) });
        };
        if size <= layout.size() || (size <= SIZE && self.move_end(start + layout.size(), start + size)) {
            self.born(start, size);
            self.dead(start, layout.size());
            return pointer;
        }
        // SAFETY: the alignment is a valid one, and the caller promises a size that does not overflow with it.
        let moved = unsafe { self.alloc(Layout::from_size_align_unchecked(size, layout.align())) };
        if !moved.is_null() {
            // SAFETY: both are live and do not overlap, and the old one is the smaller.
            unsafe { std::ptr::copy_nonoverlapping(pointer, moved, layout.size()) };
            self.dead(start, layout.size());
        }
        moved
    }
}
