//! New inputs for `checks/notify.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stepdown_fuzz::notify::check(data));
