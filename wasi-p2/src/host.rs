//! Streams and events that other interfaces bring: an HTTP body, an answer that will come.
//!
//! What they wait for is somebody else's business, on another thread. Such a thread wakes the guest by the component's [`GuestWaker`] after each change; a guest that waits looks again
//! at what it waits for whenever it is woken.

use std::error::Error;
use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::event::{EventfdFlags, eventfd};
use wasmer_component::Own;

use crate::ctx::WasiP2;
use crate::failure::{Outcome, trap};
use crate::io::Pollable;
use crate::streams::{InputStream, OutputStream};

/// Why a stream gives or takes nothing any more.
#[derive(Debug)]
pub enum StreamEnd {
    /// It is at its end, or nobody listens.
    Closed,
    /// It failed, which is said once. What it failed with can be found by [`WasiP2::host_error`].
    Failed(Box<dyn Error + Send + Sync>),
}

/// Where bytes come from. A call never waits.
pub trait HostInput: Send {
    /// Takes at most so many bytes; none if there are none yet.
    fn read(&mut self, bytes_max: usize) -> Result<Vec<u8>, StreamEnd>;

    /// Whether there are bytes, or none will come.
    fn is_ready(&self) -> bool;
}

/// Where bytes go. A call never waits.
pub trait HostOutput: Send {
    /// How many bytes it takes.
    fn permit(&mut self) -> Result<u64, StreamEnd>;

    /// Takes bytes: a bit more than was permitted, if a guest writes and waits afterwards.
    fn write(&mut self, bytes: &[u8]) -> Result<(), StreamEnd>;

    /// Whether it takes bytes, or will never again.
    fn is_ready(&self) -> bool;
}

/// Something that will have happened.
pub trait HostEvent: Send {
    /// Whether it has.
    fn is_ready(&self) -> bool;
}

/// What other threads wake a component's guest with. Cheap to clone.
#[derive(Clone)]
pub struct GuestWaker(Arc<OwnedFd>);

impl GuestWaker {
    /// A waker of no component yet. It may be used for one component after the other.
    ///
    /// # Errors
    /// If the system has no descriptor for it.
    pub fn new() -> io::Result<GuestWaker> {
        Ok(GuestWaker(Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?)))
    }

    /// Has a guest that waits look again.
    pub fn wake(&self) {
        // It fails only if it was called very often already.
        let _ = rustix::io::write(&*self.0, &1_u64.to_ne_bytes());
    }

    /// Forgets that it was woken, before a look at what for.
    pub(crate) fn reset(&self) {
        let _ = rustix::io::read(&*self.0, &mut [0_u8; 8]);
    }

    pub(crate) fn descriptor(&self) -> io::Result<OwnedFd> {
        self.0.try_clone()
    }
}

impl fmt::Debug for GuestWaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GuestWaker")
    }
}

impl WasiP2 {
    /// Says what streams and events of the host wake. It takes one of the guest's descriptors when the guest waits for one of them.
    pub fn set_waker(&mut self, waker: GuestWaker) {
        self.waker = Some((waker, None));
    }

    /// The waker, reset, and its descriptor.
    pub(crate) fn silent_bell(&mut self) -> Outcome<u32> {
        let Some((waker, fd)) = &self.waker else { return Err(trap("nothing would end this waiting")) };
        waker.reset();
        if let Some(fd) = fd {
            return Ok(*fd);
        }
        let descriptor = waker.descriptor().map_err(wasmer_api::Error::host)?;
        let fd = self.add_socket(descriptor)?;
        if let Some((_, kept)) = &mut self.waker {
            *kept = Some(fd);
        }
        Ok(fd)
    }

    /// A stream that the guest reads. [`WasiP2::set_waker`] was called before.
    pub fn add_input(&mut self, input: impl HostInput + 'static) -> Outcome<Own<InputStream>> {
        self.inputs.insert(InputStream::host(Box::new(input)))
    }

    /// A stream that the guest writes. [`WasiP2::set_waker`] was called before.
    pub fn add_output(&mut self, output: impl HostOutput + 'static) -> Outcome<Own<OutputStream>> {
        self.outputs.insert(OutputStream::host(Box::new(output)))
    }

    /// Something for the guest to wait for. [`WasiP2::set_waker`] was called before.
    pub fn add_event(&mut self, event: impl HostEvent + 'static) -> Outcome<Own<Pollable>> {
        self.pollables.insert(Pollable::Host(Box::new(event)))
    }
}
