//! `wasi:sockets/ip-name-lookup`: a thread asks the system's resolver, which knows no other way than to block.

use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError, channel};

use rustix::event::{EventfdFlags, eventfd};
use wasmer_component::{Borrow, Own};
use wasmer_wasi::ops::{Direction, WaitFor};

use crate::ctx::WasiP2;
use crate::failure::Outcome;
use crate::io::Pollable;
use crate::sockets::grants::is_name;
use crate::sockets::network::{NetResult, Network, guest_ip};
use crate::types::{IpAddress, NetError};

/// The addresses of a name.
pub(crate) struct ResolveAddressStream {
    state: State,
}

enum State {
    /// Asked; the descriptor becomes readable when the answer is there.
    Pending {
        name: String,
        fd: u32,
        answer: Receiver<Option<Vec<IpAddr>>>,
    },
    /// What is left, the next one last.
    Found(Vec<IpAddr>),
    Failed,
}

/// How many threads of this process may ask at a time, for all components.
const LOOKUPS_MAX: usize = 32;

static LOOKUPS: AtomicUsize = AtomicUsize::new(0);

/// One of the [`LOOKUPS_MAX`], as long as it is there.
struct LookupPermit;

impl LookupPermit {
    fn take() -> Option<LookupPermit> {
        let more = |count| (count < LOOKUPS_MAX).then_some(count + 1);
        LOOKUPS.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok().map(|_| LookupPermit)
    }
}

impl Drop for LookupPermit {
    fn drop(&mut self) {
        LOOKUPS.fetch_sub(1, Ordering::Relaxed);
    }
}

impl WasiP2 {
    pub(crate) fn resolve_addresses(
        &mut self,
        _network: Borrow<Network>,
        name: String,
    ) -> NetResult<Own<ResolveAddressStream>> {
        let state = match name.parse::<IpAddr>() {
            Ok(address) => State::Found(vec![address]),
            Err(_) => match self.ask(name)? {
                Ok(pending) => pending,
                Err(error) => return Ok(Err(error)),
            },
        };
        self.lookups.insert(ResolveAddressStream { state }).map(Ok)
    }

    fn ask(&mut self, name: String) -> NetResult<State> {
        if !name.is_ascii() {
            // The system's resolver does not translate them.
            return Ok(Err(NetError::NotSupported));
        }
        if !is_name(&name) {
            return Ok(Err(NetError::InvalidArgument));
        }
        if !self.net.allows_name(&name) {
            return Ok(Err(NetError::AccessDenied));
        }
        let room = self.ctx.check_room().ok().and_then(|()| LookupPermit::take());
        let Some(ticket) = room else { return Ok(Err(NetError::TemporaryResolverFailure)) };
        let (event, answer) = match start(name.clone(), ticket) {
            Ok(started) => started,
            Err(_) => return Ok(Err(NetError::TemporaryResolverFailure)),
        };
        let fd = self.add_socket(event)?;
        Ok(Ok(State::Pending { name, fd, answer }))
    }

    pub(crate) fn resolve_next_address(
        &mut self,
        lookup: Borrow<ResolveAddressStream>,
    ) -> NetResult<Option<IpAddress>> {
        if let Err(error) = self.take_answer(lookup)? {
            return Ok(Err(error));
        }
        Ok(match &mut self.lookups.get_mut(lookup)?.state {
            State::Found(addresses) => Ok(addresses.pop().map(guest_ip)),
            State::Failed => Err(NetError::NameUnresolvable),
            State::Pending { .. } => Err(NetError::WouldBlock),
        })
    }

    /// Takes the answer if it is there and was not taken yet.
    fn take_answer(&mut self, lookup: Borrow<ResolveAddressStream>) -> NetResult<()> {
        let stream = self.lookups.get_mut(lookup)?;
        let State::Pending { name, fd, answer } = &stream.state else { return Ok(Ok(())) };
        let found = match answer.try_recv() {
            Ok(found) => found,
            Err(TryRecvError::Empty) => return Ok(Err(NetError::WouldBlock)),
            Err(TryRecvError::Disconnected) => None,
        };
        // A rule that names the host allows these from now on.
        if let Some(addresses) = &found {
            self.net.found(name, addresses);
        }
        let fd = *fd;
        stream.state = match found {
            Some(addresses) => State::Found(addresses.into_iter().rev().collect()),
            None => State::Failed,
        };
        self.close(fd).map(Ok)
    }

    pub(crate) fn lookup_subscribe(&mut self, lookup: Borrow<ResolveAddressStream>) -> Outcome<Own<Pollable>> {
        self.lookups.retain(lookup)?;
        self.pollables.insert(Pollable::Lookup(lookup))
    }

    pub(crate) fn lookup_source(&self, lookup: Borrow<ResolveAddressStream>) -> Outcome<WaitFor> {
        Ok(match self.lookups.get(lookup)?.state {
            State::Pending { fd, .. } => WaitFor::Descriptor(fd, Direction::Read),
            State::Found(_) | State::Failed => WaitFor::Ready,
        })
    }

    pub(crate) fn drop_lookup(&mut self, lookup: Own<ResolveAddressStream>) -> Outcome<()> {
        self.release_lookup(Borrow::new(lookup.rep))
    }

    pub(crate) fn release_lookup(&mut self, lookup: Borrow<ResolveAddressStream>) -> Outcome<()> {
        match self.lookups.release(lookup)? {
            Some(ResolveAddressStream { state: State::Pending { fd, .. } }) => self.close(fd),
            Some(_) | None => Ok(()),
        }
    }
}

/// Asks in a thread of its own.
fn start(name: String, ticket: LookupPermit) -> io::Result<(OwnedFd, Receiver<Option<Vec<IpAddr>>>)> {
    let event = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
    let (send, receive) = channel();
    let kept = event.try_clone()?;
    std::thread::Builder::new().name("name lookup".to_owned()).spawn(move || {
        let addresses = (&*name, 0).to_socket_addrs().ok().map(|found| {
            let mut addresses: Vec<IpAddr> = Vec::new();
            // The resolver gives an address for each kind of socket, and IPv4 in the form of IPv6 where that is asked for.
            for address in found.map(|address| address.ip().to_canonical()) {
                if !addresses.contains(&address) {
                    addresses.push(address);
                }
            }
            addresses
        });
        // Before the answer is made known, so that a caller that asks again as soon as it comes is not refused.
        drop(ticket);
        // Whoever asked may be gone.
        let _ = send.send(addresses.filter(|addresses| !addresses.is_empty()));
        let _ = rustix::io::write(&*event, &1_u64.to_ne_bytes());
    })?;
    Ok((kept, receive))
}
