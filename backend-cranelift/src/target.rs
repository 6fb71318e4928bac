//! The processor that code is made for, known without Cranelift's description of it: a cached start needs no more than that.

use wasmer_runtime_core::compiler::{CompileError, CompileLimit};
use wasmer_runtime_core::cpu::{CpuFeature, CpuFeatures};

use crate::description::NAME;

/// What the code generator asks about the target.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    /// Whether x86-64's own vector operators may be used.
    pub(crate) x86: bool,
    /// Whether a fused multiply-add is one instruction.
    pub(crate) fma: bool,
}

impl Target {
    /// The target with these features, and those of them that code may use.
    pub(crate) fn new(features: CpuFeatures) -> Result<(Self, CpuFeatures), CompileError> {
        let (x86, used) = (cfg!(target_arch = "x86_64"), USED.and(features));
        let missing = FLOOR.without(used);
        if x86 && !missing.is_empty() {
            return Err(CompileLimit::Processor { missing, by: NAME }.into());
        }
        Ok((Self { x86, fma: !x86 || (used.has(CpuFeature::Avx) && used.has(CpuFeature::Fma)) }, used))
    }
}

/// What Cranelift makes use of.
const USED: CpuFeatures = CpuFeatures::of(&[
    CpuFeature::Sse3,
    CpuFeature::Ssse3,
    CpuFeature::Sse41,
    CpuFeature::Sse42,
    CpuFeature::Popcnt,
    CpuFeature::Cmpxchg16b,
    CpuFeature::Avx,
    CpuFeature::Avx2,
    CpuFeature::Bmi1,
    CpuFeature::Bmi2,
    CpuFeature::Fma,
    CpuFeature::Lzcnt,
    CpuFeature::Avx512f,
    CpuFeature::Avx512dq,
    CpuFeature::Avx512vl,
    CpuFeature::Avx512vbmi,
    CpuFeature::Avx512bitalg,
    CpuFeature::Avx512vnni,
    CpuFeature::Avxvnni,
]);

/// The least that code is made for.
const FLOOR: CpuFeatures = CpuFeatures::of(&[CpuFeature::Ssse3, CpuFeature::Sse41]);

/// Cranelift's name for the setting that stands for a feature.
pub(crate) fn setting(feature: CpuFeature) -> String {
    match feature {
        CpuFeature::Avxvnni => "has_avx_vnni".to_owned(),
        feature => format!("has_{}", feature.name().replace('.', "")),
    }
}

#[cfg(test)]
mod tests {
    use wasmer_runtime_core::compiler::{Compiler, KeyHasher};
    use wasmer_runtime_core::cpu::Cpu;

    use super::*;
    use crate::Cranelift;

    /// The features that Cranelift knows, and those that are on.
    fn flags(cranelift: &Cranelift) -> [Vec<String>; 2] {
        let flags = cranelift.isa().isa_flags();
        let flags = flags.into_iter().filter(|flag| flag.name.starts_with("has_"));
        let (mut known, mut on): (Vec<_>, Vec<_>) = Default::default();
        for flag in flags {
            known.push(flag.name.to_owned());
            on.extend((flag.as_bool() == Some(true)).then(|| flag.name.to_owned()));
        }
        known.sort();
        on.sort();
        [known, on]
    }

    fn names(features: CpuFeatures) -> Vec<String> {
        let mut names: Vec<_> = features.iter().map(setting).collect();
        names.sort();
        names
    }

    #[test]
    fn the_features_are_those_that_cranelift_uses() {
        for cpu in [Cpu::Native, Cpu::With(FLOOR), Cpu::With(CpuFeatures::V3), Cpu::With(CpuFeatures::ALL)] {
            let cranelift = Cranelift::builder().cpu(cpu).build().unwrap();
            let [known, on] = flags(&cranelift);
            assert_eq!(known, names(USED));
            assert_eq!(on, names(cranelift.cpu_features()), "{cpu}");
        }
    }

    /// Cranelift's own look at this machine finds the same.
    #[test]
    fn the_host_is_what_cranelift_sees() {
        let mut isa = cranelift_native::builder_with_options(false).unwrap();
        cranelift_native::infer_native_flags(&mut isa).unwrap();
        let isa = isa.finish(cranelift_codegen::settings::Flags::new(cranelift_codegen::settings::builder())).unwrap();
        let inferred = isa.isa_flags().into_iter().filter(|flag| flag.as_bool() == Some(true));
        let mut inferred: Vec<_> = inferred.map(|flag| flag.name.to_owned()).collect();
        inferred.sort();
        assert_eq!(inferred, names(Cranelift::new().unwrap().cpu_features()));
    }

    #[test]
    fn every_feature_changes_the_key() {
        let key = |features| {
            let mut key = KeyHasher::default();
            Cranelift::builder().cpu(Cpu::With(features)).build().unwrap().fingerprint(&mut key);
            key.as_bytes().to_vec()
        };
        for feature in USED.without(FLOOR).iter() {
            assert_ne!(key(USED.without(CpuFeatures::of(&[feature]))), key(USED), "{}", feature.name());
        }
        assert!(Cranelift::builder().cpu(Cpu::With(CpuFeatures::NONE)).build().is_err());
    }
}
