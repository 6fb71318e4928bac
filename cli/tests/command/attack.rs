//! A short part of the attack on the command line; `cargo xtask soak` has the long one.

use wasmer_testing::child::{command, is_child};
use wasmer_testing::targets::command::PROGRAM_VARIABLE;
use wasmer_testing::targets::find;

#[test]
fn odd_command_lines_end_well() {
    if !is_child() {
        let mut child = command("attack::odd_command_lines_end_well");
        let output = child.env(PROGRAM_VARIABLE, env!("CARGO_BIN_EXE_wasmer")).output().unwrap();
        return assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let target = find("command").unwrap();
    assert!(target.needs_command);
    let inputs = (0..target.everyday).map(target.input).chain([vec![], vec![0; 40], vec![0xff; 40]]);
    for (seed, input) in inputs.enumerate() {
        if let Err(fault) = (target.judge)(&input) {
            panic!("input {seed}: {fault}");
        }
    }
}
