//! The allocator of `/init` (src/bin/init/arena.rs). `make miri` runs these tests under Miri.

#![allow(
    unsafe_code,
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "../../src/bin/init/arena.rs"]
mod arena;

use std::alloc::{GlobalAlloc, Layout};
use std::ptr::slice_from_raw_parts_mut;

use arena::Arena;

/// Too large for the stack of a test; zero, as a static is.
fn arena() -> Box<Arena> {
    // SAFETY: an all-zero arena has nothing allocated: cells of zero, no function, and a block of bytes.
    unsafe { Box::from_raw(std::alloc::alloc_zeroed(Layout::new::<Arena>()).cast()) }
}

/// A live allocation: its place and size, and the byte that fills it.
struct Live {
    pointer: *mut u8,
    layout: Layout,
    byte: u8,
}

impl Live {
    fn new(arena: &Arena, size: usize, align: usize, byte: u8) -> Live {
        let layout = Layout::from_size_align(size, align).unwrap();
        // SAFETY: the layout is not empty.
        let pointer = unsafe { arena.alloc(layout) };
        assert!(!pointer.is_null() && pointer.addr().is_multiple_of(align), "{pointer:?} for {layout:?}");
        let live = Live { pointer, layout, byte };
        live.fill();
        live
    }

    fn bytes(&self) -> &[u8] {
        // SAFETY: alive, of this size, and this test is the only one that uses it.
        unsafe { &*slice_from_raw_parts_mut(self.pointer, self.layout.size()) }
    }

    fn fill(&self) {
        // SAFETY: alive and of this size.
        unsafe { self.pointer.write_bytes(self.byte, self.layout.size()) };
    }

    #[track_caller]
    fn check(&self) {
        // As a whole: Miri interprets a loop byte by byte.
        assert!(
            *self.bytes() == vec![self.byte; self.layout.size()],
            "another allocation wrote into {:?}",
            self.layout
        );
    }

    fn resize(&mut self, arena: &Arena, size: usize) {
        let kept = size.min(self.layout.size());
        // SAFETY: alive, with this layout; the size is above 0 and small.
        self.pointer = unsafe { arena.realloc(self.pointer, self.layout, size) };
        self.layout = Layout::from_size_align(size, self.layout.align()).unwrap();
        // SAFETY: the part that a realloc keeps is initialised.
        let old = unsafe { &*slice_from_raw_parts_mut(self.pointer, kept) };
        assert!(*old == vec![self.byte; kept], "a resize lost bytes");
        self.fill();
    }

    fn free(self, arena: &Arena) {
        self.check();
        // SAFETY: alive, with this layout.
        unsafe { arena.dealloc(self.pointer, self.layout) };
    }
}

#[test]
fn live_allocations_never_overlap_and_are_aligned() {
    let arena = arena();
    let mut live: Vec<Live> = Vec::new();
    // A fixed sequence that mixes sizes, alignments, resizes and releases in any order.
    let mut state = 7_u32;
    let mut next = |limit: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        usize::try_from((state >> 16) % limit).unwrap()
    };
    // Miri interprets each byte.
    for round in 0..if cfg!(miri) { 40_u32 } else { 400 } {
        match next(4) {
            0 | 1 => live.push(Live::new(&arena, 1 + next(300), 1 << next(7), u8::try_from(round % 251).unwrap())),
            2 if !live.is_empty() => {
                let index = next(u32::try_from(live.len()).unwrap());
                let size = 1 + next(600);
                live[index].resize(&arena, size);
            }
            3 if !live.is_empty() => {
                let index = next(u32::try_from(live.len()).unwrap());
                live.swap_remove(index).free(&arena);
            }
            _ => {}
        }
        live.iter().for_each(Live::check);
    }
    live.into_iter().for_each(|one| one.free(&arena));
}

#[test]
fn last_allocation_grows_in_place_and_is_reused() {
    let arena = arena();
    let mut last = Live::new(&arena, 100, 8, 1);
    let place = last.pointer;
    last.resize(&arena, 5000);
    assert_eq!(last.pointer, place, "the last allocation grows where it is");
    last.free(&arena);
    let next = Live::new(&arena, 100, 8, 2);
    assert_eq!(next.pointer, place, "memory that was freed last is reused");
    next.free(&arena);
}

#[test]
fn an_allocation_that_is_not_the_last_moves_with_its_bytes() {
    let arena = arena();
    let mut first = Live::new(&arena, 100, 8, 1);
    let second = Live::new(&arena, 100, 8, 2);
    let place = first.pointer;
    first.resize(&arena, 200);
    assert_ne!(first.pointer, place);
    second.check();
    first.free(&arena);
    second.free(&arena);
}

#[test]
fn larger_allocations_fall_back_to_the_system() {
    let arena = arena();
    // As large as the block; with a larger alignment than the block's; and grown beyond it.
    let small = Live::new(&arena, 64, 1, 1);
    let large = Live::new(&arena, 1 << 20, 1, 2);
    let aligned = Live::new(&arena, 64, 4096, 3);
    let mut grown = Live::new(&arena, 64, 1, 4);
    grown.resize(&arena, (1 << 20) + 1);
    small.check();
    for one in [small, large, aligned, grown] {
        one.free(&arena);
    }
}

// Miri has no madvise(2): under it only the search for pages of give_back runs.
#[test]
#[cfg_attr(miri, allow(unused))]
fn only_pages_without_a_live_allocation_are_returned() {
    let arena = arena();
    let first = Live::new(&arena, 3000, 8, 1);
    let hole = Live::new(&arena, 40_000, 8, 2);
    let last = Live::new(&arena, 3000, 8, 3);
    let (place, size) = (hole.pointer, hole.layout.size());
    hole.free(&arena);
    if cfg!(miri) {
        return;
    }
    arena.give_back();
    first.check();
    last.check();
    // SAFETY: memory of the block, which is still live; a page that the kernel took reads as zero.
    let bytes = unsafe { &*slice_from_raw_parts_mut(place, size) };
    let zeros = bytes.iter().filter(|byte| **byte == 0).count();
    assert!(zeros >= 7 * 4096, "{zeros} bytes of whole pages were given back");
    first.free(&arena);
    last.free(&arena);
}
