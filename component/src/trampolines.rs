//! The functions of the host that core modules and adapters call besides imports: handles, scopes, strings.

use std::sync::Arc;

use wasmer_api::{AsStoreMut, Caller, Memory, RawValue, Result};
use wasmer_component_translate::adapter_trap;
use wasmer_component_translate::info::{HandleIdx, InstanceIdx, MemoryIdx, TrampolineKind, Transcode};
use wasmer_runtime_core::trap::TrapCode;

use crate::error::AbiTrap;
use crate::guest_resource::run_dtor;
use crate::handles::TypeId;
use crate::linker::Drop;
use crate::state::Shared;
use crate::transcode::{PIECE_BYTES, Pieces, Request, transcode};

/// A parameter of type `i32`.
fn arg(values: &[RawValue], position: usize) -> u32 {
    // SAFETY: every parameter of these functions is an `i32`, which the caller wrote.
    values.get(position).map_or(0, |value| unsafe { value.i32 }.cast_unsigned())
}

fn give(values: &mut [RawValue], position: usize, result: u32) {
    values[position].i32 = result.cast_signed();
}

pub(crate) fn run<T: 'static>(
    shared: &Arc<Shared>,
    mut caller: Caller<'_, T>,
    kind: TrampolineKind,
    values: &mut [RawValue],
) -> Result<()> {
    let caller = &mut caller;
    match kind {
        TrampolineKind::ResourceNew(instance, handle) => {
            shared.may_leave(caller, instance)?;
            let id = shared.resource(handle)?.1.id;
            let index = shared.state(caller)?.tables[instance.index()].insert_own(id, arg(values, 0))?;
            give(values, 0, index);
        }
        TrampolineKind::ResourceRep(instance, handle) => {
            let id = shared.resource(handle)?.1.id;
            let rep = shared.state(caller)?.tables[instance.index()].rep(arg(values, 0), id)?;
            give(values, 0, rep);
        }
        TrampolineKind::TransferOwn => {
            let (from, to) = (HandleIdx(arg(values, 1)), HandleIdx(arg(values, 2)));
            let index = transfer_own(shared, caller, arg(values, 0), from, to)?;
            give(values, 0, index);
        }
        TrampolineKind::TransferBorrow => {
            let (from, to) = (HandleIdx(arg(values, 1)), HandleIdx(arg(values, 2)));
            let index = transfer_borrow(shared, caller, arg(values, 0), from, to)?;
            give(values, 0, index);
        }
        TrampolineKind::EnterCall => shared.state(caller)?.push_scope(),
        TrampolineKind::ExitCall => shared.state(caller)?.pop_scope()?,
        TrampolineKind::Trap => return Err(AbiTrap::Adapter(adapter_trap(arg(values, 0))).into()),
        TrampolineKind::Transcode { op, from, to } => return run_transcode(shared, caller, op, from, to, values),
        TrampolineKind::Lower { .. } | TrampolineKind::ResourceDrop(..) => {
            return Err(AbiTrap::Adapter("a function of the host was made for something else").into());
        }
    }
    Ok(())
}

/// The type of a handle that an adapter names by number.
fn instance_of(shared: &Shared, handle: HandleIdx) -> Result<InstanceIdx> {
    let handle = shared.info.types.handles.get(handle.index());
    Ok(handle.ok_or(AbiTrap::Adapter("an adapter names a handle type that there is not"))?.instance)
}

fn transfer_own(
    shared: &Shared,
    store: &mut impl AsStoreMut,
    index: u32,
    from: HandleIdx,
    to: HandleIdx,
) -> Result<u32> {
    let (source, target) = (instance_of(shared, from)?, instance_of(shared, to)?);
    let (from, to) = (shared.resource(from)?.1.id, shared.resource(to)?.1.id);
    let state = shared.state(store)?;
    let rep = state.tables[source.index()].remove_own(index, from)?;
    Ok(state.tables[target.index()].insert_own(to, rep)?)
}

fn transfer_borrow(
    shared: &Shared,
    store: &mut impl AsStoreMut,
    index: u32,
    from: HandleIdx,
    to: HandleIdx,
) -> Result<u32> {
    let (source, target) = (instance_of(shared, from)?, instance_of(shared, to)?);
    let from = shared.resource(from)?.1.id;
    let info = *shared.resource(to)?.1;
    let state = shared.state(store)?;
    let rep = state.lend(source, index, from)?;
    if info.owner == Some(target) {
        return Ok(rep);
    }
    Ok(state.borrow(target, rep, info.id)?)
}

/// `resource.drop`: `host` ends what the handle owned, or else the part of the component that defines it does.
pub(crate) fn resource_drop<T: 'static>(
    shared: &Shared,
    mut caller: Caller<'_, T>,
    of: (InstanceIdx, HandleIdx),
    host: Option<&Drop<T>>,
    values: &[RawValue],
) -> Result<()> {
    let Some((id, rep)) = take_handle(shared, &mut caller, of, values)? else { return Ok(()) };
    match host {
        Some(drop) => drop(&mut caller, rep),
        None => run_dtor(shared, &mut caller, id, rep),
    }
}

/// Takes the handle that `resource.drop` is given: the type and number of the resource, if the handle owned it.
pub(crate) fn take_handle(
    shared: &Shared,
    store: &mut impl AsStoreMut,
    (instance, handle): (InstanceIdx, HandleIdx),
    values: &[RawValue],
) -> Result<Option<(TypeId, u32)>> {
    shared.may_leave(store, instance)?;
    let id = shared.resource(handle)?.1.id;
    let rep = shared.state(store)?.drop_handle(instance, arg(values, 0), id)?;
    Ok(rep.map(|rep| (id, rep)))
}

fn run_transcode<T: 'static>(
    shared: &Shared,
    caller: &mut Caller<'_, T>,
    op: Transcode,
    from: MemoryIdx,
    to: MemoryIdx,
    values: &mut [RawValue],
) -> Result<()> {
    let [from_at, from_len, to_at] = [0, 1, 2].map(|position| arg(values, position));
    let request = Request { op, from: from_at, from_len, to: to_at, to_len: arg(values, 3), last: arg(values, 4) };
    let state = shared.state(caller)?;
    let memories = (state.memories[from.index()], state.memories[to.index()]);
    let (Some(source), Some(target)) = memories else { return Err(AbiTrap::OutOfBounds.into()) };
    let done = with_both(caller, source.memory, target.memory, &request)?;
    for (position, result) in done.into_iter().enumerate() {
        if position < values.len() {
            give(values, position, result);
        }
    }
    Ok(())
}

/// Transcodes between two memories, or inside one.
fn with_both<T: 'static>(
    caller: &mut Caller<'_, T>,
    source: Memory,
    target: Memory,
    request: &Request,
) -> Result<[u32; 2]> {
    let slice = |at: u32, bytes: u64, len: usize| {
        let end = u64::from(at) + bytes;
        if end <= len as u64 { Ok(at as usize..end as usize) } else { Err(AbiTrap::StringTooLong) }
    };
    let from = slice(request.from, request.source_bytes(), source.len_bytes(&*caller)?)?;
    let to = slice(request.to, request.target_bytes(), target.len_bytes(&*caller)?)?;
    // Whatever is one piece asks nothing.
    let interrupt = (from.len().max(to.len()) > PIECE_BYTES).then(|| caller.interrupt_handle());
    let go_on = || match &interrupt {
        Some(interrupt) if interrupt.is_interrupted() => Err(TrapCode::Interrupted.into()),
        _ => Ok(()),
    };
    let pieces = Pieces { bytes: PIECE_BYTES, go_on: &go_on };
    if source == target {
        // The two may overlap.
        let mut copy = Vec::with_capacity(from.len());
        for piece in pieces.bytes(&source.data(&*caller)?[from]) {
            copy.extend_from_slice(piece?);
        }
        return transcode(request, &pieces, &copy, &mut target.data_mut(caller)?[to]);
    }
    let (base, len) = source.raw_parts(&*caller)?;
    let target = target.data_mut(caller)?;
    // SAFETY: the two memories are different ones, so that their bytes do not overlap; this one's are mapped, nobody writes to them while the store is
    // borrowed, and it has not become smaller since.
    let source = unsafe { std::slice::from_raw_parts(base, len) };
    transcode(request, &pieces, &source[from], &mut target[to])
}
