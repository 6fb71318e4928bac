//! `random_get`.

use crate::ctx::WasiCtx;
use crate::error::WasiResult;
use crate::memory::GuestMemory;

/// The guest may ask for its whole memory; this bounds what the host needs for it.
const CHUNK_BYTES: usize = 4096;

impl WasiCtx {
    /// Fills the buffer with bytes from the system's cryptographic generator.
    pub fn random_get(&mut self, mem: &GuestMemory<'_>, buf: u32, buf_len: u32) -> WasiResult {
        mem.check(buf, buf_len)?;
        let mut chunk = [0; CHUNK_BYTES];
        let mut done = 0;
        while done < buf_len {
            let len = CHUNK_BYTES.min((buf_len - done) as usize);
            self.fill_random(&mut chunk[..len])?;
            mem.write_bytes(buf + done, &chunk[..len])?;
            done += len as u32;
        }
        Ok(())
    }
}
