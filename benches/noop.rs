//! The app of the measurements: it does nothing. Without the standard library's start-up, whose time is not `/init`'s.

#![no_main]
#![allow(unsafe_code, missing_docs)]

#[unsafe(no_mangle)]
extern "C" fn main() -> i32 {
    0
}
