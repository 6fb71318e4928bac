//! A checked view of the guest's linear memory.
//!
//! The guest chooses every pointer and every length, and another guest thread may write to the same bytes at any time.
//! So this view never hands out a Rust reference into guest memory: it copies in and out through raw pointers, and gives
//! the kernel raw buffers for input and output. Overlapping buffers, which a guest may well pass, are then harmless.

use std::marker::PhantomData;
use std::ptr;

use crate::errno::Errno;
use crate::host::buffers::IoBuffers;
use crate::host::io::IoVec;

/// How many entries of a list of buffers are looked at. More than [`IO_BUFFERS_MAX`](crate::host::buffers::IO_BUFFERS_MAX), because some may be empty; bounded, because a guest
/// can name half a billion.
const IO_ENTRIES_MAX: u32 = 1 << 16;

/// What a 32-bit pointer reaches.
const ADDRESSABLE_BYTES: usize = 1 << 32;

/// Size of one `iovec` or `ciovec` in guest memory: a 32-bit pointer and a 32-bit length.
const IOVEC_BYTES: u32 = 8;

/// A view of one linear memory, valid for one call into the host.
#[derive(Debug)]
pub struct GuestMemory<'a> {
    base: *mut u8,
    len: usize,
    lifetime: PhantomData<&'a mut [u8]>,
}

macro_rules! integers {
    ($($read:ident, $write:ident: $ty:ty;)*) => {$(
        #[doc = concat!("Reads a little-endian `", stringify!($ty), "` at `ptr`, which need not be aligned.")]
        pub fn $read(&self, ptr: u32) -> Result<$ty, Errno> {
            let mut bytes = [0; size_of::<$ty>()];
            self.read_bytes(ptr, &mut bytes)?;
            Ok(<$ty>::from_le_bytes(bytes))
        }

        #[doc = concat!("Writes a little-endian `", stringify!($ty), "` at `ptr`, which need not be aligned.")]
        pub fn $write(&self, ptr: u32, value: $ty) -> Result<(), Errno> {
            self.write_bytes(ptr, &value.to_le_bytes())
        }
    )*};
}

impl<'a> GuestMemory<'a> {
    /// Wraps `len` bytes at `base`. Of a larger memory only the first 4 GiB, which 32-bit pointers reach, are seen: what lies inside has
    /// an end that is at most 2³², so that no sum of a checked pointer and what is inside its range wraps.
    ///
    /// # Safety
    ///
    /// For the whole lifetime `'a` the bytes must stay mapped, readable and writable, and no Rust reference to any of
    /// them may be used. Other guest threads may access them.
    pub unsafe fn new(base: *mut u8, len: usize) -> GuestMemory<'a> {
        GuestMemory { base, len: len.min(ADDRESSABLE_BYTES), lifetime: PhantomData }
    }

    /// Wraps a byte slice; for tests and for interpreters that lend their memory as a slice.
    pub fn from_slice(bytes: &'a mut [u8]) -> GuestMemory<'a> {
        GuestMemory { base: bytes.as_mut_ptr(), len: bytes.len().min(ADDRESSABLE_BYTES), lifetime: PhantomData }
    }

    /// Size in bytes, of what can be reached.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the memory has no bytes at all.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Fails with [`Errno::Fault`] unless `len` bytes at `ptr` lie inside the memory. An empty range must still not
    /// start beyond the end.
    pub fn check(&self, ptr: u32, len: u32) -> Result<(), Errno> {
        self.pointer(ptr, len as usize).map(drop)
    }

    /// Like [`GuestMemory::check`] for an array of `count` items; the product cannot overflow.
    pub fn check_array(&self, ptr: u32, count: u32, item_bytes: u32) -> Result<(), Errno> {
        let bytes = u64::from(count) * u64::from(item_bytes);
        let bytes = usize::try_from(bytes).map_err(|_| Errno::Fault)?;
        self.pointer(ptr, bytes).map(drop)
    }

    fn pointer(&self, ptr: u32, len: usize) -> Result<*mut u8, Errno> {
        let start = ptr as usize;
        match start.checked_add(len) {
            // SAFETY: `start <= end <= self.len`, so the offset stays inside the memory that `new` was promised.
            Some(end) if end <= self.len => Ok(unsafe { self.base.add(start) }),
            _ => Err(Errno::Fault),
        }
    }

    /// Copies guest bytes at `ptr` into `out`.
    pub fn read_bytes(&self, ptr: u32, out: &mut [u8]) -> Result<(), Errno> {
        let source = self.pointer(ptr, out.len())?;
        // SAFETY: `pointer` checked the source range; `out` is a host buffer, which `new` promised not to be part of
        // the memory.
        unsafe { ptr::copy_nonoverlapping(source, out.as_mut_ptr(), out.len()) };
        Ok(())
    }

    /// Copies `bytes` to the guest at `ptr`.
    pub fn write_bytes(&self, ptr: u32, bytes: &[u8]) -> Result<(), Errno> {
        let target = self.pointer(ptr, bytes.len())?;
        // SAFETY: as in `read_bytes`, the other way round.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), target, bytes.len()) };
        Ok(())
    }

    /// Copies `len` guest bytes to a new vector. Fails with [`Errno::Nametoolong`] above `max`, before anything is
    /// allocated: the guest must not choose the size of host allocations.
    pub fn read_vec(&self, ptr: u32, len: u32, max: usize) -> Result<Vec<u8>, Errno> {
        self.check(ptr, len)?;
        if len as usize > max {
            return Err(Errno::Nametoolong);
        }
        let mut bytes = vec![0; len as usize];
        self.read_bytes(ptr, &mut bytes)?;
        Ok(bytes)
    }

    integers! {
        read_u8, write_u8: u8;
        read_u16, write_u16: u16;
        read_u32, write_u32: u32;
        read_u64, write_u64: u64;
    }

    /// Reads an array of `count` `iovec`s at `iovs`.
    ///
    /// The whole array must be inside the memory, and so must every buffer that is used. Empty buffers are skipped, so
    /// that a transfer of zero bytes keeps its meaning (end of file), and at most [`IO_BUFFERS_MAX`](crate::host::buffers::IO_BUFFERS_MAX) are returned. A list that begins with
    /// more than [`IO_ENTRIES_MAX`] empty ones is invalid.
    pub(crate) fn io_buffers(&self, iovs: u32, count: u32) -> Result<IoBuffers<'_>, Errno> {
        self.check_array(iovs, count, IOVEC_BYTES)?;
        let mut buffers = IoBuffers::new();
        for index in 0..count.min(IO_ENTRIES_MAX) {
            // Cannot overflow: the array was checked to lie inside the 32-bit memory.
            let entry = iovs + index * IOVEC_BYTES;
            let len = self.read_u32(entry + 4)?;
            if len == 0 {
                continue;
            }
            let ptr = self.pointer(self.read_u32(entry)?, len as usize)?;
            buffers.push(IoVec { iov_base: ptr.cast(), iov_len: len as usize });
            if buffers.is_full() {
                break;
            }
        }
        if buffers.is_empty() && count > IO_ENTRIES_MAX {
            return Err(Errno::Inval);
        }
        Ok(buffers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_exact() {
        let mut bytes = vec![0; 16];
        let mem = GuestMemory::from_slice(&mut bytes);
        assert_eq!(mem.check(0, 16), Ok(()));
        assert_eq!(mem.check(16, 0), Ok(()));
        assert_eq!(mem.check(17, 0), Err(Errno::Fault));
        assert_eq!(mem.check(9, 8), Err(Errno::Fault));
        assert_eq!(mem.check(u32::MAX, u32::MAX), Err(Errno::Fault));
        assert_eq!(mem.check_array(0, u32::MAX, 48), Err(Errno::Fault));
        assert_eq!(mem.write_u64(9, 1), Err(Errno::Fault));
    }

    #[test]
    fn integers_are_little_endian_and_unaligned() {
        let mut bytes = vec![0; 16];
        let mem = GuestMemory::from_slice(&mut bytes);
        mem.write_u32(3, 0x0102_0304).unwrap();
        assert_eq!(mem.read_u8(3), Ok(4));
        assert_eq!(mem.read_u32(3), Ok(0x0102_0304));
        mem.write_u64(8, u64::MAX - 1).unwrap();
        assert_eq!(mem.read_u64(8), Ok(u64::MAX - 1));
        assert_eq!(mem.read_u16(8), Ok(0xfffe));
    }

    #[test]
    fn vectors_are_bounded_before_allocation() {
        let mut bytes = vec![7; 64];
        let mem = GuestMemory::from_slice(&mut bytes);
        assert_eq!(mem.read_vec(0, 4, 8), Ok(vec![7; 4]));
        assert_eq!(mem.read_vec(0, 9, 8), Err(Errno::Nametoolong));
        assert_eq!(mem.read_vec(0, u32::MAX, 8), Err(Errno::Fault));
    }

    #[test]
    fn io_buffers_skip_empty_and_stop_at_the_limit() {
        let mut bytes = vec![0; 65536];
        let mem = GuestMemory::from_slice(&mut bytes);
        let count = 2000;
        for index in 0..count {
            mem.write_u32(index * 8, 60000).unwrap();
            mem.write_u32(index * 8 + 4, index % 2).unwrap();
        }
        let buffers = mem.io_buffers(0, count).unwrap();
        assert_eq!((buffers.raw().len(), buffers.bytes()), (1000, 1000));
        assert!(mem.io_buffers(65529, 1).is_err());
        assert!(mem.io_buffers(0, 0x2000_0000).is_err());
        mem.write_u32(4, 6000).unwrap();
        assert_eq!(mem.io_buffers(0, 1).err(), Some(Errno::Fault));
    }

    #[test]
    fn parts_of_buffers() {
        let mut bytes = vec![0; 64];
        let mem = GuestMemory::from_slice(&mut bytes);
        for (index, (ptr, len)) in [(10, 3), (20, 0), (30, 5), (40, 2)].into_iter().enumerate() {
            mem.write_u32(index as u32 * 8, ptr).unwrap();
            mem.write_u32(index as u32 * 8 + 4, len).unwrap();
        }
        let buffers = mem.io_buffers(0, 4).unwrap();
        assert_eq!(buffers.bytes(), 10);
        for start in 0..=11 {
            for max in 0..=11 {
                let addresses = |buffers: &IoBuffers<'_>| -> Vec<usize> {
                    buffers.raw().iter().flat_map(|b| (0..b.iov_len).map(|at| b.iov_base as usize + at)).collect()
                };
                let all = addresses(&buffers);
                let want: Vec<usize> = all.into_iter().skip(start).take(max).collect();
                assert_eq!(addresses(&buffers.part(start, max)), want, "{start} {max}");
            }
        }
    }

    #[test]
    fn a_list_of_nothing_but_empty_buffers_is_bounded() {
        let mut bytes = vec![0; (IO_ENTRIES_MAX as usize + 1) * 8];
        let mem = GuestMemory::from_slice(&mut bytes);
        assert!(mem.io_buffers(0, IO_ENTRIES_MAX).unwrap().is_empty());
        assert_eq!(mem.io_buffers(0, IO_ENTRIES_MAX + 1).err(), Some(Errno::Inval));
        mem.write_u32(4, 1).unwrap();
        assert_eq!(mem.io_buffers(0, IO_ENTRIES_MAX + 1).unwrap().bytes(), 1);
    }

    #[test]
    fn fill_and_drain_cross_buffer_borders() {
        let mut bytes = vec![0; 20000];
        let mem = GuestMemory::from_slice(&mut bytes);
        for (index, (ptr, len)) in [(100, 5000), (10000, 3), (12000, 100)].iter().enumerate() {
            mem.write_u32(index as u32 * 8, *ptr).unwrap();
            mem.write_u32(index as u32 * 8 + 4, *len).unwrap();
        }
        let mut next = 0_u32;
        let filled = mem.io_buffers(0, 3).unwrap().fill(|out| {
            for byte in out.iter_mut() {
                *byte = next as u8;
                next += 1;
            }
            Ok(out.len())
        });
        assert_eq!(filled.unwrap(), 5103);
        let mut seen = Vec::new();
        let drained = mem.io_buffers(0, 3).unwrap().drain(|piece| {
            seen.extend_from_slice(piece);
            Ok(piece.len())
        });
        assert_eq!(drained.unwrap(), 5103);
        assert!(seen.iter().enumerate().all(|(at, byte)| *byte == at as u8));
    }
}
