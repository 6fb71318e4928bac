//! A store as lifting and lowering see it, whatever its data are: so they are compiled once for a type, and not again for each kind of store.

use wasmer_api::{AsStoreMut, Caller, Func, Memory, RawValue, Result, StoreId};

use crate::bytes::Bytes;
use crate::cx::View;

/// What is asked of a store while a call crosses the border.
pub(crate) trait Guest {
    /// The identity of the store.
    fn id(&mut self) -> StoreId;

    /// Where a memory is, and its length in bytes, until code runs. Refused for memories that other threads may write to.
    fn memory(&mut self, memory: Memory) -> Result<(*mut u8, usize)>;

    /// Calls a function.
    ///
    /// # Safety
    /// As of [`Func::call_raw`].
    unsafe fn call(&mut self, func: Func, values: &mut [RawValue]) -> Result<()>;
}

impl<S: AsStoreMut> Guest for S {
    #[inline]
    fn id(&mut self) -> StoreId {
        self.as_store_mut().id()
    }

    fn memory(&mut self, memory: Memory) -> Result<(*mut u8, usize)> {
        let bytes = memory.data_mut(self)?;
        Ok((bytes.as_mut_ptr(), bytes.len()))
    }

    unsafe fn call(&mut self, func: Func, values: &mut [RawValue]) -> Result<()> {
        // SAFETY: the caller's promise.
        unsafe { func.call_raw(self, values) }
    }
}

/// A store with the part of its data that a host function is about.
pub(crate) trait GuestOf<U> {
    fn guest(&mut self) -> &mut dyn Guest;

    fn part(&mut self) -> &mut U;

    fn part_and_bytes(&mut self, bytes: Bytes) -> Result<(&mut U, &[u8])>;
}

/// A caller, and where in its store's data the part is.
pub(crate) struct Narrowed<'a, 'c, T, F> {
    pub(crate) caller: &'a mut Caller<'c, T>,
    pub(crate) part: F,
}

impl<T: 'static, U, F: Fn(&mut T) -> &mut U> GuestOf<U> for Narrowed<'_, '_, T, F> {
    fn guest(&mut self) -> &mut dyn Guest {
        self.caller
    }

    fn part(&mut self) -> &mut U {
        (self.part)(self.caller.data_mut())
    }

    fn part_and_bytes(&mut self, bytes: Bytes) -> Result<(&mut U, &[u8])> {
        let (data, bytes) = bytes.with_data(self.caller)?;
        Ok(((self.part)(data), bytes))
    }
}

/// What a host function of a [`Library`](crate::Library) gets of its caller: the part of the store's data that it is about.
pub struct Part<'a, U> {
    pub(crate) guest: &'a mut (dyn GuestOf<U> + 'a),
    /// Where the memory is that arguments were in.
    pub(crate) view: Option<View>,
}

impl<'a, U> Part<'a, U> {
    pub(crate) fn new(guest: &'a mut (dyn GuestOf<U> + 'a)) -> Self {
        Self { guest, view: None }
    }

    /// The part.
    pub fn data_mut(&mut self) -> &mut U {
        self.guest.part()
    }

    /// The part, and bytes that stay where they are in the guest's memory.
    ///
    /// # Errors
    /// None in the call that the bytes are an argument of.
    pub fn with_bytes(&mut self, bytes: Bytes) -> Result<(&mut U, &[u8])> {
        // SAFETY: no code runs while this lives, and the store is borrowed for as long as the bytes are: nobody else has the memory. It is no part of the store's data.
        match self.view.and_then(|view| unsafe { bytes.viewed(&view) }) {
            Some(bytes) => Ok((self.guest.part(), bytes)),
            None => self.guest.part_and_bytes(bytes),
        }
    }
}
