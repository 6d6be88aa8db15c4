//! New inputs for `checks/values.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stepdown_fuzz::values::check(data));
