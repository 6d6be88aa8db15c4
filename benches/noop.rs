//! The app of the measurements: it does nothing, and skips the standard library's start-up, which is not part of
//! `/init`.

#![no_main]
#![allow(unsafe_code, missing_docs)]

#[unsafe(no_mangle)]
extern "C" fn main() -> i32 {
    0
}
