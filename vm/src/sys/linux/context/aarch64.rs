//! Linux on aarch64.

use super::Context;

impl Context<'_> {
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
}
