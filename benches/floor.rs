//! The lower bound of the measurements: a static musl program that only executes its arguments. No shim that executes
//! the app can be faster.

#![no_main]
#![allow(unsafe_code, missing_docs)]

use std::ffi::c_char;

unsafe extern "C" {
    fn execve(program: *const c_char, arguments: *const *const c_char, environment: *const *const c_char) -> i32;
}

#[unsafe(no_mangle)]
extern "C" fn main(_count: i32, arguments: *const *const c_char, environment: *const *const c_char) -> i32 {
    // SAFETY: the C runtime passes null-terminated arrays; the harness passes at least one argument.
    unsafe { execve(*arguments.add(1), arguments.add(1), environment) }
}
