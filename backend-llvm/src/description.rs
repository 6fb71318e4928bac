//! What decides the compiler's output, as far as it can be known without LLVM: the same in the program that looks for an artifact
//! and in the process that makes it.
//!
//! LLVM derives the name and the features of the CPU from what `cpuid` and `xgetbv` say. They stand in the fingerprint as they are, so that
//! nobody needs LLVM, or a second copy of its tables, to know whether an artifact is for this CPU.

use std::borrow::Cow;

use wasmer_runtime_core::compiler::{Abi, BackendId, KeyHasher};
use wasmer_runtime_core::cpu::Cpu;

/// Version of LLVM and of what we make of it: part of every cache key.
const VERSION: &str = concat!("22.1-", "3");
/// The name of the intermediate form.
pub const IR_NAME: &str = "llvm-ir";
/// A batch takes one in so many of the bytes that are left: small ones at the end, because threads that find none wait for the last.
pub(crate) const BATCH_SHARE: usize = 4;
/// Bytes of wasm bodies of a batch. LLVM inlines within a batch, so it is not too small; the largest bounds memory.
pub(crate) const BATCH_BYTES: [usize; 2] = [256 << 10, 1 << 20];
/// The largest module, in bytes of wasm bodies, that gets the full pipeline.
pub(crate) const LEAN_MODULE_BYTES: usize = 512 << 10;
/// Counts changes of the pipelines: part of the fingerprint.
pub(crate) const PIPELINE_REVISION: &str = "13";
/// The largest body, in bytes of wasm, that gets the full pipeline.
pub(crate) const LARGE_BODY_BYTES: u64 = 256 << 10;

/// Name, version and convention.
pub fn id() -> BackendId {
    BackendId { name: "llvm", version: Cow::Borrowed(VERSION), abi: Abi::Llvm }
}

/// Every setting that can change the bytes, CPU features included.
pub fn fingerprint(key: &mut KeyHasher, cpu: Cpu) {
    match cpu {
        Cpu::Native => key.setting("llvm.cpu", host()),
        Cpu::With(features) => key.setting("llvm.cpu features", features.bits().to_le_bytes()),
    }
    key.setting("llvm.pipeline", PIPELINE_REVISION);
    key.setting("llvm.share", BATCH_SHARE.to_le_bytes());
    key.setting("llvm.batch", BATCH_BYTES.map(usize::to_le_bytes).concat());
    key.setting("llvm.lean", LEAN_MODULE_BYTES.to_le_bytes());
    key.setting("llvm.large", LARGE_BODY_BYTES.to_le_bytes());
}

/// The registers by which LLVM recognises a CPU, without those bits that differ between the cores of one machine (the number of the core).
#[cfg(target_arch = "x86_64")]
fn host() -> Vec<u8> {
    use std::arch::x86_64::__cpuid_count;

    const OSXSAVE: u32 = 1 << 27;
    let vendor = __cpuid_count(0, 0);
    let basic = __cpuid_count(1, 0);
    let mut words = vec![vendor.eax, vendor.ebx, vendor.ecx, vendor.edx, basic.eax, basic.ecx, basic.edx];
    let leaf = |leaf: u32, sub: u32, last: u32| {
        if leaf > last {
            return [0; 4];
        }
        let result = __cpuid_count(leaf, sub);
        [result.eax, result.ebx, result.ecx, result.edx]
    };
    for (number, sub) in [(7, 0), (7, 1), (0x14, 0), (0x19, 0), (0x24, 0)] {
        words.extend(leaf(number, sub, vendor.eax));
    }
    // Of the extended state only which instructions manage it; the sizes depend on what is switched on.
    words.push(leaf(0xd, 1, vendor.eax)[0]);
    let last = __cpuid_count(0x8000_0000, 0).eax;
    let (extended, sizes) = (leaf(0x8000_0001, 0, last), leaf(0x8000_0008, 0, last));
    words.extend([extended[2], extended[3], sizes[1]]);
    if basic.ecx & OSXSAVE != 0 {
        let (low, high): (u32, u32);
        // SAFETY: OSXSAVE says that the instruction exists and that it may be used here; it only reads a register.
        unsafe {
            std::arch::asm!("xgetbv", in("ecx") 0, out("eax") low, out("edx") high, options(nomem, nostack, preserves_flags));
        }
        words.extend([low, high]);
    }
    words.into_iter().flat_map(u32::to_le_bytes).collect()
}

/// There is no LLVM compiler for other architectures.
#[cfg(not(target_arch = "x86_64"))]
fn host() -> Vec<u8> {
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fingerprint_is_the_same_on_every_core() {
        let fingerprints = || {
            let mut key = KeyHasher::default();
            fingerprint(&mut key, Cpu::Native);
            key.as_bytes().to_vec()
        };
        let first = fingerprints();
        let threads: Vec<_> = (0..16).map(|_| std::thread::spawn(fingerprints)).collect();
        assert!(threads.into_iter().all(|thread| thread.join().unwrap() == first));
        assert!(first.len() > 100, "{}", first.len());
    }
}
