//! The machine code of small functions is what stands beside their text.

use std::path::Path;

use wasmer_backend_singlepass::Singlepass;
use wasmer_backend_tests::golden;

#[test]
fn machine_code_is_as_expected() {
    golden::check(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden"), |cpu| {
        Box::new(Singlepass::for_cpu(cpu).expect("the compiler works with it"))
    });
}
