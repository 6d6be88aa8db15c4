//! The memory behind the block of the allocator, so that musl's malloc, 9 KB of code, is not linked.
//!
//! Allocations are rounded up to a power of two and cut from mappings of 256 KB; freed ones are kept in a list for each
//! size and reused. Larger allocations have a mapping of their own: `mmap(2)`.

#![allow(unsafe_code)]

use std::alloc::Layout;
use std::cell::Cell;
use std::ptr::{self, NonNull};

/// The smallest size, which has room for the link of a free list, and the alignment that C expects.
const SMALLEST: usize = 16;

/// The sizes that are cut from a mapping: 16 bytes to 32 KB.
const SIZES: usize = 12;

/// A mapping for several allocations.
const CHUNK: usize = 256 << 10;

/// No kernel has smaller pages, so every mapping is aligned to it.
const PAGE: usize = 4096;

/// The free memory. All zero when it is new, which keeps it out of the file.
#[repr(C)]
pub(crate) struct Pool {
    /// For each size the freed allocation that is reused next. Its first bytes are the link to the one after it.
    free: [Cell<Option<NonNull<u8>>>; SIZES],
    /// The last mapping, and how many bytes at its beginning were never used.
    rest: Cell<(*mut u8, usize)>,
}

/// How an allocation is served.
#[derive(PartialEq, Eq)]
enum Way {
    /// From the list of this number, with this many bytes.
    Size(usize, usize),
    /// By a mapping of its own, of this many bytes.
    Mapping(usize),
}

impl Way {
    fn of(layout: Layout) -> Way {
        let needed = layout.size().max(layout.align()).max(SMALLEST);
        if needed > SMALLEST << (SIZES - 1) {
            return Way::Mapping(needed.next_multiple_of(PAGE));
        }
        let size = needed.next_power_of_two();
        Way::Size((size / SMALLEST).trailing_zeros() as usize, size)
    }
}

impl Pool {
    pub(crate) const fn new() -> Pool {
        Pool { free: [const { Cell::new(None) }; SIZES], rest: Cell::new((ptr::null_mut(), 0)) }
    }

    /// Memory of this size and alignment; null if there is none.
    pub(crate) fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.align() > PAGE {
            return ptr::null_mut();
        }
        let (list, size) = match Way::of(layout) {
            Way::Size(number, size) => (self.free.get(number), size),
            Way::Mapping(size) => return map(size),
        };
        if let Some(list) = list
            && let Some(first) = list.get()
        {
            // SAFETY: `dealloc` wrote the link into this allocation, which nothing has used since.
            list.set(unsafe { first.cast::<Option<NonNull<u8>>>().read() });
            return first.as_ptr();
        }
        self.cut(size)
    }

    /// Memory of a mapping that was never used, cut from its end.
    fn cut(&self, size: usize) -> *mut u8 {
        let (mut chunk, mut left) = self.rest.get();
        if left < size {
            (chunk, left) = (map(CHUNK), CHUNK);
            if chunk.is_null() {
                return chunk;
            }
        }
        // Aligned to its size, or to a page: enough for every alignment that has this size.
        left = (left - size) & !(size.min(PAGE) - 1);
        self.rest.set((chunk, left));
        // SAFETY: left and size bytes are within the mapping.
        unsafe { chunk.add(left) }
    }

    /// Takes memory back.
    ///
    /// # Safety
    /// The pointer came from this pool, for this layout, and nothing uses it any more.
    pub(crate) unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        match Way::of(layout) {
            Way::Size(number, _) => {
                if let Some(list) = self.free.get(number) {
                    // SAFETY: the caller gives it up; it has at least SMALLEST bytes, and their alignment.
                    unsafe { pointer.cast::<Option<NonNull<u8>>>().write(list.get()) };
                    list.set(NonNull::new(pointer));
                }
            }
            // SAFETY: a whole mapping, which `map` or `mremap` made with this size.
            Way::Mapping(size) => drop(unsafe { libc::munmap(pointer.cast(), size) }),
        }
    }

    /// Changes the size of memory; null, and the old memory stays, if there is none.
    ///
    /// # Safety
    /// The pointer came from this pool, for this layout. The size with its alignment is a layout.
    pub(crate) unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller's promise.
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        let (from, to) = (Way::of(layout), Way::of(wanted));
        if from == to {
            return pointer;
        }
        if let (Way::Mapping(from), Way::Mapping(to)) = (from, to) {
            // SAFETY: a whole mapping of this size, which nothing else uses.
            return granted(unsafe { libc::mremap(pointer.cast(), from, to, libc::MREMAP_MAYMOVE) });
        }
        let moved = self.alloc(wanted);
        if !moved.is_null() {
            // SAFETY: both are live, do not overlap, and have at least this many bytes.
            unsafe {
                ptr::copy_nonoverlapping(pointer, moved, layout.size().min(size));
                self.dealloc(pointer, layout);
            }
        }
        moved
    }
}

/// Zeroed pages of this process alone.
fn map(size: usize) -> *mut u8 {
    let (rights, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: a new mapping at a place of the kernel's choice changes no other memory.
    granted(unsafe { libc::mmap(ptr::null_mut(), size, rights, kind, -1, 0) })
}

fn granted(mapped: *mut libc::c_void) -> *mut u8 {
    if mapped == libc::MAP_FAILED { ptr::null_mut() } else { mapped.cast() }
}
