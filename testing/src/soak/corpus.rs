//! Inputs for a fuzzer to begin with: small, and at least one for each thing that an attack comes to.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::targets::Target;

/// Inputs that are looked at.
const INPUTS: u64 = 400;
/// Of these, the shortest for each verdict are kept.
const KEPT: usize = 8;
/// Longer ones are left out.
const BYTES_MAX: usize = 5000;

/// Writes inputs of these attacks, each attack's to a folder of its name.
///
/// # Errors
/// If files cannot be written, or an input shows a fault.
pub fn write_corpus(targets: &[&'static Target], folder: &Path) -> Result<()> {
    // What happens in other processes tells a fuzzer nothing.
    for target in targets.iter().filter(|target| !target.needs_command) {
        let folder = folder.join(target.name);
        fs::create_dir_all(&folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
        for (word, inputs) in of_each_verdict(target)? {
            for (seed, input) in inputs {
                fs::write(folder.join(format!("{}-{seed}", word.replace(' ', "-"))), input)?;
            }
        }
    }
    Ok(())
}

/// Inputs with their numbers.
type Inputs = Vec<(u64, Vec<u8>)>;

fn of_each_verdict(target: &Target) -> Result<BTreeMap<&'static str, Inputs>> {
    let mut found: BTreeMap<&str, Inputs> = BTreeMap::new();
    for seed in 0..INPUTS {
        let input = (target.input)(seed);
        if input.len() > BYTES_MAX {
            continue;
        }
        match (target.judge)(&input) {
            Ok(word) => found.entry(word).or_default().push((seed, input)),
            Err(fault) => bail!("{}, input {seed}: {fault}", target.name),
        }
    }
    for inputs in found.values_mut() {
        inputs.sort_by_key(|(_, input)| input.len());
        inputs.truncate(KEPT);
    }
    Ok(found)
}
