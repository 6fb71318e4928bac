//! A memory of more than 4 GiB: pointers are of 32 bits, and no arithmetic on them leads from the end of what they reach to its start.

mod common;

use common::Guest;
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};
use wasmer_wasi::{Errno, GuestMemory, Snapshot, WasiCtxBuilder, functions};

const BYTES: usize = (1 << 32) + (1 << 16);

#[test]
fn nothing_wraps() {
    // SAFETY: a new mapping, of which nothing is promised to anybody.
    let base = unsafe {
        let (access, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE | MapFlags::NORESERVE);
        mmap_anonymous(std::ptr::null_mut(), BYTES, access, flags)
    };
    let Ok(base) = base else {
        eprintln!("left out: there is no address space of 4 GiB");
        return;
    };
    // SAFETY: the mapping lives until the end, and nothing else refers to it.
    let mem = unsafe { GuestMemory::new(base.cast(), BYTES) };
    assert_eq!(mem.len(), 1 << 32);
    assert_eq!((mem.check(u32::MAX, 1), mem.check(u32::MAX, 2)), (Ok(()), Err(Errno::Fault)));
    let pattern = [0xa5; 4096];
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("f"), [1; 100]).unwrap();
    for snapshot in Snapshot::ALL {
        for function in functions(snapshot) {
            for from_end in [0_u64, 1, 2, 3, 4, 7, 8, 9, 15, 16, 23, 24, 31, 32, 40, 47, 48, 55, 56, 63, 64, 80] {
                let pointer = (1 << 32) - from_end.max(1);
                for (first, rest) in
                    [(3, from_end), (pointer, from_end), (3, pointer), (0, pointer), (pointer, pointer)]
                {
                    mem.write_bytes(0, &pattern).unwrap();
                    let builder = WasiCtxBuilder::new().args(["one", "two"]).env("A", "b").dir(dir.path(), "/");
                    let mut guest = Guest::new(builder);
                    let mut args: Vec<u64> = (0..function.params.len()).map(|_| rest).collect();
                    // The first parameter is a descriptor of most functions, a pointer of the others.
                    if let Some(place) = args.first_mut() {
                        *place = first;
                    }
                    for last in [rest, 1, 16, from_end, from_end + 1] {
                        if let Some(place) = args.last_mut().filter(|_| function.params.len() > 1) {
                            *place = last;
                        }
                        // Filling nearly all of it is in order, and takes long.
                        if function.name == "random_get" && args[0] + args[1] <= 1 << 32 && args[1] > 100 {
                            continue;
                        }
                        let _ = (function.call)(&mut guest.ctx, &mem, &args);
                    }
                    let mut low = [0; 4096];
                    mem.read_bytes(0, &mut low).unwrap();
                    // What a call may well have written is where its last argument said, at the very start.
                    assert!(low[256..] == pattern[256..], "{} {args:x?}", function.name);
                }
            }
        }
    }
    // SAFETY: the mapping made above, which nothing uses any more.
    unsafe { munmap(base, BYTES) }.unwrap();
}
