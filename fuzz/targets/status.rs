//! New inputs for `checks/status.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stepdown_fuzz::status::check(data));
