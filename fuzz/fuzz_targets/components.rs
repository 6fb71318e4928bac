//! Damaged components.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wasmer_fuzz::attack("components", bytes));
