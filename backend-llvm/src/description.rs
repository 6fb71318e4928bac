//! What decides the compiler's output, as far as it can be known without LLVM: the same in the program that looks for an artifact
//! and in the process that makes it.
//!
//! LLVM derives the name and the features of the CPU from what `cpuid` and `xgetbv` say. They stand in the fingerprint as they are, so that
//! nobody needs LLVM, or a second copy of its tables, to know whether an artifact is for this CPU.

use std::borrow::Cow;

use wasmer_runtime_core::compiler::{Abi, BackendId, KeyHasher};
use wasmer_runtime_core::cpu::Cpu;
use wasmer_runtime_core::trap::TrapCode;

/// Version of LLVM.
const VERSION: &str = "22.1";
/// C's convention, with a buffer for what does not fit registers.
pub(crate) const ABI: Abi = Abi::new(2);
/// The name of the intermediate form.
pub const IR_NAME: &str = "llvm-ir";

/// Name, version and convention.
pub fn id() -> BackendId {
    BackendId {
        name: "llvm",
        version: Cow::Borrowed(VERSION),
        abi: ABI,
        untabled_fault: Some(TrapCode::MemoryOutOfBounds),
    }
}

/// Every setting that can change the bytes, CPU features included.
pub fn fingerprint(key: &mut KeyHasher, cpu: Cpu) {
    match cpu {
        Cpu::Native => key.setting("llvm.cpu", host()),
        Cpu::With(features) => key.setting("llvm.cpu features", features.bits().to_le_bytes()),
    }
    key.setting("llvm.sources", env!("SOURCE_DIGEST"));
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
