//! The C library's allocations: those of `getaddrinfo(3)` and `opendir(3)`, by the allocator of the program.
//!
//! C frees memory without its size, so the size is kept before it. With all of these functions here, musl's own are not
//! linked, and no memory of one allocator can reach the other. `malloc(3)`.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout};
use std::ffi::c_void;
use std::ptr;

use crate::MEMORY;

/// The bytes before an allocation, and its alignment.
const BEFORE: usize = 16;

/// Memory with its size before it; null for a size that no memory has.
fn new(size: usize) -> *mut c_void {
    let layout = size.checked_add(BEFORE).and_then(|size| Layout::from_size_align(size, BEFORE).ok());
    let Some(layout) = layout else { return ptr::null_mut() };
    // SAFETY: the layout is not empty. The size is written to its first bytes, which are aligned for it.
    unsafe {
        let start = MEMORY.alloc(layout);
        if start.is_null() {
            return ptr::null_mut();
        }
        start.cast::<usize>().write(layout.size());
        start.add(BEFORE).cast()
    }
}

/// The start and the layout of an allocation.
///
/// # Safety
/// The pointer came from [`new`].
unsafe fn whole(pointer: *mut c_void) -> (*mut u8, Layout) {
    // SAFETY: `new` has written the size of a valid layout before it.
    unsafe {
        let start = pointer.cast::<u8>().sub(BEFORE);
        (start, Layout::from_size_align_unchecked(start.cast::<usize>().read(), BEFORE))
    }
}

#[unsafe(no_mangle)]
extern "C" fn malloc(size: usize) -> *mut c_void {
    new(size)
}

#[unsafe(no_mangle)]
extern "C" fn calloc(count: usize, each: usize) -> *mut c_void {
    let Some(size) = count.checked_mul(each) else { return ptr::null_mut() };
    let pointer = new(size);
    if !pointer.is_null() {
        // SAFETY: it has this many bytes.
        unsafe { pointer.cast::<u8>().write_bytes(0, size) };
    }
    pointer
}

#[unsafe(no_mangle)]
unsafe extern "C" fn realloc(pointer: *mut c_void, size: usize) -> *mut c_void {
    let moved = new(size);
    if !pointer.is_null() && !moved.is_null() {
        // SAFETY: the caller passes what these functions returned. Both are live and have this many bytes.
        unsafe {
            let kept = whole(pointer).1.size() - BEFORE;
            ptr::copy_nonoverlapping(pointer.cast::<u8>(), moved.cast(), kept.min(size));
            free(pointer);
        }
    }
    moved
}

#[unsafe(no_mangle)]
unsafe extern "C" fn free(pointer: *mut c_void) {
    if !pointer.is_null() {
        // SAFETY: the caller passes what these functions returned, and does not use it any more.
        unsafe {
            let (start, layout) = whole(pointer);
            MEMORY.dealloc(start, layout);
        }
    }
}
