//! Linux on x86-64.

use libc::*;

use super::Context;

/// The general registers, by the numbers that instructions give them.
const GENERAL: [c_int; 16] = [
    REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI, REG_R8, REG_R9, REG_R10, REG_R11, REG_R12,
    REG_R13, REG_R14, REG_R15,
];

impl Context<'_> {
    fn register(&self, number: c_int) -> usize {
        self.0.uc_mcontext.gregs[number as usize].cast_unsigned() as usize
    }

    /// A general register, by the number that instructions give it.
    pub(crate) fn general(&self, number: u8) -> usize {
        self.register(GENERAL[usize::from(number & 15)])
    }

    /// Program counter.
    pub(crate) fn pc(&self) -> usize {
        self.register(REG_RIP)
    }

    /// Stack pointer.
    pub(crate) fn sp(&self) -> usize {
        self.register(REG_RSP)
    }

    /// Frame pointer.
    pub(crate) fn fp(&self) -> usize {
        self.register(REG_RBP)
    }

    /// Makes the thread go on at an address.
    pub(crate) fn resume(&mut self, pc: usize, argument: usize) {
        self.0.uc_mcontext.gregs[REG_RIP as usize] = pc as i64;
        self.0.uc_mcontext.gregs[REG_RDI as usize] = argument as i64;
    }

    /// The same, from where the thread can come back: below its stack pointer, after so many bytes that stay as they are, are the program counter and below
    /// that what was in `rdi`, to which the new stack pointer points.
    ///
    /// # Safety
    /// The thread's stack has room for that.
    pub(crate) unsafe fn divert(&mut self, pc: usize, argument: usize, kept_bytes: usize) {
        let sp = self.sp() - kept_bytes - 2 * size_of::<usize>();
        let words = sp as *mut usize;
        // SAFETY: the caller's promise.
        unsafe {
            words.add(1).write(self.pc());
            words.write(self.register(REG_RDI));
        }
        self.0.uc_mcontext.gregs[REG_RSP as usize] = sp as i64;
        self.resume(pc, argument);
    }
}
