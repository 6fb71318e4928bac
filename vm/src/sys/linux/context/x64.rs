//! Linux on x86-64.

use libc::{REG_RBP, REG_RDI, REG_RIP, REG_RSP, c_int};

use super::Context;

impl Context<'_> {
    fn register(&self, number: c_int) -> usize {
        self.0.uc_mcontext.gregs[number as usize].cast_unsigned() as usize
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
}
