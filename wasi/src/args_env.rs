//! `args_*` and `environ_*`: lists of C strings.

use crate::ctx::WasiCtx;
use crate::errno::Errno;
use crate::error::WasiResult;
use crate::memory::GuestMemory;

impl WasiCtx {
    /// Writes the arguments: pointers at `argv`, the strings themselves at `argv_buf`.
    pub fn args_get(&mut self, mem: &GuestMemory<'_>, argv: u32, argv_buf: u32) -> WasiResult {
        write_strings(mem, &self.args, argv, argv_buf)
    }

    /// Writes the number of arguments, and the size of all strings with their NULs.
    pub fn args_sizes_get(&mut self, mem: &GuestMemory<'_>, count: u32, size: u32) -> WasiResult {
        write_sizes(mem, &self.args, count, size)
    }

    /// Writes the environment: pointers at `environ`, the strings `NAME=value` at `environ_buf`.
    pub fn environ_get(&mut self, mem: &GuestMemory<'_>, environ: u32, environ_buf: u32) -> WasiResult {
        write_strings(mem, &self.env, environ, environ_buf)
    }

    /// Writes the number of environment variables, and the size of all strings with their NULs.
    pub fn environ_sizes_get(&mut self, mem: &GuestMemory<'_>, count: u32, size: u32) -> WasiResult {
        write_sizes(mem, &self.env, count, size)
    }
}

/// Count and total size; both can only exceed 32 bits if the embedder passes gigabytes.
fn sizes(strings: &[Vec<u8>]) -> Result<(u32, u32), Errno> {
    let count = u32::try_from(strings.len()).map_err(|_| Errno::Overflow)?;
    let bytes = strings.iter().map(|string| string.len() + 1).sum::<usize>();
    Ok((count, u32::try_from(bytes).map_err(|_| Errno::Overflow)?))
}

fn write_sizes(mem: &GuestMemory<'_>, strings: &[Vec<u8>], count_out: u32, size_out: u32) -> WasiResult {
    let (count, bytes) = sizes(strings)?;
    mem.write_u32(count_out, count)?;
    Ok(mem.write_u32(size_out, bytes)?)
}

fn write_strings(mem: &GuestMemory<'_>, strings: &[Vec<u8>], pointers: u32, buffer: u32) -> WasiResult {
    let (count, bytes) = sizes(strings)?;
    mem.check_array(pointers, count, 4)?;
    mem.check(buffer, bytes)?;
    // Nothing below overflows: both areas lie inside the 32-bit memory.
    let (mut pointer, mut at) = (pointers, buffer);
    for string in strings {
        mem.write_u32(pointer, at)?;
        mem.write_bytes(at, string)?;
        let nul = at + string.len() as u32;
        mem.write_u8(nul, 0)?;
        pointer = pointer.wrapping_add(4);
        at = nul.wrapping_add(1);
    }
    Ok(())
}
