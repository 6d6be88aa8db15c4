//! New inputs for `checks/config.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stepdown_fuzz::config::check(data));
