//! Random bytes.

use crate::ctx::WasiCtx;
use crate::error::WasiResult;
use crate::host::process::{GetRandomFlags, getrandom};

/// Bytes per system call: this bounds how long it takes to notice an interrupt.
const CHUNK_BYTES: usize = 4096;

impl WasiCtx {
    /// Fills the buffer from the system's cryptographic generator.
    pub fn fill_random(&self, buffer: &mut [u8]) -> WasiResult {
        let mut done = 0;
        while done < buffer.len() {
            let end = buffer.len().min(done + CHUNK_BYTES);
            done += self.interrupt.retry_here(|| getrandom(&mut buffer[done..end], GetRandomFlags::empty()))?;
        }
        Ok(())
    }
}
