//! A test that does its work in a process of its own, so that a crash is a failure with a message.

use std::process::{Command, Output};

const CHILD: &str = "WASMER_TEST_CHILD";

/// Whether this process was started by [`command`].
pub fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

/// One test of this binary, alone in a process of its own, where [`is_child`] holds.
///
/// # Panics
/// If the program has no path.
pub fn command(test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("the test's own path"));
    command.args([test, "--exact", "--nocapture", "--test-threads=1"]).env(CHILD, "1");
    command
}

/// Runs one test of this binary again in a process of its own.
///
/// # Panics
/// If the process cannot be started, or there is no test of this name.
pub fn in_child(test: &str) -> Output {
    let output = command(test).output().expect("the test can be started again");
    assert!(!String::from_utf8_lossy(&output.stdout).contains("running 0 tests"), "no test is called `{test}`");
    output
}

/// Runs the test in a child; fails with the last lines that it wrote unless it succeeds.
///
/// # Panics
/// If the child fails.
pub fn supervise(test: &str) {
    let output = in_child(test);
    let text = String::from_utf8_lossy(&output.stderr);
    let mut last: Vec<_> = text.lines().rev().take(30).collect();
    last.reverse();
    assert!(output.status.success(), "{}: {}", output.status, last.join("\n"));
}
