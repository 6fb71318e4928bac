//! What bounds the guests of a store: limits, fuel, interrupts.

use std::mem::MaybeUninit;

use wasmer_runtime::{Error, InterruptHandle, ResourceError, StoreLimits};

use crate::config::CEngine;
use crate::fault::{attempt, null};
use crate::store::{CStore, Context, new_store};
use crate::vector::write;

/// `wasmer_limits_t`.
struct CLimitsOfStore(StoreLimits);

/// Sets one limit.
type Setting = fn(StoreLimits, u64) -> StoreLimits;

/// By their numbers in `wasmer_limit_t`.
const SETTINGS: [Setting; 9] = [
    StoreLimits::memory_bytes_max,
    StoreLimits::table_elements_max,
    StoreLimits::total_memory_bytes_max,
    StoreLimits::total_table_elements_max,
    StoreLimits::total_bytes_max,
    StoreLimits::memories_max,
    StoreLimits::tables_max,
    StoreLimits::instances_max,
    StoreLimits::host_funcs_max,
];

#[unsafe(no_mangle)]
extern "C" fn wasmer_limits_new() -> Option<Box<CLimitsOfStore>> {
    Some(Box::new(CLimitsOfStore(StoreLimits::new())))
}

#[unsafe(no_mangle)]
extern "C" fn wasmer_limits_delete(limits: Option<Box<CLimitsOfStore>>) {
    drop(limits);
}

#[unsafe(no_mangle)]
extern "C" fn wasmer_limits_set(limits: Option<&mut CLimitsOfStore>, limit: u32, max: u64) -> bool {
    let (Some(limits), Some(set)) = (limits, SETTINGS.get(limit as usize)) else { return false };
    limits.0 = set(limits.0, max);
    true
}

#[unsafe(no_mangle)]
extern "C" fn wasmer_store_new_with_limits(
    engine: Option<&CEngine>,
    limits: Option<&CLimitsOfStore>,
) -> Option<Box<CStore>> {
    new_store(engine?, limits?.0)
}

/// Uses a store in one of two ways.
fn with_context(store: Option<&CStore>, run: impl FnOnce(Context<'_>) -> Result<(), Error>) -> bool {
    attempt(|| store.ok_or_else(|| null("the store"))?.cell.with_context(run)?).is_some()
}

#[unsafe(no_mangle)]
extern "C" fn wasmer_store_set_fuel(store: Option<&CStore>, fuel: u64) -> bool {
    with_context(store, |context| match context {
        Context::Owner(store) => store.set_fuel(fuel),
        Context::HostFunction(caller) => caller.set_fuel(fuel),
    })
}

#[unsafe(no_mangle)]
extern "C" fn wasmer_store_add_fuel(store: Option<&CStore>, fuel: u64) -> bool {
    with_context(store, |context| match context {
        Context::Owner(store) => store.add_fuel(fuel),
        Context::HostFunction(caller) => caller.add_fuel(fuel),
    })
}

#[unsafe(no_mangle)]
extern "C" fn wasmer_store_fuel(store: Option<&CStore>, out: Option<&mut MaybeUninit<u64>>) -> bool {
    with_context(store, |context| {
        let fuel = match context {
            Context::Owner(store) => store.fuel(),
            Context::HostFunction(caller) => caller.fuel(),
        };
        write(out, fuel?);
        Ok(())
    })
}

#[unsafe(no_mangle)]
extern "C" fn wasmer_store_gc(store: Option<&CStore>) {
    with_context(store, |context| {
        match context {
            Context::Owner(store) => store.gc(),
            Context::HostFunction(caller) => caller.gc(),
        }
        Ok(())
    });
}

/// `wasmer_interrupt_handle_t`.
struct CInterruptHandle(InterruptHandle);

#[unsafe(no_mangle)]
extern "C" fn wasmer_store_interrupt_handle(store: Option<&CStore>) -> Option<Box<CInterruptHandle>> {
    Some(Box::new(CInterruptHandle(store?.cell.interrupt_handle())))
}

#[unsafe(no_mangle)]
extern "C" fn wasmer_interrupt_handle_interrupt(handle: Option<&CInterruptHandle>) {
    if let Some(handle) = handle {
        handle.0.interrupt();
    }
}

#[unsafe(no_mangle)]
extern "C" fn wasmer_interrupt_handle_delete(handle: Option<Box<CInterruptHandle>>) {
    drop(handle);
}

#[unsafe(no_mangle)]
extern "C" fn wasmer_store_clear_interrupt(store: Option<&CStore>) -> bool {
    with_context(store, |context| match context {
        Context::Owner(store) => {
            store.clear_interrupt();
            Ok(())
        }
        Context::HostFunction(_) => {
            Err(ResourceError::other("an interrupt cannot be cleared while the guest runs").into())
        }
    })
}
