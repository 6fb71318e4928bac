//! Lists of raw buffers, for calls of the C library.

use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ptr;

use super::io::IoVec;

/// Buffers per system call: the kernel's limit (`IOV_MAX`) on Linux. A guest that passes more gets a short transfer.
pub(crate) const IO_BUFFERS_MAX: usize = 1024;

/// Buffers that need no heap allocation. Nearly all guests pass one or two.
const INLINE_BUFFERS: usize = 8;

/// Size of the host buffer between guest memory and a Rust reader or writer.
const BOUNCE_BYTES: usize = 4096;

/// The most bytes that one call transfers: what Linux does, and it keeps the count inside the guest's 32 bits.
const TRANSFER_MAX: usize = 0x7fff_f000;

/// A list of non-empty, checked guest buffers, ready for a vectored system call. They may overlap.
pub(crate) struct IoBuffers<'m> {
    inline: [IoVec; INLINE_BUFFERS],
    /// Holds all buffers as soon as there are more than fit in `inline`.
    spilled: Vec<IoVec>,
    len: usize,
    memory: PhantomData<&'m [u8]>,
}

impl IoBuffers<'_> {
    pub(crate) fn new() -> Self {
        let empty = IoVec { iov_base: ptr::null_mut(), iov_len: 0 };
        IoBuffers { inline: [empty; INLINE_BUFFERS], spilled: Vec::new(), len: 0, memory: PhantomData }
    }

    /// The first bytes of room in the host, to be filled.
    pub(crate) fn of_spare(room: &mut [MaybeUninit<u8>], bytes_max: usize) -> IoBuffers<'_> {
        IoBuffers::of_raw(room.as_mut_ptr().cast(), room.len().min(bytes_max))
    }

    /// One buffer of the host that is only ever read from.
    pub(crate) fn to_drain(slice: &[u8]) -> IoBuffers<'_> {
        IoBuffers::of_raw(slice.as_ptr().cast_mut(), slice.len())
    }

    /// The lifetime is that of the borrow of the bytes.
    fn of_raw<'b>(base: *mut u8, len: usize) -> IoBuffers<'b> {
        let mut buffers = IoBuffers::new();
        if len > 0 {
            buffers.push(IoVec { iov_base: base.cast(), iov_len: len });
        }
        buffers
    }

    pub(crate) fn push(&mut self, buffer: IoVec) {
        if self.len < INLINE_BUFFERS {
            self.inline[self.len] = buffer;
        } else {
            if self.spilled.is_empty() {
                self.spilled.extend_from_slice(&self.inline);
            }
            self.spilled.push(buffer);
        }
        self.len += 1;
    }

    /// The buffers, for the kernel. At most [`IO_BUFFERS_MAX`], so the length fits every C integer type.
    pub(crate) fn raw(&self) -> &[IoVec] {
        if self.spilled.is_empty() { &self.inline[..self.len] } else { &self.spilled }
    }

    /// Whether there are as many as a system call takes.
    pub(crate) fn is_full(&self) -> bool {
        self.len == IO_BUFFERS_MAX
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Size of all buffers together; they may overlap.
    pub(crate) fn bytes(&self) -> usize {
        self.raw().iter().map(|buffer| buffer.iov_len).sum()
    }

    /// The part from `start` on, of at most `bytes_max` bytes.
    pub(crate) fn part(&self, start: usize, bytes_max: usize) -> Self {
        let (mut skip, mut room) = (start, bytes_max);
        let mut part = IoBuffers::new();
        for buffer in self.raw() {
            let skipped = skip.min(buffer.iov_len);
            let len = (buffer.iov_len - skipped).min(room);
            skip -= skipped;
            room -= len;
            if len > 0 {
                // SAFETY: `skipped <= iov_len`, so the pointer stays inside the checked buffer.
                let base = unsafe { buffer.iov_base.cast::<u8>().add(skipped) };
                part.push(IoVec { iov_base: base.cast(), iov_len: len });
            }
        }
        part
    }

    /// Fills the buffers in order from a host source, through a bounce buffer. `source` returns how much of its argument
    /// it filled; anything less than all of it ends the transfer.
    pub(crate) fn fill(&self, mut source: impl FnMut(&mut [u8]) -> std::io::Result<usize>) -> std::io::Result<usize> {
        let mut total = 0;
        self.for_each_piece(|target, len| {
            let mut bounce = [0; BOUNCE_BYTES];
            let got = match source(&mut bounce[..len]) {
                Ok(got) => got.min(len),
                // What has been transferred counts; the error comes back at the next call.
                Err(_) if total > 0 => return Ok(false),
                Err(error) => return Err(error),
            };
            // SAFETY: `target` points to at least `len >= got` checked guest bytes; `bounce` is a host buffer.
            unsafe { ptr::copy_nonoverlapping(bounce.as_ptr(), target, got) };
            total += got;
            Ok(got == len)
        })?;
        Ok(total)
    }

    /// Hands the content of the buffers in order to a host sink, through a bounce buffer.
    pub(crate) fn drain(&self, mut sink: impl FnMut(&[u8]) -> std::io::Result<usize>) -> std::io::Result<usize> {
        let mut total = 0;
        self.for_each_piece(|source, len| {
            let mut bounce = [0; BOUNCE_BYTES];
            // SAFETY: `source` points to at least `len` checked guest bytes; `bounce` is a host buffer of that size.
            unsafe { ptr::copy_nonoverlapping(source, bounce.as_mut_ptr(), len) };
            let put = match sink(&bounce[..len]) {
                Ok(put) => put.min(len),
                Err(_) if total > 0 => return Ok(false),
                Err(error) => return Err(error),
            };
            total += put;
            Ok(put == len)
        })?;
        Ok(total)
    }

    /// Calls `each` with pieces of at most [`BOUNCE_BYTES`] until it returns `false` or [`TRANSFER_MAX`] is reached.
    fn for_each_piece(&self, mut each: impl FnMut(*mut u8, usize) -> std::io::Result<bool>) -> std::io::Result<()> {
        let mut budget = TRANSFER_MAX;
        for buffer in self.raw() {
            let mut done = 0;
            while done < buffer.iov_len {
                let len = (buffer.iov_len - done).min(BOUNCE_BYTES).min(budget);
                if len == 0 {
                    return Ok(());
                }
                // SAFETY: `done < iov_len`, so the pointer stays inside the checked buffer.
                let piece = unsafe { buffer.iov_base.cast::<u8>().add(done) };
                if !each(piece, len)? {
                    return Ok(());
                }
                done += len;
                budget -= len;
            }
        }
        Ok(())
    }
}
