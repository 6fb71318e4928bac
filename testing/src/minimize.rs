//! Makes an input that shows a fault shorter (delta debugging: Zeller and Hildebrandt, "Simplifying and isolating failure-inducing input").

use std::time::{Duration, Instant};

/// Leaves out ever smaller pieces of `input` as long as `fails` holds of what remains, and no longer than `patience`.
///
/// `fails` must hold of `input` itself; it is not asked again.
pub fn minimize(input: &[u8], patience: Duration, mut fails: impl FnMut(&[u8]) -> bool) -> Vec<u8> {
    let begun = Instant::now();
    let mut kept = input.to_vec();
    let mut piece = kept.len().div_ceil(2);
    while piece > 0 {
        let mut at = 0;
        let mut shrunk = false;
        while at < kept.len() {
            if begun.elapsed() > patience {
                return kept;
            }
            let end = (at + piece).min(kept.len());
            let shorter = [&kept[..at], &kept[end..]].concat();
            if fails(&shorter) {
                kept = shorter;
                shrunk = true;
            } else {
                at = end;
            }
        }
        // What could not go before may go now that something else is gone.
        if !(shrunk && piece == 1) {
            piece /= 2;
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_fault_needs_remains() {
        let input: Vec<u8> = (0..=255).cycle().take(5000).collect();
        let fails = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == 7).count() >= 3 && bytes.contains(&200);
        let mut found = minimize(&input, Duration::from_secs(60), fails);
        found.sort_unstable();
        assert_eq!(found, [7, 7, 7, 200]);
    }

    #[test]
    fn patience_ends() {
        let mut calls = 0;
        let found = minimize(&[1; 100], Duration::ZERO, |_| {
            calls += 1;
            true
        });
        assert!(calls <= 1 && found.len() >= 50, "{calls} calls, {} bytes", found.len());
    }
}
