//! What every behaviour is translated to is what it was. It is LLVM's language and not machine code, because that differs between the
//! releases of LLVM 22, and it is what exactness rests on: which accesses are volatile, ordered, or may move.

use std::path::Path;

use wasmer_backend_llvm::LlvmCompiler;
use wasmer_backend_tests::golden;

#[test]
fn translations_are_as_expected() {
    golden::check(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden"), |wasm, cpu| {
        golden::translated_form(&LlvmCompiler::for_cpu(cpu).expect("the compiler works with it"), wasm)
    });
}
