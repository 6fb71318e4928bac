//! The machine code of small functions is what stands beside their text.

use std::path::Path;

use wasmer_backend_singlepass::{Cpu, Singlepass};
use wasmer_backend_tests::golden::{self, Processor};

#[test]
fn machine_code_is_as_expected() {
    golden::check(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden"), |processor| {
        Box::new(Singlepass::with_cpu(match processor {
            Processor::Baseline => Cpu::BASELINE,
            Processor::V3 => Cpu::V3,
        }))
    });
}
