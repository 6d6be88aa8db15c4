//! New inputs for `checks/plan.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stepdown_fuzz::plan::check(data));
