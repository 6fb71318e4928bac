//! Damaged modules.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wasmer_fuzz::attack("modules", bytes));
