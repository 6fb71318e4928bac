//! What the fuzz targets do with a fuzzer's bytes: the attacks of `wasmer-testing`, which everyday tests and long runs drive, too.

/// Runs an attack on an input.
///
/// # Panics
/// If the input shows a fault.
pub fn attack(name: &str, bytes: &[u8]) {
    let target = wasmer_testing::targets::find(name).expect("an attack of that name");
    if let Err(fault) = (target.judge)(bytes) {
        panic!("{fault}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_target_is_an_attack() {
        let targets = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz_targets")).unwrap();
        let mut count = 0;
        for path in targets.map(|entry| entry.unwrap().path()) {
            let name = path.file_stem().unwrap().to_str().unwrap();
            assert!(std::fs::read_to_string(&path).unwrap().contains(&format!("attack(\"{name}\", bytes)")), "{name}");
            attack(name, b"");
            count += 1;
        }
        // What happens in other processes gives no coverage.
        let targets = wasmer_testing::targets::TARGETS.iter().filter(|target| !target.needs_command);
        assert_eq!(count, targets.count());
    }
}
