//! When better code pays: the rule that decides whether a module is compiled again by a better compiler, when nobody waits for it.
//!
//! A program is expected to run as long again as it has run so far, the guess that is wrong by the smallest factor when nothing else is known
//! (M. Arnold, S. Fink, D. Grove, M. Hind, P. Sweeney: *Adaptive optimization in the Jalapeño JVM*, OOPSLA 2000). So compiling pays as soon as what
//! better code would have saved of the time that was spent is more than compiling costs. What compilers save and cost is measured; the
//! figures are averages over programs, which a single one may be far from.

use std::time::Duration;

use crate::backend::Backend;

/// What code of a better compiler saves of the run time, in thousandths. Programs that run for long are of two kinds, and each figure is the middle between
/// them: kernels (geometric means over the 41 of `docs/results`: 20, 215, 200) and interpreters, whose large functions gain more of a compiler that looks at all
/// of them (QuickJS: 250, 310, 85; CPython: 270 in the first row).
const SAVED_PER_MILLE: &[(Backend, Backend, u32)] = &[
    (Backend::Singlepass, Backend::Cranelift, 135),
    (Backend::Singlepass, Backend::Llvm, 262),
    (Backend::Cranelift, Backend::Llvm, 142),
];

/// Processor time of compiling: for every byte of machine code that the artifact in use has, in nanoseconds. From the same results, on one thread:
/// QuickJS, SQLite and CPython, whose code has 1.9, 2.0 and 10.4 MB.
const COMPILE_NS_PER_BYTE: &[(Backend, u64)] =
    &[(Backend::Singlepass, 25), (Backend::Cranelift, 500), (Backend::Llvm, 9_000)];

/// Starting a process that compiles.
const START: Duration = Duration::from_millis(50);

/// A second of a processor that would idle costs so many parts of a second for which somebody waits: it is warm, and the fan may turn.
const IDLE_DISCOUNT: u32 = 10;

/// After so many tries that came to nothing, the threshold stays.
const TRIES_MAX: u32 = 10;

/// How long a program has to have run on code of `from` until compiling it with `to` pays; none if `to` does not make better code.
/// `code_bytes` is the size of its machine code; each of `tries` that came to nothing doubles the time.
pub fn pays_after(from: Backend, to: Backend, code_bytes: u64, tries: u32) -> Option<Duration> {
    let (.., saved) = SAVED_PER_MILLE.iter().find(|(worse, better, _)| (*worse, *better) == (from, to))?;
    let (_, ns_per_byte) = COMPILE_NS_PER_BYTE.iter().find(|(backend, _)| *backend == to)?;
    let cost = START + Duration::from_nanos(ns_per_byte.saturating_mul(code_bytes));
    let after = cost.saturating_mul(1000) / (*saved * IDLE_DISCOUNT);
    Some(after.saturating_mul(1 << tries.min(TRIES_MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Backend::{Cranelift, Llvm, Singlepass};

    #[test]
    fn the_rule() {
        let ms = Duration::from_millis;
        let table = [
            // (from, to, bytes of code, tries): milliseconds.
            ((Singlepass, Llvm, 0, 0), Some(19)),
            ((Singlepass, Llvm, 1 << 20, 0), Some(3_621)),
            ((Singlepass, Llvm, 1 << 20, 1), Some(7_242)),
            ((Singlepass, Llvm, 1 << 20, 3), Some(28_968)),
            ((Cranelift, Llvm, 1 << 20, 0), Some(6_681)),
            ((Singlepass, Cranelift, 1 << 20, 0), Some(425)),
            ((Singlepass, Cranelift, 0, 0), Some(37)),
            ((Singlepass, Singlepass, 1 << 20, 0), None),
            ((Cranelift, Singlepass, 1 << 20, 0), None),
            ((Llvm, Cranelift, 1 << 20, 0), None),
            ((Llvm, Llvm, 1 << 20, 0), None),
        ];
        for ((from, to, bytes, tries), expected) in table {
            let after = pays_after(from, to, bytes, tries).map(|time| time.as_millis() as u64);
            assert_eq!(after, expected, "{from} to {to}, {bytes} bytes, {tries} tries");
        }
        assert!(pays_after(Singlepass, Llvm, u64::MAX, u32::MAX).is_some_and(|time| time > ms(1 << 40)));
    }

    /// Better is what [`Backend::ALL`] has later, and each pair has its figures.
    #[test]
    fn the_tables_are_whole() {
        for (rank, from) in Backend::ALL.into_iter().enumerate() {
            for (other, to) in Backend::ALL.into_iter().enumerate() {
                assert_eq!(pays_after(from, to, 0, 0).is_some(), rank < other, "{from} to {to}");
            }
        }
    }

    /// What a try costs is never more than a fixed part of what the program ran before it.
    #[test]
    fn more_code_and_more_tries_pay_later() {
        for (from, to, _) in SAVED_PER_MILLE {
            for bytes in [0, 1 << 10, 1 << 20, 1 << 30] {
                let after = |bytes, tries| pays_after(*from, *to, bytes, tries);
                assert!(after(bytes, 0) < after(bytes * 2 + 1, 0));
                assert!(after(bytes, 1) > after(bytes, 0));
                assert_eq!(after(bytes, TRIES_MAX), after(bytes, TRIES_MAX + 1));
            }
        }
    }
}
