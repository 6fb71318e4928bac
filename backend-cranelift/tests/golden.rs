//! The machine code of small functions is what stands beside their text.

use std::path::Path;

use wasmer_backend_cranelift::{Cpu, Cranelift};
use wasmer_backend_tests::golden::{self, Processor};

#[test]
fn machine_code_is_as_expected() {
    golden::check(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden"), |processor| {
        let name = match processor {
            Processor::Baseline => "x86-64",
            Processor::V3 => "x86-64-v3",
        };
        Box::new(Cranelift::builder().cpu(Cpu::Named(name.into())).build().expect("a known processor"))
    });
}
