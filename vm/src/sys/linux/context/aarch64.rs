//! Linux on aarch64.

use super::Context;

impl Context<'_> {
    /// A general register, by the number that instructions give it.
    pub(crate) fn general(&self, number: u8) -> usize {
        self.0.uc_mcontext.regs[usize::from(number).min(30)] as usize
    }

    /// Program counter.
    pub(crate) fn pc(&self) -> usize {
        self.0.uc_mcontext.pc as usize
    }

    /// Stack pointer.
    pub(crate) fn sp(&self) -> usize {
        self.0.uc_mcontext.sp as usize
    }

    /// Frame pointer.
    pub(crate) fn fp(&self) -> usize {
        self.0.uc_mcontext.regs[29] as usize
    }

    /// Makes the thread go on at an address.
    pub(crate) fn resume(&mut self, pc: usize, argument: usize) {
        self.0.uc_mcontext.pc = pc as u64;
        self.0.uc_mcontext.regs[0] = argument as u64;
    }

    /// The same, from where the thread can come back: below its stack pointer, after so many bytes that stay as they are, are the program counter and below
    /// that what was in `x0`, to which the new stack pointer points.
    ///
    /// # Safety
    /// The thread's stack has room for that.
    pub(crate) unsafe fn divert(&mut self, pc: usize, argument: usize, kept_bytes: usize) {
        let sp = self.sp() - kept_bytes - 2 * size_of::<usize>();
        let words = sp as *mut usize;
        // SAFETY: the caller's promise.
        unsafe {
            words.add(1).write(self.pc());
            words.write(self.0.uc_mcontext.regs[0] as usize);
        }
        self.0.uc_mcontext.sp = sp as u64;
        self.resume(pc, argument);
    }
}
