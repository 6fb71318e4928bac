//! Keys: what an artifact depends on, hashed with blake2bp (RFC 7693 and the BLAKE2 paper, section 2.10, for the parallel mode).

use std::fmt;

use blake2b_simd::blake2bp;
use wasmer_runtime_core::compiler::KeyHasher;

/// Bytes of a hash.
pub const HASH_BYTES: usize = 32;

fn blake2bp(bytes: &[u8]) -> [u8; HASH_BYTES] {
    let hash = blake2bp::Params::new().hash_length(HASH_BYTES).hash(bytes);
    let mut out = [0; HASH_BYTES];
    out.copy_from_slice(hash.as_bytes());
    out
}

macro_rules! hash_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; HASH_BYTES]);

        impl $name {
            /// Reads the form that `Display` writes: 64 lower-case hexadecimal digits.
            pub fn from_hex(text: &[u8]) -> Option<Self> {
                let mut bytes = [0; HASH_BYTES];
                if text.len() != 2 * HASH_BYTES {
                    return None;
                }
                for (byte, digits) in bytes.iter_mut().zip(text.chunks_exact(2)) {
                    *byte = hex_digit(digits[0])? << 4 | hex_digit(digits[1])?;
                }
                Some(Self(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }
    };
}

hash_type!(
    /// The blake2bp hash of a module's bytes.
    ContentHash
);
hash_type!(
    /// The name of an artifact: module, compiler, settings, CPU and image format in one hash.
    ArtifactKey
);

hash_type!(
    /// The SHA-256 sum of a package's bytes, or of what describes it in a registry.
    PackageSum
);

/// Lower-case digits, without the machinery of formatting for each of them: a warm start names three or four files by them.
fn hex(bytes: &[u8; HASH_BYTES]) -> String {
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value & 0xf)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}

fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

impl ContentHash {
    /// Hashes a module.
    pub fn of(module: &[u8]) -> Self {
        Self(blake2bp(module))
    }
}

/// Hashes a module that is not in memory in one piece.
///
/// ```
/// # use wasmer_cache::{ContentHash, ContentHasher};
/// let mut hasher = ContentHasher::default();
/// hasher.update(b"\0asm");
/// hasher.update(b"\x01\0\0\0");
/// assert_eq!(hasher.finish(), ContentHash::of(b"\0asm\x01\0\0\0"));
/// ```
pub struct ContentHasher(blake2bp::State);

impl Default for ContentHasher {
    fn default() -> Self {
        Self(blake2bp::Params::new().hash_length(HASH_BYTES).to_state())
    }
}

impl ContentHasher {
    /// The module goes on with these bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The hash of the whole module.
    pub fn finish(self) -> ContentHash {
        let mut out = [0; HASH_BYTES];
        out.copy_from_slice(self.0.finalize().as_bytes());
        ContentHash(out)
    }
}

impl fmt::Debug for ContentHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContentHasher").finish_non_exhaustive()
    }
}

impl ArtifactKey {
    /// The key of the artifact that an engine with these settings makes of this module.
    pub fn new(content: &ContentHash, material: &KeyHasher) -> Self {
        let mut bytes = Vec::with_capacity(HASH_BYTES + material.as_bytes().len());
        bytes.extend_from_slice(&content.0);
        bytes.extend_from_slice(material.as_bytes());
        Self(blake2bp(&bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn material(settings: &[(&str, &str)]) -> KeyHasher {
        let mut key = KeyHasher::default();
        for (name, value) in settings {
            key.setting(name, value);
        }
        key
    }

    #[test]
    fn every_ingredient_changes_the_key() {
        let content = ContentHash::of(b"module");
        let base = [("backend", "cranelift"), ("version", "1"), ("cpu", "avx2")];
        let key = ArtifactKey::new(&content, &material(&base));
        assert_eq!(key, ArtifactKey::new(&content, &material(&base)));
        assert_ne!(key, ArtifactKey::new(&ContentHash::of(b"modulf"), &material(&base)));
        for position in 0..base.len() {
            let mut changed = base;
            changed[position].1 = "other";
            assert_ne!(key, ArtifactKey::new(&content, &material(&changed)), "{}", base[position].0);
        }
        assert_ne!(
            ArtifactKey::new(&content, &material(&[("a", "bc")])),
            ArtifactKey::new(&content, &material(&[("ab", "c")])),
            "settings must not run into each other"
        );
    }

    #[test]
    fn hexadecimal_round_trips() {
        let hash = ContentHash::of(b"");
        assert_eq!(ContentHash::from_hex(hash.to_string().as_bytes()), Some(hash));
        let bytes = std::array::from_fn(|index| (index as u8).wrapping_mul(31));
        assert_eq!(ContentHash(bytes).to_string(), bytes.map(|byte| format!("{byte:02x}")).concat());
        assert_eq!(ContentHash::from_hex(b"00"), None);
        assert_eq!(ContentHash::from_hex(&[b'G'; 64]), None);
    }

    #[test]
    fn the_hash_is_blake2bp() {
        let expected = blake2bp::Params::new().hash_length(32).hash(b"abc");
        assert_eq!(ContentHash::of(b"abc").0, expected.as_bytes());
        assert_ne!(ContentHash::of(b"abc").0, blake2b_simd::Params::new().hash_length(32).hash(b"abc").as_bytes());
    }
}
