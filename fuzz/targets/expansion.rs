//! New inputs for `checks/expansion.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stepdown_fuzz::expansion::check(data));
