//! The compute kernels: sources of our own, each with one kind of work that a compiler does well or badly.

use super::table::{Origin, Program};

const SIMD: &[&str] = &["-msimd128"];

pub(crate) const KERNELS: &[Program] = &[
    kernel("adler32", "sums over bytes", &[]),
    kernel("base64", "bytes to text and back", &[]),
    kernel("bignum", "Montgomery multiplication, 128-bit products", &[]),
    kernel("blake2b", "hash, 64-bit rotations", &[]),
    kernel("bytecode", "interpreter around a switch", &[]),
    kernel("chacha20", "stream cipher, 32-bit rotations", &[]),
    kernel("closures", "calls through function pointers", &[]),
    kernel("crc32", "look-ups in tables", &[]),
    kernel("fft", "Fourier transform", &[]),
    kernel("fib", "recursive calls", &[]),
    kernel("field25519", "elliptic curve arithmetic, 64-bit products", &[]),
    kernel("floyd", "shortest paths, triple loop of integers", &[]),
    kernel("gemm", "matrix product", &[]),
    kernel("hashmap", "open addressing", &[]),
    kernel("heapsort", "unpredictable comparisons of doubles", &[]),
    kernel("jacobi", "stencil that vectorises", &[]),
    kernel("json", "recursive descent over text", &[]),
    kernel("levenshtein", "dynamic programming", &[]),
    kernel("life", "neighbourhoods of bytes", &[]),
    kernel("list", "linked lists", &[]),
    kernel("lu", "triangular loops", &[]),
    kernel("lz", "compression by longest matches", &[]),
    kernel("mandelbrot", "floating point in registers", &[]),
    kernel("memory", "copying, moving, filling, comparing", &[]),
    kernel("mergesort", "sorting through a function pointer", &[]),
    kernel("nbody", "square roots and divisions", &[]),
    kernel("poly1305", "message authenticator, 64-bit sums of products", &[]),
    kernel("queens", "recursion over bit sets", &[]),
    kernel("quicksort", "unpredictable comparisons of integers", &[]),
    kernel("raytrace", "structures of doubles by value", &[]),
    kernel("seidel", "stencil that does not vectorise", &[]),
    kernel("sha256", "hash, 32-bit rotations", &[]),
    kernel("sieve", "byte stores with a stride", &[]),
    kernel("simd_blend", "vectors of 8 and 16-bit integers", SIMD),
    kernel("simd_dot", "vectors of floats and 16-bit integers", SIMD),
    kernel("siphash", "hashes of short keys", &[]),
    kernel("strsearch", "search of a text for words", &[]),
];

const fn kernel(name: &'static str, about: &'static str, flags: &'static [&'static str]) -> Program {
    Program { name, about, origin: Origin::Kernel(flags), sha256: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_source_is_in_the_table() {
        let folder = crate::workspace_root().join("benches/programs");
        let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut sources: Vec<String> = names.filter_map(|name| name.strip_suffix(".c").map(str::to_owned)).collect();
        sources.retain(|name| name != "hello");
        sources.sort();
        let listed: Vec<&str> = KERNELS.iter().map(|kernel| kernel.name).collect();
        assert_eq!(sources, listed);
    }
}
