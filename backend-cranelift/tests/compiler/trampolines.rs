//! Both trampolines of a type, back to back.

use wasmer_backend_cranelift::Cranelift;
use wasmer_backend_tests::trampolines;

#[test]
fn values_arrive_whatever_their_number() {
    trampolines::values_arrive(&Cranelift::new().expect("this machine is supported"));
}

#[test]
fn output_is_deterministic() {
    trampolines::output_is_deterministic(&Cranelift::new().expect("this machine is supported"));
}
