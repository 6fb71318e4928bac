//! Damage to the store of artifacts.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wasmer_fuzz::attack("cache", bytes));
