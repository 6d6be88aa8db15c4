//! New inputs for `checks/accounts.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stepdown_fuzz::accounts::check(data));
