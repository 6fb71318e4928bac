//! What code needs of a processor, and which processor code is made for.
//!
//! Compilers may only use what stands in the table here: so an artifact can say what its code needs, and loading can compare.

use std::fmt;
use std::str::FromStr;

/// The architecture that this program was built for, by its number in ELF files (`e_machine`); zero for those that no compiler here knows.
pub const ARCHITECTURE: u32 = if cfg!(target_arch = "x86_64") {
    62
} else if cfg!(target_arch = "aarch64") {
    183
} else {
    0
};

/// How large the pages of images are that are made for this target, as a power of two of bytes: at least as large as those of every system that it
/// includes, so that images can be mapped there.
pub const PAGE_LOG2: u32 = if cfg!(target_arch = "x86_64") {
    12
} else if cfg!(target_vendor = "apple") {
    14
} else {
    16
};

macro_rules! features {
    ($($(#[$doc:meta])* $bit:tt $feature:ident $name:tt $level:tt;)*) => {
        /// An extension of x86-64 that compiled code may use. Its number is its bit in artifacts and never changes.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[allow(missing_docs, reason = "the names are the processor manuals'")]
        #[repr(u8)]
        pub enum CpuFeature { $($(#[$doc])* $feature = $bit,)* }

        impl CpuFeature {
            /// Every feature, by number.
            pub const ALL: &[Self] = &[$(Self::$feature),*];

            /// Its name, as `rustc -C target-feature` takes it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$feature => $name,)* }
            }

            /// The least level of x86-64 (psABI, 3.1.1) that has it; 5 for those that none has.
            const fn level(self) -> u8 {
                match self { $(Self::$feature => $level,)* }
            }
        }

        impl CpuFeatures {
            /// What this machine's processor has and its system lets programs use.
            pub fn host() -> Self {
                #[cfg(target_arch = "x86_64")]
                let bits = $(u64::from(std::arch::is_x86_feature_detected!($name)) << $bit |)* 0;
                #[cfg(not(target_arch = "x86_64"))]
                let bits = 0;
                Self(bits)
            }
        }
    };
}

features! {
    0 Sse3 "sse3" 2;
    1 Ssse3 "ssse3" 2;
    2 Sse41 "sse4.1" 2;
    3 Sse42 "sse4.2" 2;
    4 Popcnt "popcnt" 2;
    5 Cmpxchg16b "cmpxchg16b" 2;
    6 Avx "avx" 3;
    7 Avx2 "avx2" 3;
    8 Bmi1 "bmi1" 3;
    9 Bmi2 "bmi2" 3;
    10 F16c "f16c" 3;
    11 Fma "fma" 3;
    12 Lzcnt "lzcnt" 3;
    13 Movbe "movbe" 3;
    14 Avx512f "avx512f" 4;
    15 Avx512bw "avx512bw" 4;
    16 Avx512cd "avx512cd" 4;
    17 Avx512dq "avx512dq" 4;
    18 Avx512vl "avx512vl" 4;
    19 Avx512ifma "avx512ifma" 5;
    20 Avx512vbmi "avx512vbmi" 5;
    21 Avx512vbmi2 "avx512vbmi2" 5;
    22 Avx512bitalg "avx512bitalg" 5;
    23 Avx512vnni "avx512vnni" 5;
    24 Avx512vpopcntdq "avx512vpopcntdq" 5;
    25 Avx512bf16 "avx512bf16" 5;
    26 Avx512fp16 "avx512fp16" 5;
    27 Avxvnni "avxvnni" 5;
    28 Avxvnniint8 "avxvnniint8" 5;
    29 Avxvnniint16 "avxvnniint16" 5;
    30 Avxifma "avxifma" 5;
    31 Gfni "gfni" 5;
    32 Pclmulqdq "pclmulqdq" 5;
    33 Vpclmulqdq "vpclmulqdq" 5;
    34 Adx "adx" 5;
}

const _: () = {
    let mut index = 0;
    while index < CpuFeature::ALL.len() {
        assert!(CpuFeature::ALL[index] as usize == index && index < 64);
        index += 1;
    }
};

/// A set of features.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct CpuFeatures(u64);

impl CpuFeatures {
    /// What every x86-64 has.
    pub const NONE: Self = Self(0);
    /// What x86-64-v2 has (processors since 2008).
    pub const V2: Self = Self::of_level(2);
    /// What x86-64-v3 has (processors since 2013).
    pub const V3: Self = Self::of_level(3);
    /// What x86-64-v4 has: AVX-512.
    pub const V4: Self = Self::of_level(4);

    /// Everything that the table names.
    pub const ALL: Self = Self::of(CpuFeature::ALL);

    const fn of_level(level: u8) -> Self {
        let (mut bits, mut index) = (0, 0);
        while index < CpuFeature::ALL.len() {
            if CpuFeature::ALL[index].level() <= level {
                bits |= 1 << index;
            }
            index += 1;
        }
        Self(bits)
    }

    /// The set of these.
    pub const fn of(features: &[CpuFeature]) -> Self {
        let (mut bits, mut index) = (0, 0);
        while index < features.len() {
            bits |= 1 << features[index] as u8;
            index += 1;
        }
        Self(bits)
    }

    /// The set whose features are the bits that are set, whether or not this version knows them.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The features as bits.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Whether it has no feature.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether it has this one.
    pub const fn has(self, feature: CpuFeature) -> bool {
        self.0 & 1 << feature as u8 != 0
    }

    /// These and one more.
    pub const fn with(self, feature: CpuFeature) -> Self {
        Self(self.0 | 1 << feature as u8)
    }

    /// What both have.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What this one has and the other does not.
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Its features, by number, as far as this version knows them.
    pub fn iter(self) -> impl Iterator<Item = CpuFeature> {
        CpuFeature::ALL.iter().copied().filter(move |feature| self.has(*feature))
    }

    /// The highest level of x86-64 all of which it has.
    pub fn level(self) -> Level {
        let has = |level: &&Level| level.features().without(self).is_empty();
        *Level::ALL.iter().rev().find(has).expect("every x86-64 has the first")
    }
}

/// Names with commas between them; a feature that a newer version added is named by its bit.
impl fmt::Display for CpuFeatures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, bit) in (0..64).filter(|bit| self.0 >> bit & 1 != 0).enumerate() {
            f.write_str(if position == 0 { "" } else { ", " })?;
            match CpuFeature::ALL.get(bit) {
                Some(feature) => f.write_str(feature.name())?,
                None => write!(f, "feature {bit} of a newer version")?,
            }
        }
        Ok(())
    }
}

/// A level of x86-64, which processors of some years have in common (psABI, 3.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// What every x86-64 has.
    V1,
    /// SSE4.2 and `popcnt`.
    V2,
    /// AVX2, BMI and FMA.
    V3,
    /// AVX-512.
    V4,
}

impl Level {
    /// Every level, lowest first.
    pub const ALL: [Self; 4] = [Self::V1, Self::V2, Self::V3, Self::V4];

    /// Its name, which compilers agree on.
    pub const fn name(self) -> &'static str {
        match self {
            Self::V1 => "x86-64",
            Self::V2 => "x86-64-v2",
            Self::V3 => "x86-64-v3",
            Self::V4 => "x86-64-v4",
        }
    }

    /// What it has.
    pub const fn features(self) -> CpuFeatures {
        match self {
            Self::V1 => CpuFeatures::NONE,
            Self::V2 => CpuFeatures::V2,
            Self::V3 => CpuFeatures::V3,
            Self::V4 => CpuFeatures::V4,
        }
    }
}

/// The processor that code is made for.
///
/// As text: `native`, or a level and what the processor has beyond it, for instance `x86-64-v3` or `x86-64-v2+avx+lzcnt`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cpu {
    /// This machine's, with everything it has.
    #[default]
    Native,
    /// Any that has these features.
    With(CpuFeatures),
}

/// What `native` is called.
const NATIVE: &str = "native";

impl Cpu {
    /// What it has.
    pub fn features(self) -> CpuFeatures {
        match self {
            Self::Native => CpuFeatures::host(),
            Self::With(features) => features,
        }
    }
}

impl fmt::Display for Cpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Native => f.write_str(NATIVE),
            Self::With(features) => {
                let level = features.level();
                f.write_str(level.name())?;
                features.without(level.features()).iter().try_for_each(|feature| write!(f, "+{}", feature.name()))
            }
        }
    }
}

/// A text that names no processor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnknownCpu {
    /// The first word is no level.
    #[error("unknown processor `{0}`; known are `native`, `x86-64-v2`, `x86-64-v3` and `x86-64-v4`")]
    Name(String),
    /// A word behind it is no feature.
    #[error("unknown processor feature `{0}`; known are {known}", known = CpuFeatures::ALL)]
    Feature(String),
}

impl FromStr for Cpu {
    type Err = UnknownCpu;

    fn from_str(text: &str) -> Result<Self, UnknownCpu> {
        if text == NATIVE {
            return Ok(Self::Native);
        }
        let mut words = text.split('+');
        let name = words.next().unwrap_or_default();
        let level = Level::ALL.into_iter().find(|level| level.name() == name);
        let mut features = level.ok_or_else(|| UnknownCpu::Name(name.to_owned()))?.features();
        for word in words {
            let feature = CpuFeature::ALL.iter().find(|feature| feature.name() == word);
            features = features.with(*feature.ok_or_else(|| UnknownCpu::Feature(word.to_owned()))?);
        }
        Ok(Self::With(features))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_have_names() {
        let mut tried = vec![Cpu::Native];
        tried.extend(Level::ALL.map(|level| Cpu::With(level.features())));
        tried.extend(CpuFeature::ALL.iter().map(|feature| Cpu::With(CpuFeatures::of(&[*feature]))));
        tried.push(Cpu::With(CpuFeatures::host()));
        for cpu in tried {
            assert_eq!(cpu.to_string().parse(), Ok(cpu));
        }
        assert_eq!("x86-64-v2+avx+lzcnt".parse::<Cpu>().unwrap().to_string(), "x86-64-v2+avx+lzcnt");
        for wrong in ["", "Native", "native+avx", "x86-64-v5", "haswell", "x86-64-v3+", "x86-64-v3+abm", "x86-64-v3 "] {
            assert!(wrong.parse::<Cpu>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn levels_are_those_of_the_abi() {
        let names = |features: CpuFeatures| features.to_string();
        assert_eq!(names(CpuFeatures::V2), "sse3, ssse3, sse4.1, sse4.2, popcnt, cmpxchg16b");
        assert_eq!(names(CpuFeatures::V3.without(CpuFeatures::V2)), "avx, avx2, bmi1, bmi2, f16c, fma, lzcnt, movbe");
        assert_eq!(names(CpuFeatures::V4.without(CpuFeatures::V3)), "avx512f, avx512bw, avx512cd, avx512dq, avx512vl");
        assert_eq!(CpuFeatures::V3.without(CpuFeatures::of(&[CpuFeature::Movbe])).level(), Level::V2);
    }

    #[test]
    fn what_a_newer_version_added_is_named() {
        assert_eq!(CpuFeatures::from_bits(1 << 63 | 1).to_string(), "sse3, feature 63 of a newer version");
    }
}
