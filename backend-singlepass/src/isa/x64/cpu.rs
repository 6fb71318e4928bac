//! The processor: what must be there, and what is used if it is.

use wasmer_runtime_core::cpu::{CpuFeature, CpuFeatures};

use crate::masm::Processor;

/// What is used of a processor beyond the least.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extensions {
    pub(crate) popcnt: bool,
    pub(crate) lzcnt: bool,
    pub(crate) bmi1: bool,
    /// Encoded as AVX is, and only used together with it, as the next one is.
    pub(crate) bmi2: bool,
    pub(crate) fma: bool,
    pub(crate) avx: bool,
}

impl Processor for Extensions {
    /// Vector operators need `pshufb` of the one and `ptest`, `pinsr`, `pextr`, `pmovsx` and `round` of the other.
    const FLOOR: CpuFeatures = CpuFeatures::of(&[CpuFeature::Ssse3, CpuFeature::Sse41]);

    fn of(features: CpuFeatures) -> Self {
        let avx = features.has(CpuFeature::Avx);
        Self {
            popcnt: features.has(CpuFeature::Popcnt),
            lzcnt: features.has(CpuFeature::Lzcnt),
            bmi1: features.has(CpuFeature::Bmi1),
            bmi2: avx && features.has(CpuFeature::Bmi2),
            fma: avx && features.has(CpuFeature::Fma),
            avx,
        }
    }

    fn features(self) -> CpuFeatures {
        let Self { popcnt, lzcnt, bmi1, bmi2, fma, avx } = self;
        let used = [
            (CpuFeature::Popcnt, popcnt),
            (CpuFeature::Lzcnt, lzcnt),
            (CpuFeature::Bmi1, bmi1),
            (CpuFeature::Bmi2, bmi2),
            (CpuFeature::Fma, fma),
            (CpuFeature::Avx, avx),
        ];
        used.into_iter().filter(|(_, has)| *has).fold(Self::FLOOR, |all, (feature, _)| all.with(feature))
    }
}
