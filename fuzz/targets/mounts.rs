//! New inputs for `checks/mounts.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stepdown_fuzz::mounts::check(data));
