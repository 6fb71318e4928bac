//! The processor that code is made for, known without Cranelift's description of it: a cached start needs no more than that.

use cranelift_codegen::isa::TargetIsa;
use cranelift_codegen::settings::{Configurable, SetResult};
use wasmer_runtime_core::compiler::CompileError;

use crate::compiler::setting_error;

/// What the code generator asks about the target.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    /// Whether x86-64's own vector operators may be used.
    pub(crate) x86: bool,
    /// Whether a fused multiply-add is one instruction.
    pub(crate) fma: bool,
}

impl Target {
    /// The target that Cranelift describes.
    pub(crate) fn of(isa: &dyn TargetIsa) -> Result<Self, CompileError> {
        let has = |name: &str| isa.isa_flags().iter().any(|flag| flag.name == name && flag.as_bool().unwrap_or(false));
        Self::new(isa.name() == "x64", has)
    }

    fn new(x86: bool, has: impl Fn(&str) -> bool) -> Result<Self, CompileError> {
        if x86 && !(has("has_ssse3") && has("has_sse41")) {
            return Err(setting_error("the processor lacks SSE4.1, which is the least that this compiler works with"));
        }
        Ok(Self { x86, fma: !x86 || (has("has_avx") && has("has_fma")) })
    }
}

/// The features of this machine's processor that Cranelift makes use of, by its names for them.
#[derive(Debug, Default)]
pub(crate) struct HostFeatures(Vec<String>);

impl HostFeatures {
    /// What this machine has.
    pub(crate) fn detect() -> Result<Self, CompileError> {
        let mut features = Self::default();
        cranelift_native::infer_native_flags(&mut features).map_err(setting_error)?;
        Ok(features)
    }

    /// A target with these features.
    pub(crate) fn target(&self) -> Result<Target, CompileError> {
        Target::new(cfg!(target_arch = "x86_64"), |name| self.iter().any(|feature| feature == name))
    }

    /// Their names.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

/// Notes what Cranelift would switch on.
impl Configurable for HostFeatures {
    fn set(&mut self, name: &str, value: &str) -> SetResult<()> {
        self.0.push(format!("{name}={value}"));
        Ok(())
    }

    fn enable(&mut self, name: &str) -> SetResult<()> {
        self.0.push(name.to_owned());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use wasmer_runtime_core::compiler::{Compiler, KeyHasher};

    use super::*;
    use crate::Cranelift;

    #[test]
    fn the_features_are_those_that_cranelift_uses() {
        let cranelift = Cranelift::new().unwrap();
        let flags = cranelift.isa().isa_flags();
        let used = flags.iter().filter(|flag| flag.as_bool() == Some(true)).map(|flag| flag.name);
        let known = HostFeatures::detect().unwrap();
        assert!(known.iter().count() > 0);
        assert_eq!(known.iter().collect::<BTreeSet<_>>(), used.collect());
        let (known, used) = (known.target().unwrap(), Target::of(cranelift.isa()).unwrap());
        assert_eq!((known.x86, known.fma), (used.x86, used.fma));
    }

    #[test]
    fn every_feature_changes_the_key() {
        let key = |features: HostFeatures| {
            let mut key = KeyHasher::default();
            Cranelift::for_host(Cranelift::builder(), features).unwrap().fingerprint(&mut key);
            key.as_bytes().to_vec()
        };
        let all = key(HostFeatures::detect().unwrap());
        let names = HostFeatures::detect().unwrap();
        for name in names.iter().filter(|name| !["has_ssse3", "has_sse41"].contains(name)) {
            let mut without = HostFeatures::detect().unwrap();
            without.0.retain(|feature| feature != name);
            assert_ne!(key(without), all, "{name}");
        }
        assert!(HostFeatures::default().target().is_err() || !cfg!(target_arch = "x86_64"));
    }
}
