//! New inputs for `checks/identity.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stepdown_fuzz::identity::check(data));
