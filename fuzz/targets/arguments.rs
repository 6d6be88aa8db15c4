//! New inputs for `checks/arguments.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stepdown_fuzz::arguments::check(data));
