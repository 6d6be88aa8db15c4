//! New inputs for `checks/http.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stepdown_fuzz::http::check(data));
