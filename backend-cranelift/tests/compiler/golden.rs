//! The machine code of every behaviour is what it was.

use std::path::Path;

use wasmer_backend_cranelift::Cranelift;
use wasmer_backend_tests::golden;

#[test]
fn machine_code_is_as_expected() {
    golden::check(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden"), |wasm, cpu| {
        golden::machine_code(&Cranelift::builder().cpu(cpu).build().expect("the compiler works with it"), wasm)
    });
}
