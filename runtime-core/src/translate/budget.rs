//! How much a module's functions may ask for in proportion to its length.
//!
//! A byte or two can ask for a thousand operands (a call, a branch, a function type) or for fifty thousand locals. Compilers copy operands and
//! count locals, so without a limit a short module would cost any amount of time, memory and machine code. Each function is small; only all of them
//! together are out of proportion, so functions one behind the other share an account.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use crate::error::{CompileError, CompileLimit};
use crate::module::ModuleInfo;
use crate::types::FuncIdx;

/// Bytes of bodies that share an account, at least.
const ACCOUNT_BYTES: usize = 32 << 10;

/// What an account has whatever the length of its functions: room for some dozens of signatures of a thousand values.
const OPERANDS_FREE: usize = 1 << 17;

/// What it has for each byte of its functions. Real code needs less than one.
const OPERANDS_PER_BYTE: usize = 4;

/// What functions one behind the other may still ask for. Whether it is enough for them does not depend on the order in which threads compile them.
#[derive(Debug)]
pub struct Account(AtomicUsize);

impl Account {
    pub(super) fn left(&self) -> usize {
        self.0.load(Relaxed)
    }

    /// Takes what a function has used; false if that is more than there is.
    pub(super) fn take(&self, operands: usize) -> bool {
        self.0.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(operands)).is_ok()
    }
}

/// Opens accounts as function bodies are read.
pub(super) struct Accounts {
    open: Arc<Account>,
    bytes: usize,
}

impl Accounts {
    pub(super) fn new() -> Self {
        Self { open: Arc::new(Account(AtomicUsize::new(OPERANDS_FREE))), bytes: 0 }
    }

    /// The account of the next function.
    pub(super) fn of(&mut self, body_bytes: usize) -> Arc<Account> {
        if self.bytes >= ACCOUNT_BYTES {
            *self = Self::new();
        }
        self.bytes += body_bytes;
        self.open.0.fetch_add(body_bytes.saturating_mul(OPERANDS_PER_BYTE), Relaxed);
        self.open.clone()
    }
}

#[cold]
pub(super) fn exceeded(module: &ModuleInfo, function: FuncIdx) -> CompileError {
    let function = module.describe(function);
    CompileLimit::Operands { function, free: OPERANDS_FREE, per_byte: OPERANDS_PER_BYTE }.into()
}
