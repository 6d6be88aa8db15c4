//! The memory of a boot: one block of the program's own, handed out from front to back. Part of the binary only.
//!
//! A boot allocates some hundred small things and is over; the C library would ask the kernel for its pages in two dozen
//! calls, give them back in as many, and touch each anew. What is freed last comes back, everything else stays taken,
//! and what no longer fits goes to the C library: a PID 1 that stays for months allocates there and leaks nothing. Before
//! it stays, the pages on which nothing lives any more go back to the kernel.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::{Cell, UnsafeCell};

/// In bytes: enough for a configuration of some hundred roles. Pages of it that are never used cost nothing.
const SIZE: usize = 1 << 20;

/// The usual size of a page.
const PAGE: usize = 4096;

/// The block, and what is known of it.
#[repr(C)]
pub(crate) struct Arena {
    /// How much of the block, from the front, is taken.
    taken: Cell<usize>,
    /// How many live allocations each page has a part of; the block may begin in the middle of one.
    live: [Cell<u16>; SIZE / PAGE + 1],
    /// Set at the start of the program: with an address in it the block would not be zero, and be in the file.
    none_left: Cell<Option<fn() -> !>>,
    /// Last, so that what comes before it shares a page with the first of what it hands out.
    block: Block,
}

/// Aligned for everything that a boot allocates.
#[repr(C, align(64))]
struct Block(UnsafeCell<[u8; SIZE]>);

// SAFETY: no thread is ever started here: no source of this program names the library's, and both ends of the drop refuse
// a second one. So nothing of this is used by two at once, and it need not be paid for that it could.
unsafe impl Sync for Arena {}

impl Arena {
    pub(crate) const fn new() -> Arena {
        let live = [const { Cell::new(0) }; SIZE / PAGE + 1];
        Arena { taken: Cell::new(0), live, none_left: Cell::new(None), block: Block(UnsafeCell::new([0; SIZE])) }
    }

    /// What ends the process where there is no memory: the standard library would say half of it and abort.
    pub(crate) fn end_by(&self, none_left: fn() -> !) {
        self.none_left.set(Some(none_left));
    }

    /// What System gave.
    fn granted(&self, pointer: *mut u8) -> *mut u8 {
        match self.none_left.get() {
            Some(end) if pointer.is_null() => end(),
            _ => pointer,
        }
    }

    /// Where a pointer lies in the block, if it does.
    fn offset(&self, pointer: *mut u8) -> Option<usize> {
        pointer.addr().checked_sub(self.block.0.get().addr()).filter(|offset| *offset < SIZE)
    }

    /// Moves the end of what is taken, unless it is no longer where it was seen.
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

    /// Gives the pages on which nothing lives back to the kernel: `madvise(2)`, `MADV_DONTNEED`.
    pub(crate) fn give_back(&self) {
        // SAFETY: getauxval reads the auxiliary vector that the kernel put on the stack; any type number is allowed.
        if unsafe { libc::getauxval(libc::AT_PAGESZ) } != PAGE as u64 {
            // The kernel rounds up to its own, larger ones: on the rest of those something may live.
            return;
        }
        let first = self.block.0.get().addr() / PAGE * PAGE;
        let end = self.block.0.get().addr() + SIZE;
        let mut run: Option<usize> = None;
        let pages = self.live.iter().enumerate().map(|(number, live)| (first + number * PAGE, live.get() == 0));
        for (page, empty) in pages.chain([(usize::MAX, false)]) {
            // The first and the last may be shared with what is beside the block.
            let whole = page >= self.block.0.get().addr() && page.saturating_add(PAGE) <= end;
            match run {
                None if empty && whole => run = Some(page),
                Some(start) if !(empty && whole) => {
                    let length = page.min(end / PAGE * PAGE) - start;
                    // SAFETY: whole pages of the block on which nothing lives, and nothing comes to meanwhile.
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

// SAFETY: `alloc` hands out bytes of the block that no other live allocation has, aligned as asked, or what System gives;
// `dealloc` and `realloc` tell the two apart by address, so that System gets back only what it gave.
unsafe impl GlobalAlloc for Arena {
    #[inline(never)]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let taken = self.taken.get();
        // Up to the block's own alignment an aligned offset is an aligned address; what asks for more is System's.
        let start = taken.next_multiple_of(layout.align());
        if layout.align() <= align_of::<Block>() && layout.size() <= SIZE && self.move_end(taken, start + layout.size())
        {
            self.born(start, layout.size());
            // SAFETY: start + size is within the block: move_end said so.
            return unsafe { self.block.0.get().cast::<u8>().add(start) };
        }
        // SAFETY: the caller's promises are the same ones.
        self.granted(unsafe { System.alloc(layout) })
    }

    #[inline(never)]
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        match self.offset(pointer) {
            // The last one goes back; any other stays taken.
            Some(start) => {
                self.dead(start, layout.size());
                self.move_end(start + layout.size(), start);
            }
            // SAFETY: what is not in the block came from System, with this layout.
            None => unsafe { System.dealloc(pointer, layout) },
        }
    }

    #[inline(never)]
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let Some(start) = self.offset(pointer) else {
            // SAFETY: what is not in the block came from System, with this layout.
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
