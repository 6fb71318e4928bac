//! Valid modules, on every backend and in an interpreter.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wasmer_fuzz::differential(bytes));
